"""Laws of primes and of Ulam's spiral: integers, exact."""

import numpy as np

from properties.case import Case
from properties.implementation import Implementation
from properties.law import Falsified, law


@law(judged=None)
def no_composite_and_none_missing(implementation: Implementation, case: Case) -> float:
    """Every number up to the limit that has no divisor but 1 and itself is there, once, in order, and no other."""
    (found,), limit = implementation(case), case.options["limit"]
    numbers = np.arange(limit + 1)
    composite = np.zeros(limit + 1, bool)
    composite[:2] = True
    for factor in range(2, int(np.sqrt(limit)) + 1):
        composite |= (numbers % factor == 0) & (numbers > factor)
    exact = numbers[~composite]
    wrong, missing = np.setdiff1d(found, exact).size, np.setdiff1d(exact, found).size
    if wrong or missing or not np.array_equal(found, exact):
        raise Falsified(f"{found.size} numbers up to {limit}: {wrong} are not prime, {missing} primes are missing")
    return 0.0


@law(judged=None)
def prefix(implementation: Implementation, case: Case) -> float:
    """The result for a smaller number is the beginning of that for a larger one."""
    ((name, number),) = case.options.items()
    smaller = Case((), case.dtype, case.seed, {name: number // 2}, f"half of {case.drawn}")
    (whole,), (part,) = implementation(case), implementation(smaller)
    if not np.array_equal(whole[: len(part)], part):
        raise Falsified(f"{name} {number // 2} is not the beginning of {name} {number}")
    return 0.0


@law(judged=None)
def spiral(implementation: Implementation, case: Case) -> float:
    """Each step leads to a neighbour, no place is met twice, and (2 r + 1)² stands at (r, −r)."""
    (places,) = implementation(case)
    steps = np.abs(np.diff(places, axis=0)).sum(-1)
    if np.any(steps != 1):
        raise Falsified(f"step {int(np.argmax(steps != 1)) + 1} does not lead to a neighbour")
    if len(np.unique(places, axis=0)) != len(places):
        raise Falsified("a place is met twice")
    for ring in range((int(np.sqrt(len(places))) + 1) // 2):
        corner = places[(2 * ring + 1) ** 2 - 1]
        if corner.tolist() != [ring, -ring]:
            raise Falsified(f"{(2 * ring + 1) ** 2} stands at {corner.tolist()}, not at {[ring, -ring]}")
    return 0.0


PRIMES = (no_composite_and_none_missing, prefix)
SPIRAL = (spiral, prefix)
