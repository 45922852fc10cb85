"""Slopes: how far a function moves over a disc, |f(x') − f(x)| ≤ Σ slope_i·radius_i for all |x'_i − x_i| ≤ radius_i.

No second order is neglected, jumps across a branch cut are included.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Slopes = Callable[[list[Array], list[Array], Array], tuple[Any, ...]]


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
    """ξ^(p−1) is monotone in ξ and in p: its largest value lies at a corner of the box."""
    base, exponent = x
    largest = np.abs(exponent) + radii[1]
    outer = np.abs(base) + radii[0]
    if not np.any(radii[1]) and np.all(exponent == np.rint(exponent.real)) and np.all(exponent.real >= 1):
        return largest * outer ** (exponent.real - 1), 0.0  # any sign, any complex base
    inner = np.abs(base) - radii[0]
    corners = [end ** (exponent.real + turn * radii[1] - 1) for end in (inner, outer) for turn in (-1, 1)]
    in_base = np.where(inner > 0, largest * np.max(corners, axis=0), np.inf)
    logarithm = np.abs(np.log(base))
    return in_base, np.abs(value) * logarithm * _relative_growth(radii[1] * logarithm)


def _positive_or_none(distance: Array) -> Array:
    """A divisor that its own error may turn into zero gives an infinite slope."""
    return np.where(distance > 0, distance, 0.0)


def _relative_growth(radius: Array) -> Array:
    """(e^r − 1)/r"""
    return np.where(radius > 0, np.expm1(radius) / np.where(radius > 0, radius, 1), 1.0)


def _relative_decay(share: Array) -> Array:
    """−log(1 − r)/r"""
    return np.where(share > 0, -np.log1p(-np.minimum(share, 1)) / np.where(share > 0, share, 1), 1.0)


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

# |f(x') − f(x)| never exceeds this, however wrong x' is.
RANGE: dict[str, float] = {
    "sin": 2,
    "cos": 2,
    "tanh": 2,
    "erf": 2,
    "arctan": np.pi,
    "arctan2": 2 * np.pi,
    "arccos": np.pi,
    "arcsin": np.pi,
}
