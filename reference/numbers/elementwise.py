"""Rounding rules of elementwise functions.

For every function: a secant slope |f(x+δ) − f(x)| ≤ slope·|δ| over the whole disc |δ| ≤ radius (no neglected second order),
and so many units of roundoff of its own (constants.py).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, carried, lift, model_of, rule, settle, ufunc_rule
from reference.numbers.comparisons import choose
from reference.numbers.constants import ARGUMENT, ELEMENTWISE

Array = np.ndarray
Slopes = Callable[[list[Array], list[Array], Array], tuple[Any, ...]]

# |f(x') − f(x)| never exceeds this, however wrong x' is.
RANGE: dict[str, float] = {"sin": 2, "cos": 2, "tanh": 2, "erf": 2, "arctan": np.pi, "arctan2": 2 * np.pi, "arccos": np.pi,
                           "arcsin": np.pi}  # fmt: skip


def _quotient(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    """(a+δa)/(b+δb) − a/b = (δa − (a/b) δb) / (b+δb)"""
    distance = _positive_or_none(np.abs(x[1]) - radii[1])
    return 1 / distance, np.abs(value) / distance


def _reciprocal(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    return (np.abs(value) / _positive_or_none(np.abs(x[0]) - radii[0]),)


def _square_root(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    """|√(x+δ) − √x| = |δ| / |√(x+δ) + √x|; a disc across the cut may flip the sign."""
    size, radius, root = np.abs(x[0]), radii[0], np.abs(value)
    if np.iscomplexobj(x[0]):
        crosses = (x[0].real < radius) & (np.abs(x[0].imag) <= radius)
        return (np.where(crosses & (radius > 0), 2 * np.sqrt(size + radius) / radius, 1 / np.sqrt(2 * size - radius)),)
    inside = 1 / (root + np.sqrt(np.maximum(size - radius, 0)))
    return (np.where(radius < size, inside, 1 / np.sqrt(radius)),)


def _exponential(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    return (np.abs(value) * _relative_growth(radii[0]),)


def _exponential_less_one(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    return (np.abs(value + 1) * _relative_growth(radii[0]),)


def _logarithm(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    """|log(1 + δ/x)| ≤ −log(1 − |δ|/|x|); a complex disc across the cut adds a turn."""
    size, radius = np.abs(x[0]), radii[0]
    slope = np.where(radius < size, _relative_decay(radius / size) / size, np.inf)
    if np.iscomplexobj(x[0]):
        crosses = (x[0].real < 0) & (np.abs(x[0].imag) <= radius) & (radius > 0)
        slope = slope + np.where(crosses, 2 * np.pi / radius, 0)
    return (slope,)


def _sine(derivative: Callable[[Array], Array], function: Callable[[Array], Array]) -> Slopes:
    """sin(x+δ) − sin x = 2 sin(δ/2) cos(x+δ/2), and |cos(x+δ/2)| ≤ |cos x| + |δ|/2, hyperbolic off the real line."""

    def slopes(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
        half = radii[0] / 2
        if np.iscomplexobj(x[0]):
            growth = np.where(half > 0, np.sinh(half) / half, 1)
            return ((np.abs(derivative(x[0])) * np.cosh(half) + np.abs(function(x[0])) * np.sinh(half)) * growth,)
        return (np.minimum(1, np.abs(derivative(x[0])) + half),)

    return slopes


def _tangent(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    """tan(x+δ) − tan x = sin δ / (cos x cos(x+δ))"""
    cosine = np.abs(np.cos(x[0]))
    return (1 / (cosine * _positive_or_none(cosine - radii[0])),)


def _hyperbolic(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    return (np.cosh(np.abs(np.real(x[0])) + radii[0]),)


def _hyperbolic_tangent(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    nearest = np.maximum(np.abs(x[0]) - radii[0], 0)
    return (1 / np.cosh(nearest) ** 2,)


def _arctangent(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    return (1 / (1 + np.maximum(np.abs(x[0]) - radii[0], 0) ** 2),)


def _arctangent_of_two(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    """The sine of the angle between z and z+δ is |z × δ| / (|z| |z+δ|)."""
    length = np.hypot(x[0], x[1])
    area = length * _positive_or_none(length - np.hypot(*radii))
    sine = (np.abs(x[1]) * radii[0] + np.abs(x[0]) * radii[1]) / area
    bend = np.where(sine < 1, np.where(sine > 0, np.arcsin(np.minimum(sine, 1)) / sine, 1), np.inf)
    crosses = (x[1] < radii[1]) & (np.abs(x[0]) <= radii[0]) & (radii[0] > 0)
    return np.where(crosses, np.inf, np.abs(x[1]) / area * bend), np.abs(x[0]) / area * bend


def _arccosine(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    outermost = np.abs(x[0]) + radii[0]
    return (np.where(outermost < 1, 1 / np.sqrt(1 - outermost**2), np.inf),)


def _error_function(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    nearest = np.maximum(np.abs(x[0]) - radii[0], 0)
    return (2 / np.sqrt(np.pi) * np.exp(-(nearest**2)),)


def _log_of_sum(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    """Each slope is the share e^a / (e^a + e^b), which grows by at most a factor e^(2·radius), and stays below 1."""
    growth = np.exp(2 * np.maximum(*radii))
    return tuple(np.minimum(1, np.exp(part - value) * growth) for part in x)


def _power(x: list[Array], radii: list[Array], value: Array) -> tuple[Any, ...]:
    """Monotone derivatives: the larger slope lies at an end of the interval."""
    base, exponent = x
    ends = [np.abs(base) + radii[0], np.abs(base) - radii[0]]
    if np.all(exponent == np.rint(exponent.real)) and np.all(exponent.real >= 1) and not np.any(radii[1]):
        return np.abs(exponent) * ends[0] ** (exponent.real - 1), 0.0
    outer = [np.abs(exponent) * end ** (exponent.real - 1) for end in ends]
    in_base = np.where(ends[1] > 0, np.maximum(*outer), np.inf)
    in_exponent = np.abs(value * np.log(base)) * _relative_growth(radii[1] * np.abs(np.log(base)))
    return in_base, in_exponent


SLOPES: dict[str, Slopes] = {
    "add": lambda x, radii, value: (1.0, 1.0),
    "subtract": lambda x, radii, value: (1.0, 1.0),
    "multiply": lambda x, radii, value: (np.abs(x[1]) + radii[1], np.abs(x[0])),
    "divide": _quotient,
    "reciprocal": _reciprocal,
    "square": lambda x, radii, value: (2 * np.abs(x[0]) + radii[0],),
    "sqrt": _square_root,
    "absolute": lambda x, radii, value: (1.0,),
    "hypot": lambda x, radii, value: (1.0, 1.0),
    "exp": _exponential,
    "exp2": lambda x, radii, value: (np.log(2) * np.abs(value) * _relative_growth(np.log(2) * radii[0]),),
    "expm1": _exponential_less_one,
    "log": _logarithm,
    "log2": lambda x, radii, value: (_logarithm(x, radii, value)[0] / np.log(2),),
    "log1p": lambda x, radii, value: _logarithm([1 + x[0]], radii, value),
    "sin": _sine(np.cos, np.sin),
    "cos": _sine(np.sin, np.cos),
    "tan": _tangent,
    "sinh": _hyperbolic,
    "cosh": _hyperbolic,
    "tanh": _hyperbolic_tangent,
    "arctan": _arctangent,
    "arctan2": _arctangent_of_two,
    "arccos": _arccosine,
    "arcsin": _arccosine,
    "erf": _error_function,
    "logaddexp": _log_of_sum,
    "power": _power,
}


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
    rounding = np.where(_is_exact(name, x), 0.0, rounding + _underflow(value, model))
    masked = np.isneginf(value.real) & np.any([np.isneginf(part) & (operand.error == 0) for part, operand in
                                               zip(np.broadcast_arrays(*(v.real for v in values)), x, strict=True)], axis=0)
    if masked.any():  # −∞, the exact mask
        coherent, fresh, rounding = (np.where(masked, 0.0, error) for error in (coherent, fresh, rounding))
    return settle(value, coherent, fresh, rounding, model)


REAL_ONLY = frozenset({"tan", "sinh", "cosh", "tanh", "arctan", "arctan2", "arccos", "arcsin", "erf", "logaddexp", "hypot"})


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
        own = own + carried(slopes[0], argument) / model.deviations
    if name == "power":  # e^(p log x)
        exponent, base = x[1].value, x[0].value
        own = own + np.where(value == 0, 0.0, np.abs(exponent * np.log(np.abs(base)) * value)) / model.deviations
    return own


def _is_exact(name: str, x: list[Bounded]) -> Any:
    """Sums with an exact zero and products with exact zeros and powers of two do not round."""
    if name in ("add", "subtract"):
        return ((x[0].value == 0) & (x[0].error == 0)) | ((x[1].value == 0) & (x[1].error == 0))
    if name == "multiply":
        return (_is_scale(x[0].value) & (x[0].error == 0)) | (_is_scale(x[1].value) & (x[1].error == 0))
    if name == "divide":
        return _is_scale(x[1].value) & (x[1].error == 0) & (x[1].value != 0)
    return False


def _is_scale(value: Array) -> Array:
    """0, or a power of two times 1, i, −1 or −i."""
    if np.iscomplexobj(value):
        return ((value.imag == 0) & _is_scale(value.real)) | ((value.real == 0) & _is_scale(value.imag))
    significand = np.abs(np.frexp(value)[0]) if value.dtype != bool else value
    return (significand == np.frexp(1.0)[0]) | (value == 0)


def _underflow(value: Array, model: Any) -> Array:
    """Flushing to zero loses at most the value itself, and at most the threshold in each component."""
    return np.minimum(np.abs(value), 2 * model.arithmetic.tiny)


def _positive_or_none(distance: Array) -> Array:
    """A divisor that its own error may turn into zero gives an infinite slope."""
    return np.where(distance > 0, distance, 0.0)


def _relative_growth(radius: Array) -> Array:
    """(e^r − 1)/r"""
    return np.where(radius > 0, np.expm1(radius) / np.where(radius > 0, radius, 1), 1.0)


def _relative_decay(share: Array) -> Array:
    """−log(1 − r)/r"""
    return np.where(share > 0, -np.log1p(-np.minimum(share, 1)) / np.where(share > 0, share, 1), 1.0)


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
