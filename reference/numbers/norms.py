"""The Euclidean norm: 1-Lipschitz, hence tighter than the root of a sum of squares near zero."""

from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, rule, settle
from reference.numbers.coherence import coherence
from reference.numbers.constants import ELEMENTWISE, WALK

Array = np.ndarray


@rule(np.linalg.norm)
def norm(x: Bounded, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Bounded:
    """|‖x+δ‖ − ‖x‖| ≤ min(‖δ‖, Σ|x_i||δ_i|/‖x‖ + ‖δ‖²/‖x‖)."""
    if ord not in (None, 2) or (ord == 2 and isinstance(axis, tuple)) or (ord == 2 and axis is None and x.ndim != 1):
        raise TypeError(f"norm with ord={ord!r}, axis={axis!r} has no rounding rule")
    model = x.model

    def euclid(part: Array) -> Array:
        return np.sqrt((np.abs(part) ** 2).sum(axis=axis, keepdims=keepdims))

    value = np.asarray(np.linalg.norm(x.value, axis=axis, keepdims=keepdims))
    total = np.sqrt((np.abs(x.value) ** 2).sum(axis=axis, keepdims=True))
    weight = np.abs(x.value) / np.where(total > 0, total, 1)
    first = (weight * x.error).sum(axis=axis, keepdims=keepdims)
    second = model.deviations * euclid(x.error) ** 2
    second = np.where(value > 0, second / np.where(value > 0, value, 1), np.where(second > 0, np.inf, 0))
    inherited = np.minimum(euclid(x.error), first + second)

    terms = x.size // max(value.size, 1)
    walk = WALK * np.sqrt(terms) / 2 * _kinship(x, axis) if model.statistical else terms / 2
    rounding = (walk + model.unit_share(ELEMENTWISE["sqrt"].real)) * model.arithmetic.elementwise * value
    squares_overflow = np.where(value**2 > model.arithmetic.huge, np.inf, 0.0)  # a plain sum of squares may
    squares_vanish = np.minimum(value, np.sqrt(terms * model.arithmetic.tiny))
    return settle(value, inherited + squares_overflow, 0.0, rounding + squares_vanish, model)


def _kinship(x: Bounded, axis: Any) -> float:
    if x.size == 0:
        return 1.0
    return float(np.max(coherence(x.value, axis) if isinstance(axis, int) else coherence(x.value.reshape(-1))))
