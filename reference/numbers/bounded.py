"""Arrays whose values carry a first-order bound of their rounding error, behind NumPy's own functions.

Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, ch. 3), vectorised. The rules live in
the neighbouring files and are found here by the NumPy function that they answer for.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from reference.numbers.arithmetic import Model

Rule = Callable[..., Any]
_FUNCTIONS: dict[Callable[..., Any], Rule] = {}
_UFUNCS: dict[str, Rule] = {}


def rule(*functions: Callable[..., Any]) -> Callable[[Rule], Rule]:
    """Declares the decorated function the rounding rule of these NumPy functions."""

    def declare(implementation: Rule) -> Rule:
        _FUNCTIONS.update(dict.fromkeys(functions, implementation))
        return implementation

    return declare


def ufunc_rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same for ufuncs, by name: those of scipy.special need no import. The rule receives the ufunc first."""

    def declare(implementation: Rule) -> Rule:
        _UFUNCS.update(dict.fromkeys(names, implementation))
        return implementation

    return declare


class Tracked(NDArrayOperatorsMixin):
    """What every array of a number system has: NumPy's attributes, and no way out of the system."""

    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-dimensional array")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: np.real(self))
    imag = property(lambda self: np.imag(self))

    def conj(self) -> Any:
        return np.conj(self)

    def conjugate(self) -> Any:
        return np.conj(self)

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self, first: int, second: int) -> Any:
        return np.swapaxes(self, first, second)

    def ravel(self) -> Any:
        return np.ravel(self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return np.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return np.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return np.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return np.min(self, axis=axis, keepdims=keepdims)

    def _no_way_out(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "a reference may not leave its number system (float, int, bool, item, np.asarray …): "
            "branch with np.where, take constants with like()"
        )

    __float__ = __int__ = __bool__ = __complex__ = __index__ = __array__ = item = tolist = _no_way_out

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("a reference may not write into an array: build it with np.where, np.stack or np.concatenate")


class Bounded(Tracked):
    """Values with a coherent error (adds linearly) and a fresh one (independent from element to element).

    value: (…) float64 or complex128.  coherent, fresh: (…) float64, moduli; their sum, times the model's deviations,
    bounds the error to first order. A complex error is a disc.
    """

    __slots__ = ("coherent", "fresh", "model", "value")

    def __init__(self, value: np.ndarray, coherent: np.ndarray, fresh: np.ndarray, model: Model) -> None:
        self.value, self.coherent, self.fresh, self.model = value, coherent, fresh, model

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def error(self) -> np.ndarray:
        """Coherent and fresh error together, in standard deviations if the model is statistical."""
        return self.coherent + self.fresh

    @property
    def radius(self) -> np.ndarray:
        """The error that is reckoned with."""
        return self.model.deviations * self.error

    def map(self, move: Callable[[np.ndarray], np.ndarray], repeats: bool = False) -> "Bounded":
        """A rearrangement of the elements; where it may repeat one, its error is no longer independent."""
        value = move(self.value)
        if repeats:
            return Bounded(value, move(self.error), np.zeros_like(value, float), self.model)
        return Bounded(value, move(self.coherent), move(self.fresh), self.model)

    def __getitem__(self, index: Any) -> "Bounded":
        parts = index if isinstance(index, tuple) else (index,)
        gathers = any(isinstance(part, list | np.ndarray) and np.asarray(part).dtype != bool for part in parts)
        return self.map(lambda array: np.asarray(array[index]), repeats=gathers)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        if "out" in options:
            raise TypeError(f"{ufunc.__name__} in place: a reference may not write into an array")
        if method == "__call__":
            implementation = _UFUNCS.get(ufunc.__name__)
            if implementation and not options:
                return implementation(ufunc, *operands)
        elif method in ("reduce", "accumulate"):
            return (
                _REDUCTIONS[ufunc.__name__, method](*operands, **{"axis": 0, **options})
                if ((ufunc.__name__, method) in _REDUCTIONS)
                else _refuse(f"{ufunc.__name__}.{method}")
            )
        return _refuse(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}", options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        implementation = _FUNCTIONS.get(function)
        if implementation is None:
            return _refuse(f"{function.__module__}.{function.__name__}")
        return implementation(*arguments, **options)


_REDUCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("add", "reduce"): np.sum,
    ("maximum", "reduce"): np.max,
    ("minimum", "reduce"): np.min,
    ("add", "accumulate"): np.cumsum,
}


def _refuse(name: str, options: dict[str, Any] | None = None) -> Any:
    described = f" with {', '.join(options)}" if options else ""
    raise TypeError(f"{name}{described} has no rounding rule")


def model_of(*operands: Any) -> Model:
    """The model of the tracked operands, looked for in lists and tuples too."""
    for operand in operands:
        if isinstance(operand, Bounded):
            return operand.model
        if isinstance(operand, list | tuple):
            inner = [part for part in operand if isinstance(part, Bounded | list | tuple)]
            if inner:
                return model_of(*inner)
    raise TypeError("no operand carries a rounding model")


def lift(constant: Any, model: Model) -> Bounded:
    """A constant enters exactly if the arithmetic can represent it, and with one rounding if not."""
    if isinstance(constant, Bounded):
        return constant
    value = np.asarray(constant)
    zeros = np.zeros(value.shape)
    if value.dtype.kind not in "fc":
        return Bounded(value, zeros, zeros, model)
    value = value.astype(complex if value.dtype.kind == "c" else float, copy=False)
    return Bounded(value, _representation_error(value, model.arithmetic.elementwise), zeros, model)


def representable(value: np.ndarray, unit: float) -> np.ndarray:
    """The nearest numbers with a significand of −log₂(unit) bits."""
    if value.dtype.kind == "c":
        return representable(value.real, unit) + 1j * representable(value.imag, unit)
    if value.dtype.kind != "f":
        return value
    significand, exponent = np.frexp(value)
    return np.ldexp(np.rint(significand / unit) * unit, exponent)


def _representation_error(value: np.ndarray, unit: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        inexact = np.isfinite(value) & (representable(value, unit) != value)
    return np.where(inexact, unit * np.abs(value), 0.0)


def settle(value: np.ndarray, coherent: Any, fresh: Any, rounding: Any, model: Model) -> Bounded:
    """A result with what it inherited and one new rounding event of its own.

    Flushing to zero loses at most the value and at most the threshold in each component; overflow and NaN, everything.
    """
    value = np.asarray(value)
    magnitude = np.abs(value)
    threshold = 2 * model.arithmetic.tiny
    small = magnitude * model.arithmetic.elementwise < threshold
    if small.any():
        rounding = rounding + np.where(small, np.minimum(magnitude, threshold), 0.0)
    if model.statistical:
        fresh = np.hypot(fresh, rounding)
    else:
        coherent, fresh = coherent + fresh + rounding, 0.0
    lost = ~(magnitude <= model.arithmetic.huge) & (value.real != -np.inf)
    unknown = np.isnan(fresh)
    coherent = np.where(lost | np.isnan(coherent) | unknown, np.inf, coherent)
    fresh = np.where(unknown, 0.0, fresh)
    return Bounded(value, coherent, fresh if fresh.shape == value.shape else np.broadcast_to(fresh, value.shape), model)


def carried(factor: Any, error: np.ndarray) -> Any:
    """factor·error, where no error stays none even if the factor is infinite or undefined."""
    return np.where(error == 0, 0.0, factor * error) if error.any() else 0.0
