"""Rounding rules of sums, running sums and maxima.

Any usual order: natural, backwards, in lanes, blocks or trees; not one that sorts the terms by value.
"""

from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, rule, settle
from reference.numbers.coherence import coherence
from reference.numbers.constants import DRIFT, LANES, WALK

Array = np.ndarray


def walk_of_sum(result: Array, squares: Array, magnitudes: Array, terms: Array, together: Any, partial: Any) -> Array:
    """Standard deviation of the rounding of a sum in any usual order, in units.

    A random walk of partial sums that ends at the result; at least the norm `partial` of known partial sums; both as
    far as the terms round alike.
    """
    walk = WALK * np.sqrt(terms) * together * (np.abs(result) + squares)
    drift = (1 + np.sqrt(terms) * DRIFT) * magnitudes
    return np.where(terms > 1, np.maximum(together * partial, np.minimum(walk, terms * magnitudes) + drift), 0.0)


def norm_of_partial_sums(x: Array) -> Array:
    """√Σ|partial sum|² in natural order, and in so many lanes, whichever is largest."""
    norms = [np.sqrt((np.abs(np.cumsum(x, axis=-1)) ** 2).sum(-1))]
    for lanes in LANES:
        if x.shape[-1] > lanes:
            padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, -x.shape[-1] % lanes)])
            partial = np.cumsum(padded.reshape(*x.shape[:-1], padded.shape[-1] // lanes, lanes), axis=-2)
            norms.append(np.sqrt((np.abs(partial) ** 2).sum((-2, -1))))
    return np.max(norms, axis=0)


def stagnation(magnitude: Array, model: Any) -> Array:
    """Terms below the rounding of the sum are lost whole, all in the same direction: no random walk."""
    small = magnitude <= 2 * model.arithmetic.accumulate * magnitude.sum(-1, keepdims=True)
    lost = np.where(small, magnitude, 0.0)
    return lost.sum(-1) / model.deviations


@rule(np.sum)
def sum_(x: Bounded, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Bounded:
    if dtype is not None or out is not None:
        raise TypeError("sum with dtype or out has no rounding rule")
    return _sum(x, axis, keepdims)


def _sum(x: Bounded, axis: Any, keepdims: bool) -> Bounded:
    lanes, shape = _lanes(x, axis, keepdims)
    magnitude = np.abs(lanes.value)
    value, total = lanes.value.sum(-1), magnitude.sum(-1)
    terms = ((magnitude > 0) | (lanes.error > 0)).sum(-1)
    model = x.model
    if not model.statistical:
        inherited = lanes.coherent.sum(-1)
        summed = settle(value, inherited, 0.0, _worst(terms, model) * (total + inherited), model)
        return summed.map(lambda part: part.reshape(shape))
    together = coherence(lanes.value)
    partial = norm_of_partial_sums(lanes.value)
    squares = np.sqrt((magnitude**2).sum(-1))
    rounding = walk_of_sum(value, squares, total, terms, together, partial) * model.arithmetic.accumulate
    linear = lanes.fresh.sum(-1)
    share = np.where(total > 0, np.abs(value) / np.where(total > 0, total, 1), 0.0)
    independent = np.minimum(linear, together * np.sqrt((lanes.fresh**2).sum(-1)) + share * linear)
    inherited = lanes.coherent.sum(-1) + independent + stagnation(magnitude, model)
    return settle(value, inherited, 0.0, rounding, model).map(lambda part: part.reshape(shape))


def _worst(terms: Array, model: Any) -> Array:
    roundings = np.maximum(terms - 1, 0) * model.arithmetic.accumulate
    return np.where(roundings < 1, roundings / np.where(roundings < 1, 1 - roundings, 1), np.inf)


def _lanes(x: Bounded, axis: Any, keepdims: bool) -> tuple[Bounded, tuple[int, ...]]:
    """The summed axes last and flat; the shape of the result."""
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int | np.integer) else axis
    axes = sorted(int(one) % max(x.ndim, 1) for one in axes)
    kept = [one for one in range(x.ndim) if one not in axes]
    shape = tuple(1 if one in axes else x.shape[one] for one in range(x.ndim) if keepdims or one not in axes)
    outer = tuple(x.shape[one] for one in kept)
    length = int(np.prod([x.shape[one] for one in axes], dtype=int))
    return x.map(lambda part: np.transpose(part, (*kept, *axes)).reshape(*outer, length)), shape


@rule(np.mean)
def mean(x: Bounded, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Bounded:
    total = sum_(x, axis, dtype, out, keepdims)
    return total / float(x.size // max(total.size, 1))


@rule(np.cumsum)
def cumsum(x: Bounded, axis: int | None = None, dtype: Any = None, out: Any = None) -> Bounded:
    """Sequential or as a parallel scan; the errors of neighbouring results are not independent."""
    if dtype is not None or out is not None:
        raise TypeError("cumsum with dtype or out has no rounding rule")
    if axis is None:
        x, axis = x.map(np.ravel), 0
    model = x.model

    def running(part: Array) -> Array:
        return np.cumsum(part, axis=axis)

    magnitude = np.abs(x.value)
    value, total, terms = running(x.value), running(magnitude), running((magnitude > 0) | (x.error > 0))
    inherited = running(x.error)
    if model.statistical:
        together = np.expand_dims(coherence(x.value, axis), axis)
        partial, squares = np.sqrt(running(np.abs(value) ** 2)), np.sqrt(running(magnitude**2))
        rounding = walk_of_sum(value, squares, total, terms, together, partial) * model.arithmetic.accumulate
    else:
        rounding = _worst(terms, model) * (total + inherited)
    return settle(value, inherited + rounding, 0.0, np.zeros(value.shape), model)


@rule(np.max, np.amax)
def max_(x: Bounded, axis: Any = None, out: Any = None, keepdims: bool = False) -> Bounded:
    """1-Lipschitz in the largest error."""
    return _extreme(np.max, x, axis, keepdims)


@rule(np.min, np.amin)
def min_(x: Bounded, axis: Any = None, out: Any = None, keepdims: bool = False) -> Bounded:
    return _extreme(np.min, x, axis, keepdims)


def _extreme(function: Any, x: Bounded, axis: Any, keepdims: bool) -> Bounded:
    value = np.asarray(function(x.value, axis=axis, keepdims=keepdims))
    error = np.asarray(np.max(x.error, axis=axis, keepdims=keepdims))
    return Bounded(value, error, np.zeros(value.shape), x.model)
