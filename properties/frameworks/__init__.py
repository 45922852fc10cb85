"""Framework adapters: everything that the laws need of torch, jax or numpy, and the only place that knows them.

The complex gradient of a real loss is ∂L/∂a + i ∂L/∂b everywhere outside; an adapter translates its framework's own.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from reference.numbers.gauge import flatten

FRAMEWORKS = ("torch", "jax", "numpy")


class Framework(Protocol):
    """What an adapter offers. Arrays are the framework's own; `device` is "cpu" or "cuda"."""

    name: str

    def versions(self) -> dict[str, str]:
        """Versions of the libraries at work, for the report's header."""

    def devices(self) -> tuple[str, ...]:
        """The devices present on this machine."""

    def working(self, double: bool) -> AbstractContextManager:
        """The state in which people run this framework: for work in double precision anywhere inside, or for less."""

    def array(self, value: np.ndarray, dtype: str, device: str) -> Any:
        """A new array: real values in `dtype`, complex ones in its complex partner, integers as they are."""

    def strided(self, array: Any) -> Any:
        """The same values in a non-contiguous array; NotClaimed where the framework has no strides."""

    def numpy(self, array: Any) -> np.ndarray:
        """The values in float64, complex128 or integers."""

    def dtype_of(self, array: Any) -> str:
        """The dtype's name, such as "complex64"."""

    def call(self, function: Callable, arrays: Sequence, options: Mapping) -> tuple:
        """The outputs as a tuple, computed to the end."""

    def vjp(self, function: Callable, arrays: Sequence, cotangents: Sequence, options: Mapping) -> tuple:
        """One gradient per array, None where there is none."""

    def jvp(self, function: Callable, arrays: Sequence, tangents: Sequence, options: Mapping) -> tuple:
        """The directional derivatives of the outputs; NotClaimed where the function has no forward mode."""

    def compilations(self) -> int | None:
        """How many compilations this process has seen so far; None where nothing compiles."""


def framework(name: str) -> Framework:
    """The adapter of that name. Raises ValueError for an unknown name, ImportError if the library is missing."""
    if name not in FRAMEWORKS:
        raise ValueError(f"framework: expected one of {', '.join(FRAMEWORKS)}, got {name!r}")
    return importlib.import_module(f"properties.frameworks.{name}_adapter").ADAPTER


def as_outputs(result: Any) -> tuple:
    """A function's result, an array or nested lists, tuples and dicts of them, as a tuple of arrays."""
    return tuple(flatten(result))


def as_cotangents(result: Any, cotangents: Sequence) -> tuple:
    """What `<name>_vjp` takes after its arrays: cotangents in the shape of the result, a tuple's one by one.

    An output without derivatives (integers, booleans) has None.
    """
    given = iter(cotangents)

    def like(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: like(part[name]) for name in sorted(part)}
        if isinstance(part, list | tuple):
            return [like(one) for one in part]
        return next(given) if np.asarray(part).dtype.kind in "fc" else None

    return tuple(like(one) for one in result) if isinstance(result, tuple) else (like(result),)
