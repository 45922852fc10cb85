"""Prime numbers and their places on Ulam's spiral. Nothing is built before it is asked for.

Source: Stein, Ulam, Wells, A visual display of some properties of the distribution of primes, 1964.
"""

import math
import threading
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["Cache", "primes", "ulam"]


def primes(*, limit: int, device: torch.device | str = "cpu") -> Tensor:
    """All primes ≤ limit, increasing, int64: the sieve of Eratosthenes over the odd numbers."""
    _check("limit", limit)
    if limit < 2:
        return torch.zeros(0, dtype=torch.int64, device=device)
    odd = torch.ones((limit + 1) // 2, dtype=torch.bool, device=device)  # odd[i] stands for 2 i + 1, odd[0] for 2
    for number in range(3, math.isqrt(limit) + 1, 2):
        odd[number * number // 2 :: number] = False
    found = 2 * odd.nonzero().flatten() + 1
    found[0] = 2
    return found


def ulam(*, n: int, device: torch.device | str = "cpu") -> Tensor:
    """(x, y) of 1 … n on the square spiral, (n, 2) int64: 1 at (0, 0), 2 at (1, 0), 3 at (1, 1), and on to the left.

    Ring r holds the 8 r numbers up to (2 r + 1)²; its four sides begin at (r, 1 − r) and end at (r, −r).
    """
    _check("n", n)
    number = torch.arange(1, n + 1, device=device)
    ring = _ring(number)
    step = number - (2 * ring - 1) ** 2 - 1  # 0 … 8 r − 1 along the ring
    side, along = step // (2 * ring).clamp(min=1), step % (2 * ring).clamp(min=1) + 1
    x = torch.stack([ring, ring - along, -ring, along - ring])
    y = torch.stack([along - ring, ring, ring - along, -ring])
    places = torch.stack([pick.gather(0, side.clamp(0, 3)[None])[0] for pick in (x, y)], dim=-1)
    return torch.where((ring == 0)[:, None], 0, places)


class Cache:
    """The primes up to `limit` and the places of the first `limit` numbers, built once, at first use, by any thread."""

    def __init__(self, limit: int, device: torch.device | str = "cpu") -> None:
        _check("limit", limit)
        self.limit, self.device = limit, device
        self._building = threading.Lock()

    @property
    def primes(self) -> Tensor:
        with self._building:
            return self._primes

    @property
    def places(self) -> Tensor:
        with self._building:
            return self._places

    @cached_property
    def _primes(self) -> Tensor:
        return primes(limit=self.limit, device=self.device)

    @cached_property
    def _places(self) -> Tensor:
        return ulam(n=self.limit, device=self.device)


def _ring(number: Tensor) -> Tensor:
    """The least r with number ≤ (2 r + 1)², exact in integers: a root in float64 may be one off."""
    guess = ((number.double().sqrt() - 1) / 2).ceil().long()
    guess = guess + ((2 * guess + 1) ** 2 < number).long()
    return guess - ((guess > 0) & ((2 * guess - 1) ** 2 >= number)).long()


def _check(name: str, number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name}: expected an int, got {type(number).__name__}")
    if number < 0:
        raise ValueError(f"{name}: expected a number ≥ 0, got {number}")
