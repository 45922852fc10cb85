"""Laws of norms and clippings of gradient sets. ‖out‖ and factors are formed in float64 from the values themselves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from properties.comparison import compare
from properties.inputs.clipping import spoiled
from properties.kernel import Case, Implementation
from properties.law import Falsified, NotClaimed, law
from reference import clipping as reference
from reference.numbers import Gauged

SOME = 0.2  # of the parts of a spoiled set


def _own(implementation: Implementation, outputs: Sequence) -> Sequence:
    """The arrays of the set among outputs or inputs, which come first."""
    return outputs[: _count(implementation, outputs)]


def _count(implementation: Implementation, outputs: Sequence) -> int:
    return len(outputs) - {"safe_clip": 4, "sanitize": 1, "add_noise": 0}.get(implementation.kernel.function_name, 1)


def _arrays(implementation: Implementation, case: Case) -> tuple[np.ndarray, ...]:
    """What is clipped of the case: no history, no key; sanitized for `safe_clip`."""
    arrays = _given(implementation, case)
    if implementation.kernel.function_name != "safe_clip":
        return arrays
    return tuple(np.where(np.isfinite(array), array, 0) for array in arrays)


def _given(implementation: Implementation, case: Case) -> tuple[np.ndarray, ...]:
    """The gradients of the case, as they are."""
    return case.inputs[: len(case.inputs) - len(implementation.kernel.arguments) + 1]


def _bound(implementation: Implementation, case: Case) -> float:
    """max_norm, or the threshold that the history gives."""
    if "max_norm" in case.options:
        return case.options["max_norm"]
    return float(reference.adaptive_clip([], case.inputs[-1], **case.options)[1])


def _norm(arrays: Sequence[np.ndarray]) -> float:
    return float(reference.global_norm(list(arrays)))


def _both(first: Sequence[Gauged], second: Sequence[Gauged]) -> list[np.ndarray]:
    return [one.tolerance + other.tolerance for one, other in zip(first, second, strict=True)]


@law()
def bounded(implementation: Implementation, case: Case) -> float:
    """‖out‖ ≤ max_norm, to within the gauge of out."""
    bound = _bound(implementation, case)
    if np.isinf(bound):
        return 0.0
    allowed = _norm([judged.tolerance for judged in _own(implementation, implementation.expected(case))])
    found = max(_norm(_own(implementation, implementation(case))), bound)
    return compare("‖out‖", (np.asarray(found),), (Gauged(np.asarray(bound), np.asarray(allowed)),))


@law(judged=None)
def untouched_inside(implementation: Implementation, case: Case) -> float:
    """Where ‖g‖ ≤ max_norm nothing changes, bit for bit."""
    arrays = _arrays(implementation, case)
    bound, norm = _bound(implementation, case), _norm(arrays)
    own = _own(implementation, implementation.expected(case))
    uncertain = np.isfinite(bound) and norm + _norm([judged.tolerance for judged in own]) > bound and norm > 0
    if uncertain:
        return 0.0
    for place, (array, out) in enumerate(zip(arrays, _own(implementation, implementation(case)), strict=True)):
        if out.shape != array.shape or not np.array_equal(out, array):
            raise Falsified(f"gradients[{place}] was changed although ‖g‖ = {norm:.6g} ≤ {bound:.6g}")
    return 0.0


@law()
def one_factor(implementation: Implementation, case: Case) -> float:
    """The result is t·g with one real t in [0, 1] for the whole set: direction and complex phases are kept."""
    arrays = _arrays(implementation, case)
    found, expected = (_own(implementation, x) for x in (implementation(case), implementation.expected(case)))
    norm = _norm(arrays)
    if not norm:
        return 0.0
    with np.errstate(under="ignore"):
        units = [g / norm for g in arrays]
        length = sum(float(np.sum(np.real(np.conj(u) * out))) for u, out in zip(units, found, strict=True))
        slack = _norm([judged.tolerance for judged in expected])
        parallel = [np.clip(length, 0, norm) * u for u in units]
        allowed = [judged.tolerance + slack * np.abs(u) for judged, u in zip(expected, units, strict=True)]
    return compare("distance to t·g", found, [Gauged(p, a) for p, a in zip(parallel, allowed, strict=True)])


@law()
def idempotent(implementation: Implementation, case: Case) -> float:
    """Clipping twice is clipping once."""
    once = _own(implementation, implementation(case))
    if not all(np.isfinite(out).all() for out in once):
        raise Falsified("a finite set became one that is not finite")
    again = replace(case, inputs=(*once, *case.inputs[len(once) :]), drawn=f"clipped {case.drawn}")
    twice = _own(implementation, implementation(again))
    allowed = _both(
        _own(implementation, implementation.expected(case)), _own(implementation, implementation.expected(again))
    )
    return compare("clipped twice", twice, [Gauged(out, a) for out, a in zip(once, allowed, strict=True)])


@law()
def monotone(implementation: Implementation, case: Case) -> float:
    """A larger max_norm gives a larger norm, never a smaller one."""
    bound = case.options["max_norm"]
    if np.isinf(bound):
        return 0.0
    wider = replace(case, options={**case.options, "max_norm": 2 * bound})
    small, large = (_norm(_own(implementation, implementation(one))) for one in (case, wider))
    slack = sum(
        _norm([e.tolerance for e in _own(implementation, implementation.expected(one))]) for one in (case, wider)
    )
    return compare("loss of norm", (np.asarray(min(large, small)),), (Gauged(np.asarray(small), np.asarray(slack)),))


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
    arrays = _given(implementation, case)
    others = case.inputs[len(arrays) :]
    turned = replace(case, inputs=(*arrays[::-1], *others), drawn=f"reversed {case.drawn}")
    return _same_but_rearranged(implementation, case, turned, lambda own: own[::-1])


@law()
def partition_of_the_set(implementation: Implementation, case: Case) -> float:
    """How the elements are dealt out to arrays does not matter: each array cut in two gives the same elements."""
    arrays = _given(implementation, case)
    pieces = [piece for array in arrays for piece in np.array_split(array.ravel(), 2)]
    cut = replace(case, inputs=(*pieces, *case.inputs[len(arrays) :]), drawn=f"cut {case.drawn}")

    def joined(own: Sequence) -> list[np.ndarray]:
        pairs = zip(own[::2], own[1::2], arrays, strict=True)
        return [np.concatenate([one, other]).reshape(array.shape) for one, other, array in pairs]

    return _same_but_rearranged(implementation, case, cut, joined)


def _same_but_rearranged(implementation: Implementation, case: Case, other: Case, back) -> float:
    plain, judged = implementation.expected(case), implementation.expected(other)
    found, changed = implementation(case), implementation(other)
    count = len(_given(implementation, case)) if implementation.kernel.function_name != "global_norm" else 0
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
    own = outputs if name == "global_norm" else _own(implementation, outputs)
    if any(np.any(out != 0) for out in own):
        raise Falsified("a zero set did not stay zero")
    try:
        cotangents = implementation.cotangents(case)
        found = implementation.gradients(case, cotangents=cotangents)
        exact = implementation.expected_gradients(case, cotangents)
    except NotClaimed:
        return 0.0
    return compare("gradient at zero", found, exact)


def _spoiled(case: Case, implementation: Implementation) -> Case:
    count = len(_given(implementation, case))
    alone = spoiled(replace(case, inputs=case.inputs[:count]), SOME)
    return replace(alone, inputs=(*alone.inputs, *case.inputs[count:]))


@law(judged=None, adapt=_spoiled)
def non_finite_shows(implementation: Implementation, case: Case) -> float:
    """A NaN or ∞ in the set makes the norm NaN or ∞, and every element of a clipped set NaN: nothing is hidden."""
    arrays = _arrays(implementation, case)
    if all(np.isfinite(array).all() for array in arrays):
        return 0.0
    outputs = implementation(case)
    if implementation.kernel.function_name != "adaptive_clip":
        wanted = _norm(arrays)
        if not (np.isnan(outputs[-1]) if np.isnan(wanted) else outputs[-1] == wanted):
            raise Falsified(f"a norm of {outputs[-1]} although it is {wanted}")
    if implementation.kernel.function_name == "global_norm" or np.isinf(_bound(implementation, case)):
        return 0.0
    if any(np.any(np.isfinite(out)) for out in outputs[: len(arrays)]):
        raise Falsified("some elements came back finite although the norm is not")
    return 0.0


@law(judged=None)
def counted_once(implementation: Implementation, case: Case) -> float:
    """Each replaced element is counted, once, and what was finite is replaced by nothing."""
    bad = sum(int(np.count_nonzero(~np.isfinite(array))) for array in case.inputs)
    nans = sum(int(np.count_nonzero(np.isnan(array))) for array in case.inputs)
    outputs = implementation(case)
    if implementation.kernel.function_name == "sanitize":
        if int(outputs[-1]) != bad:
            raise Falsified(f"counted {int(outputs[-1])} elements that are not finite of {bad}")
        own = outputs[:-1]
        for array, out in zip(case.inputs, own, strict=True):
            if not np.array_equal(out, np.where(np.isfinite(array), array, 0)):
                raise Falsified("a finite element was changed, or another one did not become 0")
        return 0.0
    found = {"nans": int(outputs[-2]), "infs": int(outputs[-3])}
    if found != {"nans": nans, "infs": bad - nans}:
        raise Falsified(f"counted {found} of {nans} NaN and {bad - nans} ∞")
    return 0.0


@law()
def clips_what_sanitize_leaves(implementation: Implementation, case: Case) -> float:
    """safe_clip(g) = safe_clip of the sanitized g, counts aside, and its result is finite."""
    clean = replace(case, inputs=tuple(np.where(np.isfinite(array), array, 0) for array in case.inputs))
    found, plain = implementation(case), implementation(clean)
    places = [place for place in range(len(found)) if place not in (len(found) - 3, len(found) - 2)]
    judged = implementation.expected(clean)
    return compare(
        "of the sanitized set", [found[p] for p in places], [Gauged(plain[p], 2 * judged[p].tolerance) for p in places]
    )


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
