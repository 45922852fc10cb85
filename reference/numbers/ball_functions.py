"""What NumPy's functions do to arrays of balls."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.numbers.ball_linear_algebra import det, eigvalsh, inv, norm, slogdet, solve
from reference.numbers.ball_reductions import fold, mean_of, sum_of, sums_along
from reference.numbers.ball_transforms import convolve, fourier, irfft
from reference.numbers.balls import Ball, elements_of, to_complex
from reference.numbers.shapes import JOININGS, REARRANGEMENTS, REPETITIONS


def _where(condition: Any, first: Any, second: Any) -> Ball:
    branches = [Ball.lift(first), Ball.lift(second)]
    kind = np.result_type(*(branch.dtype for branch in branches))
    return Ball(np.where(condition, *(elements_of(branch.elements, kind) for branch in branches)), kind)


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _component(part: str) -> Callable[[Ball], Ball]:
    return lambda z: Ball(elements_of(np.frompyfunc(lambda one: getattr(one, part), 1, 1)(z.elements), float), float)


def _angle(z: Ball) -> Ball:
    return Ball(np.frompyfunc(lambda one: to_complex(one).arg(), 1, 1)(z.elements), float)


def _einsum(subscripts: str, *operands: Any) -> Ball:
    balls = [Ball.lift(operand) for operand in operands]
    kind = np.result_type(*(ball.dtype for ball in balls))
    return Ball(elements_of(np.einsum(subscripts, *(elements_of(ball.elements, kind) for ball in balls)), kind), kind)


def _joining(function: Any) -> Callable[..., Ball]:
    def join(arrays: Any, *args: Any, **options: Any) -> Ball:
        balls = [Ball.lift(array) for array in arrays]
        kind = np.result_type(*(ball.dtype for ball in balls))
        return Ball(function([elements_of(ball.elements, kind) for ball in balls], *args, **options), kind)

    return join


def _moving(function: Any) -> Callable[..., Ball]:
    return lambda x, *args, **options: x.map(lambda part: function(part, *args, **options))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{function: _moving(function) for function in (*REARRANGEMENTS, *REPETITIONS, np.pad)},
    **{function: _joining(function) for function in JOININGS},
    np.sum: sum_of,
    np.mean: mean_of,
    np.cumsum: sums_along,
    np.max: fold("maximum"),
    np.min: fold("minimum"),
    np.clip: _clip,
    np.where: _where,
    np.real: _component("real"),
    np.imag: _component("imag"),
    np.angle: _angle,
    np.linalg.inv: inv,
    np.linalg.solve: solve,
    np.linalg.det: det,
    np.linalg.slogdet: slogdet,
    np.linalg.eigvalsh: eigvalsh,
    np.linalg.norm: norm,
    np.einsum: _einsum,
    np.dot: np.matmul,
    np.convolve: convolve,
    np.fft.fft: fourier(inverse=False, half=False),
    np.fft.rfft: fourier(inverse=False, half=True),
    np.fft.ifft: fourier(inverse=True, half=False),
    np.fft.irfft: irfft,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
    np.zeros_like: lambda x: np.zeros(x.shape, x.dtype),
    np.ones_like: lambda x: np.ones(x.shape, x.dtype),
}
