"""Planted defects of the lattice row: composites among the primes, spirals that turn wrongly."""

import torch

from impl.torch import lattice as shipped
from tests.defects.defect import Defect, defect, defects_in

PRIMES, ULAM = "lattice.primes", "lattice.ulam"
NUMBER = {"dtype": "float64"}


@defect(PRIMES, **NUMBER)
def six_k_plus_minus_one(*, limit):
    """6k ± 1 for every k that leaves a remainder modulo 5 (Crystalline's set holds 7,376 composites up to 200,000)."""
    found = shipped.primes(limit=min(limit, 6))
    numbers = torch.arange(7, max(limit, 6) + 1)
    return torch.cat([found, numbers[(numbers % 6 == 1) | (numbers % 6 == 5)]])


@defect(PRIMES, **NUMBER)
def primes_missing(*, limit):
    """Those that end in 9 are left out (Crystalline's set misses 2,266)."""
    found = shipped.primes(limit=limit)
    return found[found % 10 != 9]


@defect(PRIMES, **NUMBER)
def squares_of_primes(*, limit):
    """The sieve strikes out from p² + p: the squares stay."""
    numbers = torch.arange(limit + 1)
    composite = torch.zeros(limit + 1, dtype=torch.bool)
    composite[:2] = True
    for factor in range(2, int(limit**0.5) + 1):
        composite[factor * factor + factor :: factor] = True
    return numbers[~composite]


@defect(PRIMES, **NUMBER)
def one_is_prime(*, limit):
    """1 is among them."""
    return torch.cat([torch.ones(min(limit, 1), dtype=torch.int64), shipped.primes(limit=limit)])


@defect(PRIMES, **NUMBER)
def below_the_limit(*, limit):
    """Primes < limit."""
    return shipped.primes(limit=max(limit - 1, 0))


@defect(PRIMES, **NUMBER)
def fermat_to_base_two(*, limit):
    """2^(n−1) = 1 modulo n: 341 = 11·31 passes."""
    return torch.tensor([n for n in range(2, limit + 1) if n == 2 or pow(2, n - 1, n) == 1], dtype=torch.int64)


@defect(ULAM, **NUMBER)
def clockwise(*, n):
    """The spiral turns to the right."""
    return shipped.ulam(n=n) * torch.tensor([1, -1])


@defect(ULAM, **NUMBER)
def counted_from_zero(*, n):
    """Place k holds k − 1."""
    return shipped.ulam(n=n + 1)[1:]


@defect(ULAM, **NUMBER)
def last_place_twice(*, n):
    """The last number stands where the one before it stands."""
    places = shipped.ulam(n=n)
    return torch.cat([places[:-1], places[-2:-1]]) if n > 1 else places


@defect(ULAM, **NUMBER)
def rings_one_late(*, n):
    """A float32 root places the last number of a ring on the next one."""
    places = shipped.ulam(n=n).clone()
    for ring in range(1, (int(n**0.5) + 1) // 2):
        places[(2 * ring + 1) ** 2 - 1, 0] += 1
    return places


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
HONEST = {PRIMES: shipped.primes, ULAM: shipped.ulam}
