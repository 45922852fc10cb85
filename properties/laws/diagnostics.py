"""Laws of the magnitudes of a set of arrays. Outputs: largest, mean, nonfinite, rms, zeros."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from reference.numbers import Gauged

LARGEST, MEAN, NONFINITE, RMS, ZEROS = range(5)
SIZES = (LARGEST, MEAN, RMS)


@law()
def ordered(implementation: Implementation, case: Case) -> float:
    """mean ≤ rms ≤ largest (Jensen)."""
    actual, expected = implementation(case), implementation.expected(case)
    worst = 0.0
    for small, large in ((MEAN, RMS), (RMS, LARGEST)):
        allowed = expected[small].tolerance + expected[large].tolerance
        below = np.minimum(actual[small], actual[large])
        worst = max(worst, compare("mean ≤ rms ≤ largest", (actual[small],), (Gauged(below, allowed),)))
    return worst


@law()
def each_array_alone(implementation: Implementation, case: Case) -> float:
    """An array has the same magnitudes whatever stands beside it."""
    place = int(case.random().integers(len(case.inputs)))
    alone = replace(case, inputs=case.inputs[place : place + 1], drawn=f"array {place} of {case.drawn}")
    within = tuple(output[place : place + 1] for output in implementation(case))
    return implementation.agree(f"array {place}", within, implementation.expected(alone))


@law()
def homogeneous(implementation: Implementation, case: Case) -> float:
    """Twice the arrays have twice the magnitudes, and the same counts."""
    halved = case.with_inputs(*(array / 2 for array in case.inputs))
    actual, expected = implementation(case), implementation.expected(case)
    doubled = tuple(output * 2 if i in SIZES else output for i, output in enumerate(implementation(halved)))
    small = implementation.expected(halved)
    allowed = tuple(
        Gauged(value, judged.tolerance + (2 if i in SIZES else 1) * other.tolerance)
        for i, (value, judged, other) in enumerate(zip(actual, expected, small, strict=True))
    )
    return compare("magnitudes of the halves, doubled", doubled, allowed)


@law()
def shape_does_not_matter(implementation: Implementation, case: Case) -> float:
    """Flattened arrays have the same magnitudes."""
    flat = replace(case, inputs=tuple(array.reshape(-1) for array in case.inputs), drawn=f"flat {case.drawn}")
    return implementation.agree("flattened", implementation(flat), implementation.expected(case))


@law(judged=None)
def everything_is_counted(implementation: Implementation, case: Case) -> float:
    """Zeros and non-finite elements are counted exactly, and one of them spoils no size."""
    actual = implementation(case)
    for what, place, test in (("zeros", ZEROS, lambda x: x == 0), ("non-finite", NONFINITE, lambda x: ~np.isfinite(x))):
        exact = np.array([np.count_nonzero(test(array)) for array in case.inputs])
        if not np.array_equal(actual[place], exact):
            raise Falsified(f"{what}: counted {actual[place].tolist()}, there are {exact.tolist()}")
    if not all(np.all(np.isfinite(actual[place])) for place in SIZES):
        raise Falsified("a size is not finite")
    return 0.0


MAGNITUDES = (ordered, each_array_alone, homogeneous, shape_does_not_matter, everything_is_counted)
