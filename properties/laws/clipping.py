"""Laws of norms and clippings of gradient sets. ‖out‖ and factors are formed in float64 from the values themselves."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from properties.laws.clipping_holes import clips_what_sanitize_leaves, counted_once, non_finite_shows
from properties.laws.clipping_invariance import FACTOR, homogeneous, order_of_the_set, partition_of_the_set, zero_set
from properties.laws.clipping_sets import both_tolerances, bound_of, clipped_of, norm_of, own_of
from reference.numbers import Gauged


@law()
def bounded(implementation: Implementation, case: Case) -> float:
    """‖out‖ ≤ max_norm, to within the gauge of out."""
    bound = bound_of(implementation, case)
    if np.isinf(bound):
        return 0.0
    allowed = norm_of([judged.tolerance for judged in own_of(implementation, implementation.expected(case))])
    found = max(norm_of(own_of(implementation, implementation(case))), bound)
    return compare("‖out‖", (np.asarray(found),), (Gauged(np.asarray(bound), np.asarray(allowed)),))


@law(judged=None)
def untouched_inside(implementation: Implementation, case: Case) -> float:
    """Where ‖g‖ ≤ max_norm nothing changes, bit for bit."""
    arrays = clipped_of(implementation, case)
    bound, norm = bound_of(implementation, case), norm_of(arrays)
    own = own_of(implementation, implementation.expected(case))
    uncertain = np.isfinite(bound) and norm + norm_of([judged.tolerance for judged in own]) > bound and norm > 0
    if uncertain:
        return 0.0
    for place, (array, out) in enumerate(zip(arrays, own_of(implementation, implementation(case)), strict=True)):
        if out.shape != array.shape or not np.array_equal(out, array):
            raise Falsified(f"gradients[{place}] was changed although ‖g‖ = {norm:.6g} ≤ {bound:.6g}")
    return 0.0


@law()
def one_factor(implementation: Implementation, case: Case) -> float:
    """The result is t·g with one real t in [0, 1] for the whole set: direction and complex phases are kept."""
    arrays = clipped_of(implementation, case)
    found, expected = (own_of(implementation, x) for x in (implementation(case), implementation.expected(case)))
    norm = norm_of(arrays)
    if not norm:
        return 0.0
    with np.errstate(under="ignore"):
        units = [g / norm for g in arrays]
        length = sum(float(np.sum(np.real(np.conj(u) * out))) for u, out in zip(units, found, strict=True))
        slack = norm_of([judged.tolerance for judged in expected])
        parallel = [np.clip(length, 0, norm) * u for u in units]
        allowed = [judged.tolerance + slack * np.abs(u) for judged, u in zip(expected, units, strict=True)]
    return compare("distance to t·g", found, [Gauged(p, a) for p, a in zip(parallel, allowed, strict=True)])


@law()
def idempotent(implementation: Implementation, case: Case) -> float:
    """Clipping twice is clipping once."""
    once = own_of(implementation, implementation(case))
    if not all(np.isfinite(out).all() for out in once):
        raise Falsified("a finite set became one that is not finite")
    again = replace(case, inputs=(*once, *case.inputs[len(once) :]), drawn=f"clipped {case.drawn}")
    twice = own_of(implementation, implementation(again))
    allowed = both_tolerances(
        own_of(implementation, implementation.expected(case)), own_of(implementation, implementation.expected(again))
    )
    return compare("clipped twice", twice, [Gauged(out, a) for out, a in zip(once, allowed, strict=True)])


@law()
def monotone(implementation: Implementation, case: Case) -> float:
    """A larger max_norm gives a larger norm, never a smaller one."""
    bound = case.options["max_norm"]
    if np.isinf(bound):
        return 0.0
    narrower = replace(case, options={**case.options, "max_norm": FACTOR * bound})
    small, large = (norm_of(own_of(implementation, implementation(one))) for one in (narrower, case))
    slack = sum(
        norm_of([e.tolerance for e in own_of(implementation, implementation.expected(one))]) for one in (narrower, case)
    )
    return compare("loss of norm", (np.asarray(min(large, small)),), (Gauged(np.asarray(small), np.asarray(slack)),))


@law(judged=None)
def noise_is_added(implementation: Implementation, case: Case) -> float:
    """The noise does not depend on the gradients: f(g) − g = f(0), to rounding; another key, another noise."""
    key = case.inputs[-1]
    arrays = case.inputs[:-1]
    silent = replace(case, inputs=(*(0 * array for array in arrays), key))
    noise = [np.asarray(judged.value) for judged in implementation.expected(silent)]
    unit = implementation.arithmetic.elementwise
    allowed = [
        judged.tolerance + 2 * unit * (np.abs(array) + np.abs(n))
        for judged, array, n in zip(implementation.expected(silent), arrays, noise, strict=True)
    ]
    expected = [Gauged(array + n, a) for array, n, a in zip(arrays, noise, allowed, strict=True)]
    worst = compare("g + noise", implementation(case), expected)
    other = replace(silent, inputs=(*silent.inputs[:-1], key ^ np.uint32(1)))
    if case.options["scale"] and all(
        np.array_equal(a, b) for a, b in zip(implementation(other), implementation(silent), strict=True)
    ):
        raise Falsified("two keys gave the same noise")
    return worst


INVARIANCE = (homogeneous, order_of_the_set, partition_of_the_set, zero_set)
NORM = (*INVARIANCE, non_finite_shows)
CLIPPING = (bounded, untouched_inside, one_factor, idempotent, monotone, *INVARIANCE)
PLAIN_CLIPPING = (*CLIPPING, non_finite_shows)
SINGLE = (bounded, untouched_inside, one_factor, idempotent, monotone, homogeneous, zero_set, non_finite_shows)
SAFE = (*CLIPPING, counted_once, clips_what_sanitize_leaves)
ADAPTIVE = (bounded, untouched_inside, one_factor, idempotent, *INVARIANCE, non_finite_shows)
SANITIZING = (counted_once, order_of_the_set, partition_of_the_set)
NOISE = (noise_is_added,)
