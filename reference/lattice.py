"""Prime numbers and their places on Ulam's spiral. Integers: exact, without gauge.

Source: M. L. Stein, S. M. Ulam, M. B. Wells, A visual display of some properties of the distribution of primes, 1964.
"""

import threading
from functools import cached_property

import numpy as np

__all__ = ["Cache", "primes", "ulam"]


def primes(*, limit):
    """All primes ≤ limit, increasing, int64, by trial division. Raises ValueError for a negative limit."""
    if limit < 0:
        raise ValueError(f"limit: expected a number ≥ 0, got {limit}")
    found: list[int] = []
    for number in range(2, limit + 1):
        if _is_prime(number, found):
            found.append(number)
    return np.array(found, np.int64)


def ulam(*, n):
    """(x, y) of 1 … n on the square spiral, (n, 2) int64: 1 at (0, 0), 2 at (1, 0), 3 at (1, 1), and on to the left.

    Raises ValueError for a negative n.
    """
    if n < 0:
        raise ValueError(f"n: expected a number ≥ 0, got {n}")
    places: list[tuple[int, int]] = []
    place, heading, run = (0, 0), (1, 0), 1
    while len(places) < n:
        for _ in range(2):
            for _ in range(run):
                places.append(place)
                place = (place[0] + heading[0], place[1] + heading[1])
            heading = (-heading[1], heading[0])
        run += 1
    return np.array(places[:n], np.int64).reshape(n, 2)


def _is_prime(number: int, smaller: list[int]) -> bool:
    for prime in smaller:
        if prime * prime > number:
            return True
        if number % prime == 0:
            return False
    return True


class Cache:
    """The primes up to `limit` and the places of the first `limit` numbers, built once, at first use, by any thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._building = threading.Lock()

    @property
    def primes(self) -> np.ndarray:
        with self._building:
            return self._primes

    @property
    def places(self) -> np.ndarray:
        with self._building:
            return self._places

    @cached_property
    def _primes(self) -> np.ndarray:
        return primes(limit=self.limit)

    @cached_property
    def _places(self) -> np.ndarray:
        return ulam(n=self.limit)
