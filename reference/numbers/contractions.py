"""Rounding rules of matrix products: any usual order of summation, blocked or not, with or without fused steps."""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, lift, model_of, rule, settle, ufunc_rule
from reference.numbers.coherence import coherence
from reference.numbers.constants import ELEMENTWISE, FEW_SUMMANDS
from reference.numbers.sums import norm_of_partial_sums, stagnation, walk_of_sum

Array = np.ndarray
Bilinear = Callable[[Array, Array], Array]


def contract(
    bilinear: Bilinear, a: Bounded, b: Bounded, kinship: tuple[Any, Any], summands: Array | None = None
) -> Bounded:
    """A bilinear contraction; kinship = the coherence of the elements of a and of b that meet in each result.

    summands: the products a·b, those of one result along the last axis, where they are few enough to be looked at.
    """
    value = bilinear(a.value, b.value)
    first, second = np.abs(a.value), np.abs(b.value)
    products = bilinear(first, second)
    terms = np.maximum(bilinear(_rounds(a), _rounds(b)), 1.0)
    if a.model.statistical:
        return _statistical(bilinear, a, b, kinship, (value, products, terms), summands)
    arithmetic = a.model.arithmetic
    inherited = (
        _nonzero(bilinear, first, b.error) + _nonzero(bilinear, a.error, second) + _nonzero(bilinear, a.error, b.error)
    )
    return settle(
        value, inherited, 0.0, _worst(a, b, terms) * (products + inherited) + terms * arithmetic.tiny, a.model
    )


def _worst(a: Bounded, b: Bounded, terms: Array) -> Array:
    """γ_n = n u / (1 − n u); a complex product is two real ones of twice the length, by components."""
    arithmetic = a.model.arithmetic
    both = np.iscomplexobj(a.value) and np.iscomplexobj(b.value)
    roundings = terms * (2 if both else 1) * arithmetic.accumulate
    component = sqrt(2) if both else 1.0
    gamma = component * np.where(roundings < 1, roundings / np.where(roundings < 1, 1 - roundings, 1), np.inf)
    single = arithmetic.elementwise * (ELEMENTWISE["multiply"].complex if both else ELEMENTWISE["multiply"].real)
    operand = arithmetic.operand * (2 + arithmetic.operand) * component
    return np.where(terms > 1, gamma, single) + operand * (1 + np.where(terms > 1, gamma, single))


def _statistical(
    bilinear: Bilinear,
    a: Bounded,
    b: Bounded,
    kinship: tuple[Any, Any],
    sums: tuple[Array, Array, Array],
    summands: Array | None,
) -> Bounded:
    model, arithmetic = a.model, a.model.arithmetic
    value, products, terms = sums
    first, second, magnitude = np.abs(a.value), np.abs(b.value), np.abs(value)
    squares = np.sqrt(bilinear(first**2, second**2))
    component = sqrt(2) if np.iscomplexobj(a.value) and np.iscomplexobj(b.value) else 1.0
    share = np.where(products > 0, magnitude / np.where(products > 0, products, 1), 0.0)

    coherent = _nonzero(bilinear, first, b.coherent) + _nonzero(bilinear, a.coherent, second)
    coherent = coherent + model.deviations * _nonzero(bilinear, a.error, b.error)
    if a.fresh.any():
        coherent = coherent + _independent(bilinear, a.fresh, second, kinship[0], share)
    if b.fresh.any():
        coherent = coherent + _independent(bilinear, first, b.fresh, kinship[1], share)
    if arithmetic.operand:
        apart = np.hypot(*kinship) * squares
        coherent = coherent + arithmetic.operand * component * np.minimum(2 * products, magnitude + apart)

    partial: Any = 0.0
    if summands is not None:
        partial = norm_of_partial_sums(summands)
        coherent = coherent + stagnation(np.abs(summands), model)
    walk = walk_of_sum(value, squares, products, terms, np.minimum(*kinship), partial)
    single = arithmetic.elementwise * model.unit_share(component) * products
    rounding = np.where(terms > 1, arithmetic.accumulate * component * walk, single)
    underflow = np.minimum(products, np.sqrt(terms) * 2 * arithmetic.tiny)
    return settle(value, coherent, 0.0, rounding + underflow, model)


def _independent(bilinear: Bilinear, a: Array, b: Array, kinship: Any, share: Array) -> Array:
    """Errors of the terms, in quadrature as far as they are independent; a relative error common to all terms moves the
    result by that share of itself."""
    linear = bilinear(a, b)
    return np.minimum(linear, kinship * np.sqrt(bilinear(a**2, b**2)) + share * linear)


def _nonzero(bilinear: Bilinear, a: Array, b: Array) -> Any:
    return bilinear(a, b) if a.any() and b.any() else 0.0


def _rounds(x: Bounded) -> Array:
    """Exact zeros take no part."""
    return ((x.value != 0) | (x.error > 0)).astype(float)


@ufunc_rule("matmul")
def matmul(function: np.ufunc, a: Any, b: Any) -> Bounded:
    model = model_of(a, b)
    a, b = lift(a, model), lift(b, model)
    rows: Any = 1.0
    columns: Any = 1.0
    if model.statistical:
        rows, columns = coherence(a.value), coherence(b.value, -2 if b.ndim > 1 else -1)
        if b.ndim > 1:
            rows = rows[..., None]
        if a.ndim > 1 and b.ndim > 1:
            columns = columns[..., None, :]
        elif a.ndim > 1:
            columns = columns[..., None]
    summands = _summands_of_matmul(a.value, b.value) if model.statistical else None
    return contract(np.matmul, a, b, (rows, columns), summands)


def _summands_of_matmul(a: Array, b: Array) -> Array | None:
    if b.ndim == 1:
        return a * b
    columns = np.swapaxes(b, -1, -2)
    if a.ndim == 1:
        return a * columns
    left, right = a[..., :, None, :], columns[..., None, :, :]
    return left * right if _are_few(np.broadcast_shapes(left.shape, right.shape), a, b) else None


def _are_few(shape: tuple[int, ...], a: Array, b: Array) -> bool:
    """Products that are few, or no more than the elements of one operand, each of which enters one result only."""
    return int(np.prod(shape)) <= max(FEW_SUMMANDS, a.size, b.size)


@rule(np.dot)
def dot(a: Any, b: Any) -> Bounded:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) > 2:
        raise TypeError("dot with a second operand of more than two axes has no rounding rule: use einsum")
    return np.matmul(a, b)


@rule(np.vdot)
def vdot(a: Any, b: Any) -> Bounded:
    return np.matmul(np.conj(np.ravel(a)), np.ravel(b))


@rule(np.outer)
def outer(a: Any, b: Any) -> Any:
    return np.multiply(np.ravel(a)[:, None], np.ravel(b)[None, :])


@rule(np.trace, np.linalg.trace)
def trace(x: Bounded, offset: int = 0, axis1: int | None = None, axis2: int | None = None) -> Bounded:
    first, second = (-2, -1) if axis1 is None or axis2 is None else (axis1, axis2)
    return np.sum(np.diagonal(x, offset, first, second), axis=-1)


@rule(np.einsum)
def einsum(subscripts: str, *operands: Any) -> Bounded:
    """One or two operands, explicit or implicit output, ellipsis allowed."""
    model = model_of(*operands)
    lifted = [lift(operand, model) for operand in operands]
    if len(lifted) == 1:
        ones = lift(np.ones(()), model)
        inputs, arrow, output = subscripts.partition("->")
        lifted, subscripts = [*lifted, ones], f"{inputs},{arrow}{output}"
    elif len(lifted) > 2:
        raise TypeError("einsum of more than two operands has no rounding rule: contract two at a time")
    a, b = lifted
    kinship = (_overall(a), _overall(b)) if model.statistical else (1.0, 1.0)
    summands = _summands_of_einsum(subscripts, a.value, b.value) if model.statistical else None
    return contract(lambda p, q: np.asarray(np.einsum(subscripts, p, q)), a, b, kinship, summands)


def _summands_of_einsum(subscripts: str, a: Array, b: Array) -> Array | None:
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    if not arrow or "." in subscripts:
        return None
    left, right = inputs.split(",")
    lengths = dict(zip(left + right, a.shape + b.shape, strict=True))
    if not _are_few(tuple(lengths.values()), a, b):
        return None
    contracted = "".join(sorted(set(lengths) - set(output)))
    products = np.asarray(np.einsum(f"{inputs}->{output}{contracted}", a, b))
    return products.reshape(*products.shape[: len(output)], int(np.prod(products.shape[len(output) :])))


def _overall(x: Bounded) -> float:
    return float(coherence(x.value.reshape(-1))) if x.size else 1.0


@rule(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Bounded:
    model = model_of(a, b)
    a, b = lift(a, model), lift(b, model)
    kinship = (_overall(a), _overall(b)) if model.statistical else (1.0, 1.0)
    return contract(lambda p, q: np.asarray(np.tensordot(p, q, axes)), a, b, kinship)
