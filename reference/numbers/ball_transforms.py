"""Fourier transforms and convolutions of arrays of balls."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.numbers.balls import Ball, acb, elements_of, to_complex


def fourier(inverse: bool, half: bool) -> Callable[..., Ball]:
    def transform(x: Ball, n: int | None = None, axis: int = -1) -> Ball:
        lanes = np.moveaxis(elements_of(x.elements, complex), axis, -1)
        length = lanes.shape[-1] if n is None else n
        short = max(length - lanes.shape[-1], 0)
        lanes = np.pad(lanes[..., :length], [(0, 0)] * (lanes.ndim - 1) + [(0, short)])
        rows = [acb.dft([to_complex(z) for z in row], inverse=inverse) for row in lanes.reshape(-1, length)]
        kept = np.array(rows, object).reshape(lanes.shape)[..., : length // 2 + 1 if half else length]
        return Ball(np.moveaxis(kept, -1, axis), complex)

    return transform


def irfft(x: Any, n: int | None = None, axis: int = -1) -> Any:
    half: Any = np.moveaxis(x, axis, -1)
    length = 2 * (half.shape[-1] - 1) if n is None else n
    half = np.concatenate([np.real(half[..., :1]) + 0j, half[..., 1 : length // 2 + 1]], axis=-1)
    mirrored = np.conj(half[..., (length - 1) // 2 : 0 : -1])
    whole = np.concatenate([half, mirrored], axis=-1)
    return np.moveaxis(np.real(fourier(inverse=True, half=False)(whole)), -1, axis)


def convolve(a: Any, b: Any, mode: str = "full") -> Ball:
    a, b = Ball.lift(a), Ball.lift(b)
    return Ball(np.convolve(a.elements, b.elements, mode), np.result_type(a.dtype, b.dtype))  # type: ignore[call-overload]
