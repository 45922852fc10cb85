"""The gauge: the error that a stable algorithm in a declared arithmetic is entitled to."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from reference.numbers.arithmetic import ARITHMETICS, DEVIATIONS, Arithmetic, Model, statistical, worst_case
from reference.numbers.bounded import Bounded

REFERENCE = ARITHMETICS["float64"]


class Gauged(NamedTuple):
    """A result of a reference and, element by element, the tolerance for an implementation of it."""

    value: np.ndarray
    tolerance: np.ndarray


def gauge(function: Callable[..., Any], *inputs: Any, arithmetic: Arithmetic, certified: bool = False,
          **options: Any) -> tuple[Gauged, ...]:  # fmt: skip
    """Runs a reference with rounding bounds and returns its values with their tolerances.

    tolerance = min(statistical bound, worst-case bound) + output·|value|. The statistical bound is `DEVIATIONS`
    standard deviations; the worst-case run grants the inputs as many units.

    An arithmetic as fine as that of the reference gets the error of the reference too: with `certified`, the value
    comes from Arb balls and the tolerance grows by its distance from the truth; without, by the gauge of the
    reference's own float64 run on exact inputs.

    **Arguments:** inputs are arrays, or lists, tuples and dicts of them, nested at will (None stays None); integer and
    bool arrays are exact, all others carry one rounding. Options go to the function unchanged.
    **Returns** one `Gauged` for each array of the result. A result that no input reached has only its storage rounding.
    Raises TypeError for a NumPy function without a rounding rule, and for leaving the number system.
    """
    values, tolerances = _bounds(function, inputs, options, arithmetic)
    if certified:
        return _certified(function, inputs, options, values, tolerances, arithmetic)
    if arithmetic.elementwise <= REFERENCE.elementwise:
        own = _bounds(function, inputs, options, replace(REFERENCE, input=0.0))[1]
        tolerances = [tolerance + extra for tolerance, extra in zip(tolerances, own, strict=True)]
    stored = [_or_anything(_storage(value, arithmetic)) for value in values]
    return tuple(
        Gauged(value, tolerance + extra) for value, tolerance, extra in zip(values, tolerances, stored, strict=True)
    )


def _bounds(
    function: Any, inputs: Any, options: Any, arithmetic: Arithmetic
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    likely = _run(function, inputs, options, statistical(arithmetic), arithmetic.input)
    worst = _run(function, inputs, options, worst_case(arithmetic), DEVIATIONS * arithmetic.input)
    tolerances = [np.minimum(first[1], second[1]) for first, second in zip(likely, worst, strict=True)]
    return [value for value, _ in likely], tolerances


def _run(function: Any, inputs: Any, options: Any, model: Model, granted: float) -> list[tuple[np.ndarray, np.ndarray]]:
    with np.errstate(all="ignore"):
        results = function(*(enter(x, model, granted) for x in inputs), **options)
    return [_leave(result) for result in flatten(results)]


def enter(x: Any, model: Model, granted: float) -> Any:
    """Inputs enter the number system with one backward error each."""
    if x is None:
        return None
    if isinstance(x, dict):
        return {name: enter(part, model, granted) for name, part in x.items()}
    if isinstance(x, list | tuple):
        return type(x)(enter(part, model, granted) for part in x)
    value = np.asarray(x)
    if value.dtype.kind not in "fc":
        return value
    value = value.astype(complex if value.dtype.kind == "c" else float)
    error, zeros = np.where(np.isinf(value), 0.0, granted * np.abs(value)), np.zeros(value.shape)
    return Bounded(value, zeros, error, model) if model.statistical else Bounded(value, error, zeros, model)


def flatten(results: Any) -> list[Any]:
    """The arrays of nested lists, tuples and dicts; a dict's in the order of its names, whoever wrote them down."""
    if isinstance(results, dict):
        results = [results[name] for name in sorted(results)]
    if isinstance(results, list | tuple):
        return [part for result in results for part in flatten(result)]
    return [results]


def _leave(result: Any) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(result, Bounded):
        return result.value, _or_anything(np.where(np.isnan(result.value), np.inf, result.radius))
    plain = np.asarray(result)
    return plain, np.zeros(plain.shape)


def _or_anything(tolerance: np.ndarray) -> np.ndarray:
    """Where there is no value there is no demand."""
    return np.where(np.isnan(tolerance), np.inf, tolerance)


def _storage(value: np.ndarray, arithmetic: Arithmetic) -> np.ndarray:
    """The rounding of the stored result; what is counted or decided is not rounded."""
    return arithmetic.output * np.abs(value) if value.dtype.kind in "fc" else np.zeros(value.shape)


def _certified(
    function: Any, inputs: Any, options: Any, values: list[np.ndarray], tolerances: list[np.ndarray],
    arithmetic: Arithmetic,
) -> Any:  # fmt: skip
    from reference.numbers import balls

    enclosed = balls.enclose_within(function, *inputs, tolerances=tolerances, **options)
    return tuple(
        Gauged(ball.mid, _or_anything(tolerance + ball.radius + _storage(ball.mid, arithmetic)))
        if value.dtype.kind in "fc"
        else Gauged(value, tolerance)
        for ball, value, tolerance in zip(enclosed, values, tolerances, strict=True)
    )
