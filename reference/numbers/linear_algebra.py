"""Rounding rules of dense linear algebra, batched: backward errors, carried forward without neglecting any order.

A' = A + E with |E| ≤ D elementwise. With G = A⁻¹ and X = |G| D of spectral radius below 1,
|A'⁻¹ − G| ≤ (I − X)⁻¹ X |G|.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.linalg

from reference.numbers.bounded import Bounded, lift, model_of, rule, settle
from reference.numbers.constants import ELEMENTWISE, ELIMINATION, ELIMINATION_WALK, ELIMINATION_WORST
from reference.numbers.sums import walk_of_sum

Array = np.ndarray


class Elimination(NamedTuple):
    """A matrix, its inverse, and what its errors and the roundings of an elimination amount to.

    inverse: G; NaN where singular.  backward: D, in units of one deviation.  amplified: (I − X)⁻¹ X with X = |G| D,
    infinite where the radius of D holds a singular matrix.  pivots: (…, n), those of partial pivoting.
    """

    inverse: Array
    backward: Array
    amplified: Array
    pivots: Array


def eliminate(matrix: Bounded) -> Elimination:
    """Any elimination as stable as Gauss with partial pivoting, from either end: |E| ≤ c u |L||U|."""
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"expected square matrices, got shape {matrix.shape}")
    size, model = matrix.shape[-1], matrix.model
    if matrix.size == 0:
        nothing = np.zeros(matrix.shape)
        return Elimination(matrix.value.copy(), nothing, nothing, np.zeros(matrix.shape[:-1], matrix.value.dtype))
    finite = np.where(np.isfinite(matrix.value), matrix.value, 0)
    forwards, pivots = _growth(finite)
    backwards = _growth(finite[..., ::-1, ::-1])[0][..., ::-1, ::-1]
    regular = np.all(pivots != 0, axis=-1)[..., None, None]
    inverse = np.where(regular, np.linalg.inv(np.where(regular, finite, np.eye(size))), np.nan)
    factor = ELIMINATION + ELIMINATION_WALK * np.sqrt(size) if model.statistical else ELIMINATION_WORST * size
    growth = np.maximum(np.abs(matrix.value), np.maximum(forwards, backwards))
    backward = matrix.error + factor * (model.arithmetic.elementwise * growth + model.arithmetic.tiny)
    return Elimination(inverse, backward, _amplified(np.abs(inverse) @ backward * model.deviations), pivots)


def _growth(matrix: Array) -> tuple[Array, Array]:
    """|L||U| and the pivots of Gaussian elimination with partial pivoting."""
    lower, upper = scipy.linalg.lu(matrix, permute_l=True)
    return np.abs(lower) @ np.abs(upper), np.diagonal(upper, axis1=-2, axis2=-1)


def _amplified(relative: Array) -> Array:
    """(I − X)⁻¹ X for a nonnegative X, infinite unless the spectral radius of X is below 1.

    A solution Y ≥ 0 of (I − X) Y = X proves it: with p > 0 the left Perron vector of an irreducible block,
    (1 − ρ) p·y = p·x > 0.
    """
    size = relative.shape[-1]
    usable = np.isfinite(relative).all((-2, -1), keepdims=True)
    safe = np.where(usable, relative, 0.0)
    system = np.eye(size) - safe
    usable = usable & (np.linalg.slogdet(system)[0] > 0)[..., None, None]
    solution = np.linalg.solve(np.where(usable, system, np.eye(size)), safe)
    return np.where(usable & (solution >= 0).all((-2, -1), keepdims=True), solution, np.inf)


@rule(np.linalg.inv)
def inv(matrix: Bounded) -> Bounded:
    """|δG| ≤ (I − X)⁻¹ |G| D |G|. A singular matrix gives NaN with an infinite error."""
    parts = eliminate(matrix)
    magnitude = np.abs(parts.inverse)
    model = matrix.model
    forward = parts.amplified @ magnitude / model.deviations
    return settle(parts.inverse, forward, 0.0, model.arithmetic.elementwise * magnitude, model)


@rule(np.linalg.solve)
def solve(matrix: Any, right: Any) -> Bounded:
    """|δx| ≤ (I − X)⁻¹ |G| (D |x| + |δb|)."""
    model = model_of(matrix, right)
    matrix, right = lift(matrix, model), lift(right, model)
    parts = eliminate(matrix)
    vector = right.ndim == 1
    columns = right.map(lambda part: part[:, None]) if vector else right
    regular = np.isfinite(parts.inverse).all((-2, -1), keepdims=True)
    value = np.linalg.solve(np.where(regular, matrix.value, np.eye(matrix.shape[-1])), columns.value)
    value = np.where(regular, value, np.nan)
    magnitude = np.abs(value)
    once = np.abs(parts.inverse) @ (parts.backward @ magnitude + columns.error)
    forward = once + np.where(once == 0, 0.0, parts.amplified @ once)
    solved = settle(value, forward, 0.0, model.arithmetic.elementwise * magnitude, model)
    return solved.map(lambda part: part[..., 0]) if vector else solved


class SlogdetResult(NamedTuple):
    sign: Bounded
    logabsdet: Bounded


@rule(np.linalg.slogdet)
def slogdet(matrix: Bounded) -> SlogdetResult:
    """|log det(I + G E)| ≤ Σ tr(Xᵏ)/k ≤ tr X + ½ tr(X (I − X)⁻¹ X): to first order Σ_ij |G_ji| D_ij.

    The modulus of the sign's error is that of its argument; a real sign that the radius cannot turn is exact.
    """
    model = matrix.model
    parts = eliminate(matrix)
    sign, logarithm = np.linalg.slogdet(matrix.value)
    relative = np.abs(parts.inverse) @ parts.backward * model.deviations
    spread = np.trace(relative, axis1=-2, axis2=-1) + np.einsum("...ij,...ji->...", relative, parts.amplified) / 2
    spread = np.where(np.isnan(spread), np.inf, spread) / model.deviations
    roundings = _roundings_of_product(parts.pivots, model)
    logarithm = settle(np.asarray(logarithm), spread, 0.0, roundings, model)
    if np.iscomplexobj(matrix.value):
        limit = 2 / model.deviations  # the diameter of the unit circle
        argument = np.where(sign == 0, np.inf, np.minimum(spread + roundings, limit))
    else:
        argument = np.where(np.isfinite(spread), 0.0, np.inf)
    return SlogdetResult(Bounded(np.asarray(sign), argument, np.zeros(np.shape(sign)), model), logarithm)


def _roundings_of_product(pivots: Array, model: Any) -> Array:
    """The roundings of Σ log(pivot): each logarithm, and their sum; the same grants the product of n phases."""
    logarithms = np.where(pivots == 0, 0.0, np.log(np.where(pivots == 0, 1.0, np.abs(pivots)))) + 1j * np.angle(pivots)
    sizes = np.abs(logarithms)
    total, norm, terms = sizes.sum(-1), np.sqrt((sizes**2).sum(-1)), np.full(sizes.shape[:-1], sizes.shape[-1])
    unit, accumulate = model.arithmetic.elementwise, model.arithmetic.accumulate
    each = ELEMENTWISE["log"].complex * unit
    phases = ELEMENTWISE["multiply"].complex * unit
    if not model.statistical:
        return each * total + accumulate * terms * total + phases * terms
    summing = walk_of_sum(logarithms.sum(-1), norm, total, terms, 1.0, 0.0) * accumulate
    return np.hypot(summing, each / model.deviations * norm) + phases * np.sqrt(terms)


@rule(np.linalg.det)
def det(matrix: Bounded) -> Bounded:
    """|det(A + E)/det A − 1| ≤ e^s − 1 with s the error of log det."""
    sign, logarithm = slogdet(matrix)
    value = np.linalg.det(matrix.value)
    radius = logarithm.radius + (sign.radius if np.iscomplexobj(value) else 0.0)
    relative = np.expm1(radius) / matrix.model.deviations
    error = np.where(np.isfinite(relative), np.abs(value) * relative, np.inf)
    return settle(value, error, 0.0, np.zeros(np.shape(value)), matrix.model)


@rule(np.linalg.svd)
def svd(matrix: Bounded, full_matrices: bool = True, compute_uv: bool = True) -> Bounded:
    """Weyl: |δσ| ≤ ‖E‖₂ ≤ ‖D‖_F, with a norm-backward-stable algorithm."""
    if compute_uv:
        raise TypeError("singular vectors have no elementwise gauge: write the reference with invariants")
    model = matrix.model
    values = np.linalg.svd(matrix.value, compute_uv=False)
    inherited = np.sqrt((matrix.error**2).sum((-2, -1)))[..., None] + np.zeros(values.shape)
    size = max(matrix.shape[-2:])
    factor = np.sqrt(size) if model.statistical else ELIMINATION_WORST * size**2
    return settle(values, inherited, 0.0, factor * model.arithmetic.elementwise * values[..., :1] + 0 * values, model)


@rule(np.linalg.eigvalsh)
def eigvalsh(matrix: Bounded, UPLO: Literal["L", "U"] = "L") -> Bounded:
    """Weyl: |δλ| ≤ ‖E‖₂ ≤ ‖D‖_F for a Hermitian matrix, with a norm-backward-stable algorithm, as for `svd`."""
    model = matrix.model
    values = np.linalg.eigvalsh(matrix.value, UPLO)
    inherited = np.sqrt((matrix.error**2).sum((-2, -1)))[..., None] + np.zeros(values.shape)
    size = matrix.shape[-1]
    factor = np.sqrt(size) if model.statistical else ELIMINATION_WORST * size**2
    largest = np.max(np.abs(values), axis=-1, keepdims=True, initial=0.0)
    return settle(values, inherited, 0.0, factor * model.arithmetic.elementwise * largest + 0 * values, model)
