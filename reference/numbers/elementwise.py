"""Rounding rules of elementwise functions: slopes times inherited errors, and some units of roundoff of their own."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, carried, lift, model_of, rule, settle, ufunc_rule
from reference.numbers.comparisons import choose
from reference.numbers.constants import ARGUMENT, ELEMENTWISE
from reference.numbers.slopes import RANGE, SLOPES

Array = np.ndarray
REAL_ONLY = frozenset(
    {"tan", "sinh", "cosh", "tanh", "arctan", "arctan2", "arccos", "arcsin", "erf", "logaddexp", "hypot"}
)


@ufunc_rule(*SLOPES)
def smooth(function: np.ufunc, *operands: Any) -> Bounded:
    """f at the operands, with slopes times inherited errors and the roundings of f itself."""
    model = model_of(*operands)
    x = [lift(operand, model) for operand in operands]
    name = function.__name__
    if name in REAL_ONLY and any(np.iscomplexobj(operand.value) for operand in x):
        raise TypeError(f"{name} of complex arguments has no rounding rule")
    values = [operand.value for operand in x]
    value = function(*values)
    slopes = SLOPES[name](values, [operand.radius for operand in x], value)
    coherent, fresh = _inherit(x, slopes, value.shape)
    if name in RANGE:
        limit = RANGE[name] / model.deviations
        coherent, fresh = (np.minimum(np.where(np.isnan(error), np.inf, error), limit) for error in (coherent, fresh))
    rounding = _roundings(name, x, slopes, value) * model.arithmetic.elementwise
    rounding = rounding * (1 + model.deviations * (coherent + fresh) / np.where(value == 0, np.inf, np.abs(value)))
    rounding = np.where(_is_exact(name, x), 0.0, rounding)
    result = settle(value, coherent, fresh, rounding, model)
    lowest = value.real == -np.inf
    if lowest.any():
        masked = lowest & _is_mask(x)
        result.coherent, result.fresh = (np.where(masked, 0.0, error) for error in (result.coherent, result.fresh))
    return result


def _is_mask(x: list[Bounded]) -> Any:
    """−∞ without error in an operand, the exact mask."""
    parts = np.broadcast_arrays(*(operand.value.real for operand in x))
    return np.any([(part == -np.inf) & (operand.error == 0) for part, operand in zip(parts, x, strict=True)], axis=0)


def _inherit(x: list[Bounded], slopes: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Errors of an operand that is broadcast reach many elements alike: coherent."""
    coherent = np.zeros(shape)
    fresh = np.zeros(shape)
    for operand, slope in zip(x, slopes, strict=True):
        if operand.shape == shape:
            coherent = coherent + carried(slope, operand.coherent)
            fresh = fresh + carried(slope, operand.fresh)
        else:
            coherent = coherent + carried(slope, operand.error)
    return coherent, fresh


def _roundings(name: str, x: list[Bounded], slopes: tuple[Any, ...], value: Array) -> Array:
    """The roundings of f itself, in units of roundoff."""
    model = x[0].model
    complexes = [np.iscomplexobj(operand.value) for operand in x]
    whole = all(complexes) if name == "multiply" else complexes[-1]
    units = ELEMENTWISE[name].complex if whole else ELEMENTWISE[name].real
    own = model.unit_share(units) * np.abs(value) if units else np.zeros(value.shape)
    if name in ARGUMENT:
        argument = ARGUMENT[name] * np.abs(x[0].value)
        own = own + carried(argument, slopes[0]) / model.deviations  # none where the function is flat, as e^−∞
    if name == "power":  # e^(p log x)
        exponent, base = x[1].value, x[0].value
        own = own + np.where(value == 0, 0.0, np.abs(exponent * np.log(np.abs(base)) * value)) / model.deviations
    return own


def _is_exact(name: str, x: list[Bounded]) -> Any:
    """Sums with an exact zero and products with exact zeros and powers of two do not round."""
    if name in ("add", "subtract"):
        return _exactly(_is_zero, x[0]) | _exactly(_is_zero, x[1])
    if name == "multiply":
        return _exactly(_is_scale, x[0]) | _exactly(_is_scale, x[1])
    if name == "divide":
        return _exactly(_is_scale, x[1]) & (x[1].value != 0)
    return False


def _exactly(property_of: Callable[[Array], Array], x: Bounded) -> Any:
    """Where x is without error and has that property."""
    exact = x.error == 0
    return exact & property_of(x.value) if exact.any() else exact


def _is_zero(value: Array) -> Array:
    return value == 0


def _is_scale(value: Array) -> Array:
    """0, or a power of two times 1, i, −1 or −i."""
    if np.iscomplexobj(value):
        return ((value.imag == 0) & _is_scale(value.real)) | ((value.real == 0) & _is_scale(value.imag))
    significand = np.abs(np.frexp(value)[0]) if value.dtype != bool else value
    return (significand == np.frexp(1.0)[0]) | (value == 0)


@ufunc_rule("negative", "positive", "conjugate")
def exact(function: np.ufunc, x: Bounded) -> Bounded:
    return Bounded(function(x.value), x.coherent, x.fresh, x.model)


@rule(np.angle)
def angle(z: Bounded, deg: bool = False) -> Bounded:
    if deg:
        raise TypeError("angle in degrees has no rounding rule")
    return np.arctan2(np.imag(z), np.real(z))


@ufunc_rule("maximum", "minimum", "fmax", "fmin")
def extremum(function: np.ufunc, first: Any, second: Any) -> Bounded:
    """1-Lipschitz: an undecided comparison costs the larger error, no gap."""
    model = model_of(first, second)
    a, b = lift(first, model), lift(second, model)
    if np.iscomplexobj(a.value) or np.iscomplexobj(b.value):
        raise TypeError(f"{function.__name__} of complex arguments has no rounding rule")
    return choose(a > b if function.__name__.endswith("max") or function is np.maximum else a < b, a, b, gap=False)


@rule(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Bounded:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


@rule(np.where)
def where(condition: Any, first: Any, second: Any) -> Bounded:
    return choose(condition, first, second, gap=True)
