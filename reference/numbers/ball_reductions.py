"""Sums, largest and smallest of arrays of balls."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.numbers.ball_elementwise import ELEMENTWISE
from reference.numbers.balls import Ball, elements_of


def sum_of(x: Ball, axis: Any = None, keepdims: bool = False) -> Ball:
    zero = elements_of(0, x.dtype)[()]
    add: Any = np.add
    return Ball(add.reduce(x.elements, axis=axis, keepdims=keepdims, initial=zero), x.dtype)


def mean_of(x: Ball, axis: Any = None, keepdims: bool = False) -> Ball:
    total = sum_of(x, axis, keepdims)
    return total / (x.size // max(total.size, 1))


def fold(name: str) -> Callable[..., Ball]:
    pairwise = np.frompyfunc(ELEMENTWISE[name], 2, 1)

    def reduce(x: Ball, axis: Any = None, keepdims: bool = False) -> Ball:
        if axis is None:
            flat = pairwise.reduce(x.elements.reshape(-1))
            return Ball(np.reshape(np.asarray(flat, object), (1,) * x.ndim if keepdims else ()), x.dtype)
        return Ball(pairwise.reduce(x.elements, axis=axis, keepdims=keepdims), x.dtype)

    return reduce


def sums_along(x: Ball, axis: int | None = None) -> Ball:
    return Ball(np.add.accumulate(x.elements.reshape(-1) if axis is None else x.elements, axis=axis or 0), x.dtype)


REDUCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("add", "reduce"): sum_of,
    ("add", "accumulate"): sums_along,
    ("maximum", "reduce"): fold("maximum"),
    ("minimum", "reduce"): fold("minimum"),
}
