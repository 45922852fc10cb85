"""Case: one input to judge an implementation on. BadInput: one that it must refuse."""

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from properties.representable import representable


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs in float64, complex128 or integers, exact in `dtype`; a seed for whatever a law still draws."""

    inputs: tuple[np.ndarray, ...]
    dtype: str
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    drawn: str = ""

    @functools.cached_property
    def key(self) -> bytes:
        digest = hashlib.blake2b(repr((self.dtype, self.seed, sorted(self.options.items()))).encode(), digest_size=16)
        for array in self.inputs:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        shapes = ", ".join(str(array.shape) for array in self.inputs)
        return f"Case({self.drawn or 'shapes ' + shapes}, {self.dtype}, seed {self.seed})"

    def random(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def with_inputs(self, *inputs: np.ndarray, drawn: str | None = None) -> "Case":
        rounded = tuple(representable(array, self.dtype) for array in inputs)
        return replace(self, inputs=rounded, drawn=self.drawn if drawn is None else drawn)


@dataclass(frozen=True)
class BadInput:
    """An input that must be refused by a ValueError or TypeError whose text names `argument`."""

    argument: str
    what: str
    change: Callable[[Case], tuple[tuple[Any, ...], dict[str, Any]]]
