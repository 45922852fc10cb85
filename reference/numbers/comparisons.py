"""Comparisons that know whether the errors leave them undecided, and the choice between two branches."""

from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, Tracked, lift, model_of, ufunc_rule


class Decision(Tracked):
    """Truth values, some of them undecided: rounding may turn them."""

    __slots__ = ("truth", "undecided")

    def __init__(self, truth: np.ndarray, undecided: np.ndarray) -> None:
        self.truth, self.undecided = truth, undecided

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.truth.shape

    def __getitem__(self, index: Any) -> "Decision":
        return Decision(np.asarray(self.truth[index]), np.asarray(self.undecided[index]))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> "Decision":
        if method != "__call__" or options or ufunc.__name__ not in _LOGICAL:
            raise TypeError(f"{ufunc.__name__} of a comparison has no rounding rule")
        parts = [operand if isinstance(operand, Decision) else _certain(operand) for operand in operands]
        truth = ufunc(*(part.truth for part in parts))
        undecided = np.broadcast_arrays(truth, *(part.undecided for part in parts))[1:]
        return Decision(truth, np.any(undecided, axis=0))

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function is np.where:
            return choose(*arguments, gap=True)
        raise TypeError(f"{function.__name__} of a comparison has no rounding rule")


_LOGICAL = (
    "logical_and",
    "logical_or",
    "logical_not",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "invert",
    "bitwise_xor",
)


def _certain(truth: Any) -> Decision:
    truth = np.asarray(truth, bool)
    return Decision(truth, np.zeros(truth.shape, bool))


@ufunc_rule("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
def compare(function: np.ufunc, first: Any, second: Any) -> Decision:
    """Undecided where the radii of the two sides overlap; exact sides are always decided."""
    model = model_of(first, second)
    a, b = lift(first, model), lift(second, model)
    radius = a.radius + b.radius
    with np.errstate(invalid="ignore"):
        return Decision(np.asarray(function(a.value, b.value)), (radius > 0) & ~(np.abs(a.value - b.value) > radius))


@ufunc_rule("isfinite", "isnan", "isinf", "signbit")
def classify(function: np.ufunc, x: Bounded) -> Decision:
    return Decision(
        function(x.value),
        np.isinf(x.error) | ((x.radius >= np.abs(x.value)) & (x.radius > 0) & (function is np.signbit)),
    )


def choose(condition: Any, first: Any, second: Any, *, gap: bool) -> Any:
    """np.where: the chosen branch; where undecided, the larger error and the gap to the other branch."""
    decision = condition if isinstance(condition, Decision) else _certain(condition)
    if not isinstance(first, Bounded) and not isinstance(second, Bounded):
        if not decision.undecided.any():
            return np.where(decision.truth, first, second)
        raise TypeError("an undecided choice between constants has no rounding rule: make one a like()")
    model = model_of(first, second)
    a, b = lift(first, model), lift(second, model)
    value = np.where(decision.truth, a.value, b.value)
    errors = [_spread(branch, value.shape) for branch in (a, b)]
    coherent, fresh = (np.where(decision.truth, left, right) for left, right in zip(*errors, strict=True))
    if decision.undecided.any():
        with np.errstate(invalid="ignore"):
            apart = np.where(a.value == b.value, 0.0, np.abs(a.value - b.value)) / model.deviations if gap else 0.0
        worst = [np.maximum(left, right) for left, right in zip(*errors, strict=True)]
        coherent = np.where(decision.undecided, worst[0] + apart, coherent)
        fresh = np.where(decision.undecided, worst[1], fresh)
    return Bounded(value, coherent, fresh, model)


def _spread(branch: Bounded, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The errors of a branch; broadcast, they are no longer independent."""
    if branch.shape == shape:
        return branch.coherent, branch.fresh
    return branch.error, np.zeros(shape)
