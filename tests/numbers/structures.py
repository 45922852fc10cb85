"""Inputs on which rounding errors conspire, exactly representable in float32, and the ratio that judges a result."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference.numbers import ARITHMETICS, Arithmetic, Gauged
from reference.numbers.arithmetic import worst_case
from reference.numbers.gauge import enter

SINGLE = ARITHMETICS["float32"]
STRUCTURES = (
    "normal",
    "positive",
    "constant",
    "few values",
    "three values",
    "alternating",
    "alternating constant",
    "sorted",
    "slow wave",
    "lognormal",
    "cancelling",
    "graded",
)
DECADES = 6


def structured(rng: np.random.Generator, shape: tuple[int, ...], structure: str, scale: float = 1.0) -> np.ndarray:
    """float32 data whose structure runs along the last axis."""
    length = shape[-1]
    normal, place = rng.normal(size=shape), np.arange(length)
    data = {
        "normal": lambda: normal,
        "positive": lambda: np.abs(normal),
        "constant": lambda: np.full(shape, rng.normal()),
        "few values": lambda: rng.integers(-1, 2, size=shape) * rng.normal(),
        "three values": lambda: rng.choice(rng.normal(size=3), size=shape),
        "alternating": lambda: np.abs(normal) * (-1.0) ** place,
        "alternating constant": lambda: rng.normal() * (-1.0) ** place * np.ones(shape),
        "sorted": lambda: np.sort(normal, axis=-1),
        "slow wave": lambda: np.sin(place * rng.uniform(0, 0.1)) * np.ones(shape),
        "lognormal": lambda: np.exp(2 * normal),
        "cancelling": lambda: np.concatenate([normal, -normal * (1 + 2.0**-16 * rng.normal())], -1)[..., length // 2 :][
            ..., :length
        ],
        "graded": lambda: normal * np.exp(np.linspace(-DECADES, DECADES, length)),
    }[structure]()
    return (scale * data).astype(np.float32)


def double(x: np.ndarray) -> np.ndarray:
    return x.astype(complex if np.iscomplexobj(x) else float)


def ratio(computed: Any, gauged: Gauged) -> float:
    """The largest error in gauges; an infinite gauge demands nothing."""
    apart = np.abs(double(np.asarray(computed)) - gauged.value)
    with np.errstate(all="ignore"):
        ratios = np.where((apart == 0) | np.isinf(gauged.tolerance), 0.0, apart / gauged.tolerance)
    return float(np.max(np.where(np.isnan(ratios), np.inf, ratios), initial=0.0))


def worst_case_error(function: Any, *exact: np.ndarray, arithmetic: Arithmetic = SINGLE) -> np.ndarray:
    """The classical running error bound of a result, of exact inputs."""
    model = worst_case(arithmetic)
    with np.errstate(all="ignore"):
        return function(*(enter(x, model, granted=0.0) for x in exact)).error


seeds = st.integers(0, 2**32 - 1)
structures = st.sampled_from(STRUCTURES)
lengths = st.sampled_from((1, 2, 3, 5, 17, 100, 1000))
scales = st.sampled_from((1.0, 10.0**-DECADES, 10.0**DECADES))
