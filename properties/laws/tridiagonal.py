"""Laws of the resolvent's diagonal and of log det, H tridiagonal, G = (H − z)⁻¹."""

from collections.abc import Callable

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import law
from reference import tridiagonal as reference
from reference.numbers import Gauged, gauge


def _same_after(
    implementation: Implementation, case: Case, changed: Case, undo: Callable[[np.ndarray], np.ndarray], what: str
) -> float:
    """The result on `changed`, carried back by `undo`, equals that on `case`, within both gauges together."""
    plain, other = implementation.expected(case)[0], implementation.expected(changed)[0]
    allowed = plain.tolerance + np.abs(undo(other.tolerance + 0j))
    (actual,), (back,) = implementation(case), implementation(changed)
    return implementation.agree(what, (undo(back),), (Gauged(actual, allowed),))


def _reversed(array: np.ndarray) -> np.ndarray:
    return array[..., ::-1]


def _unchanged(array: np.ndarray) -> np.ndarray:
    return array


@law()
def conjugation(implementation: Implementation, case: Case) -> float:
    """G(H̄, z̄) = conj G(H, z), and so for log det."""
    changed = case.with_inputs(*map(np.conj, case.inputs))
    return _same_after(implementation, case, changed, np.conj, "conj G(H̄, z̄)")


@law()
def transposition(implementation: Implementation, case: Case) -> float:
    """H and its transpose have the same diagonal of the resolvent, and the same determinant."""
    main, upper, lower, shift = case.inputs
    return _same_after(implementation, case, case.with_inputs(main, lower, upper, shift), _unchanged, "G of Hᵀ")


@law()
def similarity(implementation: Implementation, case: Case) -> float:
    """upper·s and lower/s, with a power of two s at each bond, change nothing."""
    main, upper, lower, shift = case.inputs
    bonds = np.broadcast_shapes(upper.shape[-1:], lower.shape[-1:])
    factor = 2.0 ** case.random().integers(-3, 4, size=bonds)
    return _same_after(
        implementation, case, case.with_inputs(main, upper * factor, lower / factor, shift), _unchanged, "similar H"
    )


@law()
def reversal(implementation: Implementation, case: Case) -> float:
    """Numbering the sites from the other end reverses the diagonal."""
    main, upper, lower, shift = case.inputs
    changed = case.with_inputs(_reversed(main), _reversed(lower), _reversed(upper), shift)
    return _same_after(implementation, case, changed, _reversed, "G of the reversed chain")


@law()
def reversal_of_determinant(implementation: Implementation, case: Case) -> float:
    """Numbering the sites from the other end leaves the determinant."""
    main, upper, lower, shift = case.inputs
    changed = case.with_inputs(_reversed(main), _reversed(lower), _reversed(upper), shift)
    return _same_after(implementation, case, changed, _unchanged, "log det of the reversed chain")


@law()
def scale(implementation: Implementation, case: Case) -> float:
    """G(sH, sz) = G(H, z)/s for a power of two s."""
    factor = 2.0 ** int(case.random().integers(-8, 9))
    changed = case.with_inputs(*(array * factor for array in case.inputs))
    return _same_after(implementation, case, changed, lambda g: g * factor, "s·G(sH, sz)")


@law()
def scale_of_determinant(implementation: Implementation, case: Case) -> float:
    """log det(sH − sz) = log det(H − z) + N log s for a power of two s."""
    factor = 2.0 ** int(case.random().integers(-8, 9))
    changed = case.with_inputs(*(array * factor for array in case.inputs))
    growth = case.inputs[0].shape[-1] * np.log(factor)
    (plain,), (other,) = implementation.expected(case), implementation.expected(changed)
    (actual,), (scaled,) = implementation(case), implementation(changed)
    return implementation.agree(
        "log det(sH − sz) − N log s", (scaled - growth,), (Gauged(actual, plain.tolerance + other.tolerance),)
    )


def _broadened(shift: np.ndarray, largest: float) -> np.ndarray:
    """z moved off the real axis, so that changing an entry of H can hardly make H − z singular."""
    return shift.real + 1j * np.maximum(np.abs(shift.imag), largest / 16)


def _on_a_grid(case: Case, implementation: Implementation) -> Case:
    """Diagonal and shift rounded to 2⁻⁸ of the largest, so that adding a multiple of it is exact in every dtype."""
    main, upper, lower, shift = case.inputs
    grid = _grid(case)
    return case.with_inputs(_gridded(main, grid), upper, lower, _gridded(_broadened(shift, 256 * grid), grid))


def _grid(case: Case) -> float:
    largest = max(float(np.max(np.abs(array), initial=0)) for array in (case.inputs[0], case.inputs[3]))
    return 2.0 ** (np.ceil(np.log2(largest)) - 8) if largest else 1.0


def _gridded(array: np.ndarray, grid: float) -> np.ndarray:
    if array.dtype.kind == "c":
        return _gridded(array.real, grid) + 1j * _gridded(array.imag, grid)
    return np.round(array / grid) * grid


@law(adapt=_on_a_grid)
def common_shift(implementation: Implementation, case: Case) -> float:
    """The same number added to the diagonal of H and to z changes nothing."""
    main, upper, lower, shift = case.inputs
    step = _grid(case) * int(case.random().integers(1, 64))
    return _same_after(
        implementation, case, case.with_inputs(main + step, upper, lower, shift + step), _unchanged, "H + s, z + s"
    )


def _hermitian(case: Case, implementation: Implementation) -> Case:
    """H Hermitian, Im z = η > 0 at least 2⁻⁶ of the largest entry."""
    main, upper, _, shift = case.inputs
    largest = max(float(np.max(np.abs(array), initial=0)) for array in case.inputs)
    broadening = np.maximum(np.abs(shift.imag), 2.0**-6 * (largest or 1.0))
    return case.with_inputs(
        main.real, upper, np.conj(upper), shift.real + 1j * broadening, drawn=f"Hermitian, {case.drawn}"
    )


@law(adapt=_hermitian)
def spectral_positivity(implementation: Implementation, case: Case) -> float:
    """H Hermitian and Im z = η > 0: Im G_ii > 0 and |G_ii| ≤ 1/η."""
    (expected,), (actual,) = implementation.expected(case), implementation(case)
    bound = 1 / np.broadcast_to(case.inputs[3].imag[..., None], actual.shape)
    with np.errstate(all="ignore"):
        shrunk = np.where(np.abs(actual) > bound, bound / np.abs(actual), 1)
    nearest = shrunk * (actual.real + 1j * np.maximum(actual.imag, 0))
    return compare("distance to Im G > 0, |G| ≤ 1/η", (actual,), (Gauged(nearest, expected.tolerance),))


@law(adapt=_hermitian)
def principal_branch(implementation: Implementation, case: Case) -> float:
    """H Hermitian, Im z > 0: every pivot lies below the real axis, which fixes log det, multiples of 2πi included."""
    return compare("log det", implementation(case), implementation.expected(case))


def _cut(case: Case, implementation: Implementation) -> Case:
    """A bond in the middle set to zero on one side: the chain falls apart."""
    main, upper, lower, shift = case.inputs
    severed = upper.copy()
    severed[..., upper.shape[-1] // 2 : upper.shape[-1] // 2 + 1] = 0
    largest = max(float(np.max(np.abs(array), initial=0)) for array in case.inputs)
    return case.with_inputs(main, severed, lower, _broadened(shift, largest), drawn=f"cut, {case.drawn}")


def _parts(case: Case) -> tuple[Case, Case]:
    main, upper, lower, shift = case.inputs
    at = upper.shape[-1] // 2 + 1
    left = case.with_inputs(
        main[..., :at], upper[..., : at - 1], lower[..., : at - 1], shift, drawn=f"left of {case.drawn}"
    )
    right = case.with_inputs(main[..., at:], upper[..., at:], lower[..., at:], shift, drawn=f"right of {case.drawn}")
    return left, right


@law(adapt=_cut)
def decoupling(implementation: Implementation, case: Case) -> float:
    """Where upper_i·lower_i = 0 the two sides know nothing of each other."""
    if case.inputs[0].shape[-1] < 2:
        return 0.0
    left, right = (implementation.expected(part)[0] for part in _parts(case))
    joined = [np.concatenate(pair, axis=-1) for pair in ((left.value, right.value), (left.tolerance, right.tolerance))]
    return implementation.agree("G of the cut chain", implementation(case), (Gauged(*joined),))


@law(adapt=_cut)
def determinant_of_blocks(implementation: Implementation, case: Case) -> float:
    """Where upper_i·lower_i = 0 the determinant is the product of the two sides' determinants."""
    if case.inputs[0].shape[-1] < 2:
        return 0.0
    left, right = (implementation.expected(part)[0] for part in _parts(case))
    whole = Gauged(
        left.value + right.value, left.tolerance + right.tolerance + implementation.expected(case)[0].tolerance
    )
    return implementation.agree("log det of the cut chain", implementation(case), (whole,))


@law()
def trace(implementation: Implementation, case: Case) -> float:
    """Σ G_ii = −∂ log det(H − z)/∂z."""
    main, upper, lower, shift = (array + 0j for array in case.inputs)
    batch = implementation.kernel.batch_shape(case)
    spread = np.broadcast_to(shift, batch)
    slope = gauge(_slope, main, upper, lower, spread, arithmetic=implementation.arithmetic)[0]
    allowed = slope.tolerance + implementation.expected(case)[0].tolerance.sum(-1)
    return compare("Σ G", (implementation(case)[0].sum(-1),), (Gauged(-slope.value, allowed),))


def _slope(main, upper, lower, shift):
    """∂ log det/∂z: the gradient for the cotangent 1 is its conjugate."""
    return np.conj(reference.log_determinant_vjp(main, upper, lower, shift, np.ones(np.shape(shift)))[3])


RESOLVENT = (
    conjugation,
    transposition,
    similarity,
    reversal,
    scale,
    common_shift,
    spectral_positivity,
    decoupling,
    trace,
)
DETERMINANT = (
    conjugation,
    transposition,
    similarity,
    reversal_of_determinant,
    scale_of_determinant,
    common_shift,
    principal_branch,
    determinant_of_blocks,
)
