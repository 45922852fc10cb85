"""Judging numbers: the worst error in units of the gauge, and whether the gauge has teeth at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from properties.law import Falsified
from reference.numbers import Gauged


@dataclass(frozen=True)
class Discrepancy:
    """The worst element of a comparison: where, both values, the gauge there, and the error in units of it."""

    output: str
    index: tuple[int, ...]
    actual: complex
    expected: complex
    tolerance: float
    error: float
    count: int
    size: int

    def __str__(self) -> str:
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return (
            f"{self.output}{place}: got {_number(self.actual)}, "
            f"expected {_number(self.expected)} ± {self.tolerance:.3g}, "
            f"error {self.error:.4g} gauges ({self.count} of {self.size} elements outside)"
        )


@dataclass(frozen=True)
class Metric:
    """How far apart two values are: |a − b|, or that modulo `period`.

    A value that lies periods away from the expected one is stored with a rounding of `unit` times those periods.
    """

    period: complex = 0
    unit: float = 0.0

    def distance(self, actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
        difference = actual - expected
        if not self.period:
            return np.abs(difference)
        turns = np.round(np.real(difference / self.period))
        return np.maximum(np.abs(difference - self.period * turns) - self.unit * np.abs(self.period * turns), 0)


PLAIN = Metric()


def ratios(actual: np.ndarray, expected: Gauged, metric: Metric = PLAIN) -> np.ndarray:
    """|actual − expected| / gauge. NaN counts as infinite; an infinite gauge demands nothing; 0/0 is 0."""
    with np.errstate(all="ignore"):
        difference = metric.distance(actual, expected.value)
        quotient = np.where(difference == 0, 0.0, difference / expected.tolerance)
    quotient = np.where(np.isnan(quotient), np.inf, quotient)
    return np.where(np.isinf(expected.tolerance), 0.0, quotient)


def compare(
    what: str,
    actual: Sequence[np.ndarray | None],
    expected: Sequence[Gauged],
    metric: Metric = PLAIN,
    names: Sequence[str] = (),
) -> float:
    """The worst ratio over all outputs; raises Falsified if it exceeds 1, or if shapes or kinds differ."""
    if len(actual) != len(expected):
        raise Falsified(f"{what}: expected {len(expected)} arrays, got {len(actual)}")
    found = [
        _worst(name, value, judged, metric)
        for name, value, judged in zip(_names(what, names, len(expected)), actual, expected, strict=True)
        if value is not None
    ]
    worst = max(found, key=lambda discrepancy: discrepancy.error, default=None)
    if worst is None:
        return 0.0
    if not worst.error <= 1:
        raise Falsified(f"{what} differs from the reference by {worst.error:.4g} gauges", worst)
    return worst.error


def vacuous(expected: Sequence[Gauged], unit: float) -> bool:
    """Whether zero, or the outputs shuffled, would pass for the right answer. Outputs that agree to half the digits of
    the arithmetic (unit roundoff `unit`) are too alike for shuffling to mean anything."""
    sizeable = [judged for judged in expected if judged.value.size and np.any(judged.value != 0)]
    if not sizeable:
        return any(np.isinf(judged.tolerance).any() for judged in expected)
    nonzero = [judged for judged in sizeable if not _passes(np.zeros_like(judged.value), judged)]
    if not nonzero:
        return True
    shuffled = [(np.roll(judged.value.ravel(), 1).reshape(judged.value.shape), judged) for judged in nonzero]
    telling = [(value, judged) for value, judged in shuffled if _differs(value, judged.value, unit)]
    return bool(telling) and all(_passes(value, judged) for value, judged in telling)


def vacuous_share(expected: Sequence[Gauged]) -> float:
    """Share of elements whose gauge is infinite or not smaller than the output's root mean square."""
    blunt, total = 0, 0
    for judged in expected:
        size = _root_mean_square(judged.value)
        blunt += int(np.count_nonzero(np.isinf(judged.tolerance) | ((judged.tolerance >= size) & (size > 0))))
        total += judged.value.size
    return blunt / max(total, 1)


def conditioning(expected: Sequence[Gauged], unit: float) -> float:
    """The largest gauge in units of unit roundoff × root mean square of its output: the digits that the input costs."""
    found = [0.0]
    for judged in expected:
        size = _root_mean_square(judged.value)
        if size > 0 and np.isfinite(judged.tolerance).any():
            found.append(float(judged.tolerance[np.isfinite(judged.tolerance)].max() / (unit * size)))
    return max(found)


def _root_mean_square(value: np.ndarray) -> float:
    with np.errstate(over="ignore"):  # infinite where the squares of huge values are
        return float(np.sqrt(np.mean(np.abs(value) ** 2))) if value.size else 0.0


def _names(what: str, names: Sequence[str], count: int) -> Sequence[str]:
    return names or ([what] if count == 1 else [f"{what} {i}" for i in range(count)])


def _worst(name: str, actual: np.ndarray, expected: Gauged, metric: Metric) -> Discrepancy:
    if actual.shape != expected.value.shape:
        raise Falsified(f"{name}: expected shape {expected.value.shape}, got {actual.shape}")
    if (actual.dtype.kind == "c") != (expected.value.dtype.kind == "c"):
        kinds = {True: "complex", False: "real"}
        raise Falsified(f"{name}: expected {kinds[expected.value.dtype.kind == 'c']} values, got {actual.dtype}")
    errors = ratios(actual, expected, metric)
    if not errors.size:
        return Discrepancy(name, (), 0, 0, 0.0, 0.0, 0, 0)
    index = tuple(int(i) for i in np.unravel_index(np.argmax(errors), errors.shape))
    outside = int(np.count_nonzero(errors > 1))
    return Discrepancy(
        name,
        index,
        actual[index].item(),
        expected.value[index].item(),
        float(expected.tolerance[index]),
        float(errors[index]),
        outside,
        errors.size,
    )


def _passes(value: np.ndarray, expected: Gauged) -> bool:
    return bool(np.all(ratios(value, expected) <= 1))


def _differs(value: np.ndarray, expected: np.ndarray, unit: float) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.max(np.abs(value - expected)) > np.sqrt(unit) * np.max(np.abs(expected)))


def _number(value: complex) -> str:
    if isinstance(value, complex):
        return f"{value.real:.9g}{value.imag:+.9g}i"
    return f"{value:.9g}"
