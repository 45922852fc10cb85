"""Long chains without a long reference: G_ii of a broadened chain depends on its neighbourhood only.

For a window W around the site, G = G_W − G_W V G with V the two bonds that the window cuts, so that
|G_ij − (G_W)_ij| ≤ δ_i = Σ_b |(G_W)_ib| |V_b| ‖G‖, and ‖G‖ ≤ 1/Im z for Hermitian H. δ is computed, not assumed.
"""

from collections.abc import Iterator

import numpy as np

from properties.comparison import compare
from properties.kernel import Case, Implementation
from properties.law import law
from reference.numbers import Gauged

LENGTHS = (1_000, 4_097, 100_003, 1_000_000)
REACH = 48
INNER = 16


def _long(case: Case) -> Case:
    """A Hermitian chain with Im z = 1; its length is one of LENGTHS."""
    random = case.random()
    sites = LENGTHS[case.seed % len(LENGTHS)]
    bonds = random.normal(size=sites - 1)
    return case.with_inputs(
        2 * random.normal(size=sites),
        bonds,
        bonds,
        np.asarray(random.normal() + 1j),
        drawn=f"long chain of {sites} sites",
    )


def _centres(case: Case) -> Iterator[int]:
    """Both ends, powers of two and their neighbours (where chunks meet), and a few sites anywhere."""
    sites = case.inputs[0].shape[-1]
    powers = 2 ** np.arange(4, int(np.log2(sites)) + 1)
    wanted = np.concatenate(
        [[0, 1, sites // 2, sites - 2, sites - 1], powers - 1, powers, case.random().integers(0, sites, 8)]
    )
    return iter(np.unique(wanted[wanted < sites]).tolist())


def _window(case: Case, centre: int) -> tuple[Case, int]:
    main, upper, lower, shift = case.inputs
    start, stop = max(0, centre - REACH), min(main.shape[-1], centre + REACH + 1)
    bonds = slice(start, stop - 1)
    return case.with_inputs(main[start:stop], upper[bonds], lower[bonds], shift, drawn=f"window at {centre}"), start


def _truncation(case: Case, window: Case, start: int) -> tuple[np.ndarray, np.ndarray]:
    """|G_W| and δ for every site of the window."""
    main, upper, lower, shift = window.inputs
    dense = np.diag(main - shift) + np.diag(upper, 1) + np.diag(lower, -1)
    size = np.abs(np.linalg.inv(dense))
    stop, bonds = start + main.size, np.abs(case.inputs[1])
    left = size[:, 0] * bonds[start - 1] if start else 0.0
    right = size[:, -1] * bonds[stop - 1] if stop < case.inputs[0].size else 0.0
    return size, (left + right) / float(shift.imag)


@law(judged=None, adapt=_long, rare=True)
def long_chain_values(implementation: Implementation, case: Case) -> float:
    """In a chain of up to 10⁶ sites every G_ii is that of its neighbourhood."""
    (actual,) = implementation(case)
    worst = compare(
        "finite values", (np.isfinite(actual).astype(float),), (Gauged(np.ones(actual.shape), np.zeros(actual.shape)),)
    )
    for centre in _centres(case):
        window, start = _window(case, centre)
        (expected,) = implementation.expected(window)
        _, delta = _truncation(case, window, start)
        at = slice(centre - start, centre - start + 1)
        allowed = expected.tolerance[at] + delta[at]
        worst = max(
            worst,
            compare(f"G at site {centre}", (actual[centre : centre + 1],), (Gauged(expected.value[at], allowed),)),
        )
    return worst


@law(judged=None, adapt=_long, rare=True)
def long_chain_gradients(implementation: Implementation, case: Case) -> float:
    """The gradient of one G_ii of a long chain is that of its neighbourhood, for every input."""
    worst = 0.0
    for centre in list(_centres(case))[::4]:
        window, start = _window(case, centre)
        one = _one_hot(case.inputs[0].size, centre)
        gradients = implementation.gradients(case, cotangents=(one,))
        near = slice(max(centre - INNER, 0), centre + INNER)
        inside = slice(near.start - start, near.stop - start)
        expected = implementation.expected_gradients(window, (one[start : start + window.inputs[0].size],))
        size, delta = _truncation(case, window, start)
        slack = 2 * size.max() * delta.max() + delta.max() ** 2
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
