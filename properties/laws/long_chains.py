"""Long chains without a long reference: G_ii of a broadened chain depends on its neighbourhood only.

For a window W around the site s, G = G_W − G V G_W with V the two bonds that the window cuts, so that
|G_is − (G_W)_is| ≤ δ_s = ‖G‖ Σ_b |V_b| |(G_W)_bs|, and ‖G‖ ≤ 1/Im z for Hermitian H. δ is computed, not assumed.
"""

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from reference import tridiagonal as reference
from reference.numbers import Gauged, gauge

LENGTHS = (1_000, 4_097, 100_003, 1_000_000)
REACH = {"float32": 24, "float64": 48}  # sites on either side: δ stays far below the gauge of that precision
INNER = 16
WINDOWS = 8
BLOCK = 41
COTANGENT = 1 - 2j


def _long(case: Case, implementation: Implementation) -> Case:
    """A Hermitian chain with Im z = 1; its length is one of LENGTHS that the implementation is asked for."""
    random = case.random()
    asked = [length for length in LENGTHS if length <= (implementation.longest or length)] or [LENGTHS[0]]
    sites = asked[case.seed % len(asked)]
    bonds = random.normal(size=sites - 1)
    return case.with_inputs(
        2 * random.normal(size=sites),
        bonds,
        bonds,
        np.asarray(random.normal() + 1j),
        drawn=f"long chain of {sites} sites",
    )


def _centres(case: Case, count: int) -> list[int]:
    """The last site, sites on either side of a power of two (where chunks meet), and sites anywhere."""
    sites, random = case.inputs[0].shape[-1], case.random()
    powers = 2 ** np.arange(4, int(np.log2(sites)) + 1) - random.integers(0, 2)
    near, far = random.permutation(powers)[: count // 2], random.integers(0, sites, count - count // 2 - 1)
    return [sites - 1, *near.tolist(), *far.tolist()]


def _window(case: Case, centre: int) -> tuple[Case, int]:
    main, upper, lower, shift = case.inputs
    reach = REACH[case.dtype]
    start, stop = max(0, centre - reach), min(main.shape[-1], centre + reach + 1)
    bonds = slice(start, stop - 1)
    return case.with_inputs(main[start:stop], upper[bonds], lower[bonds], shift, drawn=f"window at {centre}"), start


def _truncation(case: Case, window: Case, start: int, centre: int) -> tuple[float, float]:
    """The largest |(G_W)_is| and δ_s for the site s in the centre."""
    main, upper, lower, shift = window.inputs
    column = np.abs(np.linalg.inv(np.diag(main - shift) + np.diag(upper, 1) + np.diag(lower, -1))[:, centre - start])
    stop, bonds = start + main.size, np.abs(case.inputs[1])
    left = bonds[start - 1] * column[0] if start else 0.0
    right = bonds[stop - 1] * column[-1] if stop < case.inputs[0].size else 0.0
    return float(column.max()), float((left + right) / shift.imag)


@law(judged=None, adapt=_long, rare=True)
def long_chain_values(implementation: Implementation, case: Case) -> float:
    """In a chain of up to 10⁶ sites every G_ii is that of its neighbourhood."""
    return _site_by_site(implementation, case, implementation(case)[0], "G")


@law(judged=None, adapt=_long, rare=True)
def long_chain_gradients(implementation: Implementation, case: Case) -> float:
    """The gradient of one G_ii of a long chain is that of its neighbourhood, for every input."""
    worst = 0.0
    for centre in _centres(case, WINDOWS // 2):
        window, start = _window(case, centre)
        one = _one_hot(case.inputs[0].size, centre)
        *bands, shift = implementation.gradients(case, cotangents=(one,))
        inputs = (*window.inputs, one[start : start + window.inputs[0].size])
        *expected, slope = gauge(reference.resolvent_diagonal_vjp, *inputs, arithmetic=implementation.arithmetic)
        size, delta = _truncation(case, window, start, centre)
        slack = abs(COTANGENT) * (2 * size * delta + delta**2)
        near = slice(max(centre - INNER, 0), centre + INNER)
        inside = slice(near.start - start, near.stop - start)
        for name, found, judged in zip(("main", "upper", "lower"), bands, expected, strict=True):
            allowed = Gauged(judged.value[inside], judged.tolerance[inside] + slack)
            assert found is not None
            worst = max(worst, compare(f"gradient of {name} near site {centre}", (found[near],), (allowed,)))
        sum_of_all = abs(COTANGENT) * (2 * delta / float(case.inputs[3].imag) + delta**2)
        allowed = Gauged(slope.value, slope.tolerance + sum_of_all)
        worst = max(worst, compare(f"gradient of shift through site {centre}", (shift,), (allowed,)))
    return worst


def _blocks(case: Case, implementation: Implementation) -> Case:
    """A long chain of equal blocks with no bond between them."""
    whole = _long(case, implementation)
    main, upper, lower, shift = whole.inputs
    copies = main.size // BLOCK
    repeated = [np.tile(array[:BLOCK], copies) for array in (main, np.append(upper[: BLOCK - 1], 0), lower)]
    bands = (repeated[0], repeated[1][:-1], repeated[2][:-1])
    return whole.with_inputs(*bands, shift, drawn=f"{copies} equal blocks of {BLOCK} sites")


@law(judged=None, adapt=_blocks, rare=True)
def long_chain_determinant(implementation: Implementation, case: Case) -> float:
    """A chain of k equal blocks without a bond between them has k times the log det of one, up to multiples of 2πi."""
    copies = case.inputs[0].size // BLOCK
    main, upper, lower, shift = case.inputs
    block = (main[:BLOCK], upper[: BLOCK - 1], lower[: BLOCK - 1], shift)
    (one,) = gauge(reference.log_determinant, *block, arithmetic=implementation.arithmetic)
    whole = Gauged(copies * one.value, copies * one.tolerance)
    return implementation.agree("log det of all blocks", implementation(case), (whole,))


@law(judged=None, adapt=_long, rare=True)
def long_chain_determinant_gradients(implementation: Implementation, case: Case) -> float:
    """∂ log det/∂main_i of a long chain is the G_ii of its neighbourhood."""
    gradient = implementation.gradients(case, cotangents=(np.asarray(1 + 0j),))[0]
    assert gradient is not None
    return _site_by_site(implementation, case, gradient, "∂ log det/∂main")


def _site_by_site(implementation: Implementation, case: Case, actual: np.ndarray, what: str) -> float:
    """Every value is finite; at some sites it is the G_ii of the window around, or its real part if values are real."""
    if not np.isfinite(actual).all():
        raise Falsified(f"{np.count_nonzero(~np.isfinite(actual))} of {actual.size} values are not finite")
    worst = 0.0
    for centre in _centres(case, WINDOWS):
        window, start = _window(case, centre)
        (expected,) = gauge(reference.resolvent_diagonal, *window.inputs, arithmetic=implementation.arithmetic)
        _, delta = _truncation(case, window, start, centre)
        at = centre - start
        value = expected.value[at] if actual.dtype.kind == "c" else expected.value[at].real
        allowed = Gauged(np.asarray(value), np.asarray(expected.tolerance[at] + delta))
        worst = max(worst, compare(f"{what} at site {centre}", (np.asarray(actual[centre]),), (allowed,)))
    return worst


def _one_hot(size: int, at: int) -> np.ndarray:
    cotangent = np.zeros(size, complex)
    cotangent[at] = COTANGENT
    return cotangent


LONG_CHAINS = (long_chain_values, long_chain_gradients)
LONG_DETERMINANTS = (long_chain_determinant, long_chain_determinant_gradients)
