"""NumPy and SciPy functions. A gradient is offered by a function `<name>_vjp` beside the function judged."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import scipy

from properties.frameworks import as_cotangents, as_outputs
from properties.law import NotClaimed

_COMPLEX = {"float32": np.complex64, "float64": np.complex128}


class NumpyAdapter:
    name = "numpy"

    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__, "scipy": scipy.__version__}

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def working(self, double: bool) -> AbstractContextManager:
        return nullcontext()

    def array(self, value: np.ndarray, dtype: str, device: str) -> np.ndarray:
        value = np.asarray(value)
        if value.dtype.kind not in "fc":
            return value.copy()
        if value.dtype.kind == "c" and dtype not in _COMPLEX:
            raise NotImplementedError(f"numpy has no complex partner of {dtype}")
        return value.astype(_COMPLEX[dtype] if value.dtype.kind == "c" else dtype)

    def strided(self, array: np.ndarray) -> np.ndarray:
        if array.ndim == 0:
            return array
        spaced = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        spaced[..., ::2] = array
        return spaced[..., ::2]

    def numpy(self, array: Any) -> np.ndarray:
        array = np.asarray(array)
        if array.dtype.kind not in "fc":
            return array
        return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)

    def dtype_of(self, array: Any) -> str:
        return np.asarray(array).dtype.name

    def call(self, function: Callable, arrays: Sequence, options: Mapping) -> tuple:
        return as_outputs(function(*arrays, **options))

    def vjp(self, function: Callable, arrays: Sequence, cotangents: Sequence, options: Mapping) -> tuple:
        home = sys.modules.get(getattr(function, "__module__", ""))
        companion = getattr(home, f"{getattr(function, '__name__', '')}_vjp", None)
        if companion is None:
            raise NotClaimed("no function <name>_vjp stands beside it")
        structured = as_cotangents(function(*arrays, **options), cotangents)
        return as_outputs(companion(*arrays, *structured, **options))

    def jvp(self, function: Callable, arrays: Sequence, tangents: Sequence, options: Mapping) -> tuple:
        raise NotClaimed("numpy has no forward mode")

    def compilations(self) -> None:
        return None


ADAPTER = NumpyAdapter()
