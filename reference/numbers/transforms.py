"""Rounding rules of fast Fourier transforms and convolutions: normwise along the transformed axis.

The energy may gather in one bin, |X_k| = √n ‖x‖₂, and the butterflies spread its rounding over any other:
the error of every bin is in proportion to max(‖x‖₂, max_k |X_k|).
"""

from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, lift, model_of, rule, settle
from reference.numbers.coherence import coherence
from reference.numbers.constants import BLUESTEIN_LENGTH, BLUESTEIN_TRANSFORMS, BUTTERFLY_WORST, LARGEST_RADIX
from reference.numbers.contractions import contract

Array = np.ndarray


def _roundings(length: int, model: Any) -> float:
    """Roundings of an element on its way through a fast transform; Bluestein's does three of four times the length."""
    direct = _largest_factor(length) <= LARGEST_RADIX
    levels = np.log2(max(length, 2)) if direct else BLUESTEIN_TRANSFORMS * np.log2(BLUESTEIN_LENGTH * length)
    return float(np.sqrt(levels + 1)) if model.statistical else BUTTERFLY_WORST * float(levels)


def _largest_factor(length: int) -> int:
    factor, rest = 2, max(length, 2)
    while factor * factor <= rest:
        if rest % factor:
            factor += 1
        else:
            rest //= factor
    return rest


def _declare(function: Any, *, gain: Any) -> None:
    @rule(function)
    def transform(x: Bounded, n: int | None = None, axis: int = -1, norm: str | None = None) -> Bounded:
        if norm is not None:
            raise TypeError("a transform with norm= has no rounding rule: scale it yourself")
        value = function(x.value, n, axis)
        length = value.shape[axis] if function is np.fft.irfft else (x.shape[axis] if n is None else n)
        scale = gain(length)
        model = x.model
        energy = np.sqrt((np.abs(x.value) ** 2).sum(axis, keepdims=True)) * scale
        size = np.maximum(energy, np.abs(value).max(axis, keepdims=True))
        linear = x.fresh.sum(axis, keepdims=True)
        together = np.expand_dims(coherence(x.value, axis), axis)
        fresh = np.minimum(linear, together * np.sqrt((x.fresh**2).sum(axis, keepdims=True))) * scale
        inherited = x.coherent.sum(axis, keepdims=True) * scale + fresh
        rounding = _roundings(length, model) * model.arithmetic.accumulate * size
        everywhere = np.zeros(value.shape)
        return settle(value, inherited + everywhere, 0.0, rounding + everywhere, model)


_declare(np.fft.fft, gain=lambda length: 1.0)
_declare(np.fft.rfft, gain=lambda length: 1.0)
_declare(np.fft.ifft, gain=lambda length: 1.0 / length)
_declare(np.fft.irfft, gain=lambda length: 2.0 / length)  # the half spectrum stands for its mirror image too


@rule(np.convolve)
def convolve(a: Any, b: Any, mode: str = "full") -> Bounded:
    """Direct summation or fast transforms: the rule of the product, and the floor √(log₂ 2N) u ‖a‖₂ ‖b‖₂."""
    model = model_of(a, b)
    a, b = lift(a, model), lift(b, model)
    kinship = (float(coherence(a.value)), float(coherence(b.value))) if model.statistical else (1.0, 1.0)
    direct = contract(lambda p, q: np.convolve(p, q, mode), a, b, kinship)  # type: ignore[call-overload]
    levels = np.log2(2 * (a.size + b.size))
    factor = np.sqrt(levels) if model.statistical else 3 * BUTTERFLY_WORST * levels
    floor = factor * model.arithmetic.accumulate * np.linalg.norm(a.value) * np.linalg.norm(b.value)
    return settle(direct.value, direct.coherent, direct.fresh, np.full(direct.shape, floor), model)
