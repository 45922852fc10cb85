"""The universal mathematics: values, gradients, adjointness, finiteness, untouched inputs, determinism, rows."""

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, Law, NotClaimed, law
from properties.representable import representable
from reference.numbers import Gauged


@law()
def values_agree(implementation: Implementation, case: Case) -> float:
    """Every value lies within its gauge of the reference."""
    return implementation.agree("value", implementation(case), implementation.expected(case))


@law(judged="gradients")
def gradients_agree(implementation: Implementation, case: Case) -> float:
    """The gradient of every input lies within its gauge of the exact vector-Jacobian product."""
    expected = implementation.expected_gradients(case)
    names = tuple(f"gradient of {name}" for name in implementation.kernel.names_of(case))
    return compare("gradient", implementation.gradients(case), expected, names=names)


@law(judged="gradients")
def adjointness(implementation: Implementation, case: Case) -> float:
    """⟨w, J v⟩ = ⟨Jᵀ w, v⟩ for forward mode and reverse mode, to within the gauge of Jᵀ w along v."""
    expected = implementation.expected_gradients(case)
    random = case.random()
    tangents = [_tangent(random, array, case.dtype) for array in case.inputs]
    pushed = implementation.pushed(case, tangents)
    forward = sum(_inner(w, v) for w, v in zip(implementation.cotangents(case), pushed, strict=True))
    gradients = implementation.gradients(case)
    reverse = sum(_inner(g, v) for g, v in zip(gradients, tangents, strict=True) if g is not None)
    entitled = sum(_inner_bound(e.tolerance, v) for e, v in zip(expected, tangents, strict=True))
    return compare("⟨w, J v⟩", (np.asarray(forward),), (Gauged(np.asarray(reverse), np.asarray(2 * entitled)),))


@law()
def finite_in_finite_out(implementation: Implementation, case: Case) -> float:
    """Where the gauge is finite, so is every value; where the gradient's gauge is finite, so is every gradient."""
    _finite("value", implementation(case), implementation.expected(case))
    gradients = _gradients_if_claimed(implementation, case)
    if gradients:
        _finite("gradient", gradients, implementation.expected_gradients(case))
    return 0.0


@law(judged=None)
def inputs_untouched(implementation: Implementation, case: Case) -> float:
    """Neither the call nor the gradient changes a bit of its inputs."""
    arrays = implementation.arrays(case)
    before = [implementation.framework.numpy(array).tobytes() for array in arrays]
    implementation.of(arrays, case.options)
    _gradients_if_claimed(implementation, case, arrays)
    for name, array, bits in zip(implementation.kernel.names_of(case), arrays, before, strict=True):
        if implementation.framework.numpy(array).tobytes() != bits:
            raise Falsified(f"{name} was changed by the call")
    return 0.0


@law(judged=None)
def deterministic(implementation: Implementation, case: Case) -> float:
    """The same call gives the same bits, values and gradients alike."""
    _same_bits("value", implementation(case), implementation(case))
    _same_bits("gradient", _gradients_if_claimed(implementation, case), _gradients_if_claimed(implementation, case))
    return 0.0


@law()
def batch_equals_rows(implementation: Implementation, case: Case) -> float:
    """Each row of a batched call lies within the gauge of that row alone, as does the unbatched call on it."""
    kernel = implementation.kernel
    batch = kernel.batch_shape(case)
    if not batch or 0 in batch:
        return 0.0
    index = tuple(int(case.random().integers(size)) for size in batch)
    row = kernel.row(case, index)
    expected = implementation.expected(row)
    alone = implementation.agree("the row alone", implementation(row), expected)
    within = implementation.agree(f"row {index} of the batch", tuple(o[index] for o in implementation(case)), expected)
    return max(alone, within)


def _gradients_if_claimed(implementation: Implementation, case: Case, arrays: tuple | None = None) -> tuple:
    try:
        return implementation.gradients(case, arrays)
    except NotClaimed:
        return ()


def _finite(what: str, actual: tuple, expected: tuple[Gauged, ...]) -> None:
    for value, judged in zip(actual, expected, strict=True):
        if value is None:
            continue
        if value.shape != judged.value.shape:
            raise Falsified(f"{what}: expected shape {judged.value.shape}, got {value.shape}")
        bad = ~np.isfinite(value) & np.isfinite(judged.tolerance)
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise Falsified(f"{what}{list(index)} is {value[index]} where {judged.value[index]:.6g} was expected")


def _same_bits(what: str, first: tuple, second: tuple) -> None:
    for one, other in zip(first, second, strict=True):
        if one is not None and one.tobytes() != other.tobytes():
            raise Falsified(
                f"{what}: a repeated call differs in {np.count_nonzero(one != other)} of {one.size} elements"
            )


def _tangent(random: np.random.Generator, array: np.ndarray, dtype: str) -> np.ndarray:
    if array.dtype.kind not in "fc":
        return np.zeros(array.shape)
    drawn = random.normal(size=array.shape) + (1j * random.normal(size=array.shape) if array.dtype.kind == "c" else 0)
    size = np.where(np.isfinite(array), np.abs(array), 1)  # a direction, also where the value is NaN or infinite
    return representable(np.asarray(drawn * size), dtype)


def _inner(w: np.ndarray, v: np.ndarray) -> float:
    """The real inner product Re Σ w̄ v, in which the gradient ∂L/∂a + i ∂L/∂b is the adjoint."""
    with np.errstate(all="ignore"):  # what is not finite gives NaN, which no comparison lets pass
        return float(np.real(np.sum(np.conj(w) * v)))


def _inner_bound(tolerance: np.ndarray, v: np.ndarray) -> float:
    """Σ tolerance·|v|, where an infinite tolerance along nothing allows nothing."""
    moves = v != 0
    return float(np.sum(tolerance[moves] * np.abs(v[moves])))


UNIVERSAL: tuple[Law, ...] = (
    values_agree,
    gradients_agree,
    adjointness,
    finite_in_finite_out,
    inputs_untouched,
    deterministic,
    batch_equals_rows,
)
