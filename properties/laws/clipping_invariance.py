"""What norms and clippings of a gradient set do not depend on: scale, order, partition."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, NotClaimed, law
from properties.laws.clipping_sets import given_of, own_of
from reference.numbers import Gauged

FACTOR = 2.0**-4  # downwards: the largest inputs have no room above


def _scalable(case: Case, implementation: Implementation) -> Case:
    """Without what the factor would push out of the range: NaN, ∞, and values near underflow."""
    smallest = implementation.arithmetic.tiny / FACTOR

    def kept(array: np.ndarray) -> np.ndarray:
        parts = [np.where(np.isfinite(p) & (np.abs(p) >= smallest), p, 0.0) for p in (array.real, array.imag)]
        return parts[0] + 1j * parts[1] if array.dtype.kind == "c" else parts[0]

    inputs = tuple(kept(array) if array.dtype.kind in "fc" else array for array in case.inputs)
    return replace(case, inputs=inputs)


@law(adapt=_scalable)
def homogeneous(implementation: Implementation, case: Case) -> float:
    """clip(s·g, s·max_norm) = s·clip(g, max_norm) for a power of two s; so for norms and factors in their way."""
    scaled = case.with_inputs(*(array * FACTOR if array.dtype.kind in "fc" else array for array in case.inputs))
    if "max_norm" in case.options:
        scaled = replace(scaled, options={**case.options, "max_norm": case.options["max_norm"] * FACTOR})
    plain, other = implementation.expected(case), implementation.expected(scaled)
    degrees = [0.0 if _is_invariant(implementation, place, len(plain)) else 1.0 for place in range(len(plain))]
    back = [out / FACTOR**degree for out, degree in zip(implementation(scaled), degrees, strict=True)]
    allowed = [
        one.tolerance + two.tolerance / FACTOR**degree for one, two, degree in zip(plain, other, degrees, strict=True)
    ]
    return compare("s⁻¹ f(s·g)", back, [Gauged(v, a) for v, a in zip(implementation(case), allowed, strict=True)])


def _is_invariant(implementation: Implementation, place: int, count: int) -> bool:
    """The factor and the counts of a report, which come between the set and the norm."""
    name = implementation.kernel.function_name
    return (name == "safe_clip" and count - 4 <= place < count - 1) or (name == "sanitize" and place == count - 1)


@law()
def order_of_the_set(implementation: Implementation, case: Case) -> float:
    """The order of the arrays does not matter."""
    arrays = given_of(implementation, case)
    others = case.inputs[len(arrays) :]
    turned = replace(case, inputs=(*arrays[::-1], *others), drawn=f"reversed {case.drawn}")
    return _same_but_rearranged(implementation, case, turned, lambda own: own[::-1])


@law()
def partition_of_the_set(implementation: Implementation, case: Case) -> float:
    """How the elements are dealt out to arrays does not matter: each array cut in two gives the same elements."""
    arrays = given_of(implementation, case)
    pieces = [piece for array in arrays for piece in np.array_split(array.ravel(), 2)]
    cut = replace(case, inputs=(*pieces, *case.inputs[len(arrays) :]), drawn=f"cut {case.drawn}")

    def joined(own: Sequence) -> list[np.ndarray]:
        pairs = zip(own[::2], own[1::2], arrays, strict=True)
        return [np.concatenate([one, other]).reshape(array.shape) for one, other, array in pairs]

    return _same_but_rearranged(implementation, case, cut, joined)


def _same_but_rearranged(implementation: Implementation, case: Case, other: Case, back) -> float:
    plain, judged = implementation.expected(case), implementation.expected(other)
    found, changed = implementation(case), implementation(other)
    count = len(given_of(implementation, case)) if implementation.kernel.function_name != "global_norm" else 0
    extra = len(changed) - (len(found) - count)
    values = [*back(changed[:extra]), *changed[extra:]] if count else list(changed)
    spread = [one.tolerance for one in judged]
    allowed = [*back(spread[:extra]), *spread[extra:]] if count else spread
    return compare(
        "the rearranged set",
        values,
        [Gauged(v, e.tolerance + a) for v, e, a in zip(found, plain, allowed, strict=True)],
    )


def _zeros(case: Case, implementation: Implementation) -> Case:
    kept = len(case.inputs) - len(implementation.kernel.arguments) + 1
    zeros = (0 * np.where(np.isfinite(array), array, 0) for array in case.inputs[:kept])
    return replace(case, inputs=(*zeros, *case.inputs[kept:]), drawn=f"zeros like {case.drawn}")


@law(judged=None, adapt=_zeros)
def zero_set(implementation: Implementation, case: Case) -> float:
    """A zero set stays zero, its norm is 0, and the derivative of the norm there is 0: no 0/0."""
    name = implementation.kernel.function_name
    outputs = implementation(case)
    own = outputs if name == "global_norm" else own_of(implementation, outputs)
    if any(np.any(out != 0) for out in own):
        raise Falsified("a zero set did not stay zero")
    try:
        cotangents = implementation.cotangents(case)
        found = implementation.gradients(case, cotangents=cotangents)
        exact = implementation.expected_gradients(case, cotangents)
    except NotClaimed:
        return 0.0
    return compare("gradient at zero", found, exact)
