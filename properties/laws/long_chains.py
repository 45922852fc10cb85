"""Long chains without a long reference: G_ii of a broadened chain depends on its neighbourhood only.

For a window W around the site s, G = G_W − G V G_W with V the two bonds that the window cuts, so that
|G_is − (G_W)_is| ≤ δ_s = ‖G‖ Σ_b |V_b| |(G_W)_bs|, and ‖G‖ ≤ 1/Im z for Hermitian H. δ is computed, not assumed.
"""

import numpy as np

from properties.comparison import compare
from properties.kernel import Case, Implementation
from properties.law import law
from reference.numbers import Gauged

LENGTHS = (1_000, 4_097, 100_003, 1_000_000)
REACH = {"float32": 24, "float64": 48}  # sites on either side: δ stays far below the gauge of that precision
INNER = 16
WINDOWS = 8


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
    (actual,) = implementation(case)
    worst = compare(
        "finite values", (np.isfinite(actual).astype(float),), (Gauged(np.ones(actual.shape), np.zeros(actual.shape)),)
    )
    for centre in _centres(case, WINDOWS):
        window, start = _window(case, centre)
        (expected,) = implementation.expected(window)
        _, delta = _truncation(case, window, start, centre)
        at = slice(centre - start, centre - start + 1)
        allowed = expected.tolerance[at] + delta
        worst = max(
            worst,
            compare(f"G at site {centre}", (actual[centre : centre + 1],), (Gauged(expected.value[at], allowed),)),
        )
    return worst


@law(judged=None, adapt=_long, rare=True)
def long_chain_gradients(implementation: Implementation, case: Case) -> float:
    """The gradient of one G_ii of a long chain is that of its neighbourhood, for every input."""
    worst = 0.0
    for centre in _centres(case, WINDOWS // 2):
        window, start = _window(case, centre)
        one = _one_hot(case.inputs[0].size, centre)
        gradients = implementation.gradients(case, cotangents=(one,))
        near = slice(max(centre - INNER, 0), centre + INNER)
        inside = slice(near.start - start, near.stop - start)
        expected = implementation.expected_gradients(window, (one[start : start + window.inputs[0].size],))
        size, delta = _truncation(case, window, start, centre)
        slack = 2 * size * delta + delta**2
        for name, found, judged in zip(("main", "upper", "lower"), gradients, expected, strict=False):
            allowed = Gauged(judged.value[inside], judged.tolerance[inside] + slack)
            assert found is not None
            worst = max(worst, compare(f"gradient of {name} near site {centre}", (found[near],), (allowed,)))
    return worst


def _one_hot(size: int, at: int) -> np.ndarray:
    cotangent = np.zeros(size, complex)
    cotangent[at] = 1
    return cotangent


LONG_CHAINS = (long_chain_values, long_chain_gradients)
