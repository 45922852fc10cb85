"""Prime numbers and their places on Ulam's spiral. Nothing is built before it is asked for.

The shapes depend on the numbers asked for, so they are formed in NumPy; under `jax.jit` they are constants.
Source: Stein, Ulam, Wells, A visual display of some properties of the distribution of primes, 1964.
"""

import math
import threading
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["Cache", "primes", "ulam"]


def primes(*, limit: int) -> Array:
    """All primes ≤ limit, increasing, JAX's default integers: the sieve of Eratosthenes over the odd numbers."""
    _check("limit", limit)
    if limit < 2:
        return jnp.zeros(0, int)
    odd = np.ones((limit + 1) // 2, bool)  # odd[i] stands for 2 i + 1, odd[0] for 2
    for number in range(3, math.isqrt(limit) + 1, 2):
        odd[number * number // 2 :: number] = False
    found = 2 * np.flatnonzero(odd) + 1
    found[0] = 2
    return jnp.asarray(found)


def ulam(*, n: int) -> Array:
    """(x, y) of 1 … n on the square spiral, (n, 2): 1 at (0, 0), 2 at (1, 0), 3 at (1, 1), and on to the left.

    One step after the other, the heading turns after runs of 1, 1, 2, 2, 3, 3 … steps.
    """
    _check("n", n)
    runs = np.repeat(np.arange(1, math.isqrt(n) + 2), 2)
    heading = np.repeat(np.arange(runs.size), runs)[: max(n - 1, 0)] % 4
    steps = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])[heading]
    return jnp.asarray(np.concatenate([np.zeros((1, 2), int), np.cumsum(steps, axis=0)])[:n])


class Cache:
    """The primes up to `limit` and the places of the first `limit` numbers, built once, at first use, by any thread."""

    def __init__(self, limit: int) -> None:
        _check("limit", limit)
        self.limit = limit
        self._building = threading.Lock()

    @property
    def primes(self) -> Array:
        with self._building:
            return self._primes

    @property
    def places(self) -> Array:
        with self._building:
            return self._places

    @cached_property
    def _primes(self) -> Array:
        return primes(limit=self.limit)

    @cached_property
    def _places(self) -> Array:
        return ulam(n=self.limit)


def _check(name: str, number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name}: expected an int, got {type(number).__name__}")
    if number < 0:
        raise ValueError(f"{name}: expected a number ≥ 0, got {number}")
