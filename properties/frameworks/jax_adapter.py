"""JAX, on the CPU or CUDA, under `jax.jit`.

JAX pulls back covectors bilinearly: the cotangent that goes in and the gradients that come out are conjugated here, and
nowhere else, to give ∂L/∂a + i ∂L/∂b.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from properties.frameworks import as_outputs
from properties.law import NotClaimed

jax.config.update("jax_enable_x64", True)
if not jax.config.values.get("jax_compilation_cache_dir"):
    _CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gaugeblock" / "jax"
    jax.config.update("jax_compilation_cache_dir", str(_CACHE))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

_COMPLEX = {"float64": jnp.complex128}  # single precision beside halves: there are no complex halves
MOST_PROGRAMS = 400  # each maps some sixty pieces of memory, of which Linux grants 65,530 to a process
_COMPILE_EVENT = "/jax/core/compile/backend_compile_duration"


class JaxAdapter:
    name = "jax"

    def __init__(self) -> None:
        self._compilations = self._let_go = 0
        jax.monitoring.register_event_duration_secs_listener(self._listen)

    def versions(self) -> dict[str, str]:
        found = {"jax": jax.__version__}
        if "cuda" in self.devices():
            found["device"] = jax.devices("cuda")[0].device_kind
        return found

    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if any(d.platform in ("gpu", "cuda") for d in jax.devices()) else ("cpu",)

    def working(self, double: bool) -> AbstractContextManager:
        """`jax_enable_x64` is off for most who work in single precision, and constants are then single, too."""
        self.let_go()
        return jax.enable_x64(double)

    def let_go(self) -> None:
        """Between two pieces of work: forget compiled programs before they are too many."""
        if self._compilations - self._let_go > MOST_PROGRAMS:
            jax.clear_caches()
            self._let_go = self._compilations

    def array(self, value: np.ndarray, dtype: str, device: str) -> jax.Array:
        value = np.asarray(value)
        if value.dtype.kind == "c":
            value = value.astype(_COMPLEX.get(dtype, jnp.complex64))
        elif value.dtype.kind == "f":
            value = value.astype(jnp.dtype(dtype))
        return jax.device_put(np.array(value), jax.devices(device)[0])

    def strided(self, array: jax.Array) -> jax.Array:
        raise NotClaimed("jax arrays have no strides")

    def numpy(self, array: Any) -> np.ndarray:
        if not isinstance(array, jax.Array):
            raise TypeError(f"expected a jax.Array as result, got {type(array).__name__}")
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            return np.asarray(array).astype(np.complex128)
        return np.asarray(array).astype(np.float64) if jnp.issubdtype(array.dtype, jnp.floating) else np.asarray(array)

    def dtype_of(self, array: jax.Array) -> str:
        return array.dtype.name

    def call(self, function: Callable, arrays: Sequence, options: Mapping) -> tuple:
        return as_outputs(jax.block_until_ready(_compiled(function, _frozen(options))(*arrays)))

    def vjp(self, function: Callable, arrays: Sequence, cotangents: Sequence, options: Mapping) -> tuple:
        found = _compiled_vjp(function, _frozen(options))(tuple(arrays), tuple(cotangents))
        return tuple(None if g.dtype == jax.dtypes.float0 else g for g in jax.block_until_ready(found))

    def jvp(self, function: Callable, arrays: Sequence, tangents: Sequence, options: Mapping) -> tuple:
        try:
            return _compiled_jvp(function, _frozen(options))(tuple(arrays), tuple(tangents))
        except (TypeError, NotImplementedError) as error:
            self.call(function, arrays, options)  # what cannot be called at all lacks more than a forward mode
            raise NotClaimed(f"no forward mode: {str(error).strip().splitlines()[0]}") from error

    def compilations(self) -> int:
        return self._compilations

    def _listen(self, event: str, *_, **__) -> None:
        self._compilations += event == _COMPILE_EVENT


def _frozen(options: Mapping) -> tuple:
    return tuple(sorted(options.items()))


@functools.cache
def _compiled(function: Callable, options: tuple) -> Callable:
    return jax.jit(functools.partial(function, **dict(options)))


@functools.cache
def _compiled_vjp(function: Callable, options: tuple) -> Callable:
    call = functools.partial(function, **dict(options))

    @jax.jit
    def pull_back(arrays: tuple, cotangents: tuple) -> tuple:
        pulled = jax.vjp(functools.partial(_differentiable, call), *arrays)[1](tuple(jnp.conj(c) for c in cotangents))
        return tuple(g if g.dtype == jax.dtypes.float0 else jnp.conj(g) for g in pulled)

    return pull_back


@functools.cache
def _compiled_jvp(function: Callable, options: tuple) -> Callable:
    call = functools.partial(function, **dict(options))

    @jax.jit
    def push(arrays: tuple, tangents: tuple) -> tuple:
        moving = [place for place, array in enumerate(arrays) if jnp.issubdtype(array.dtype, jnp.inexact)]

        def moved(*given: jax.Array) -> tuple:
            inputs = list(arrays)
            for place, array in zip(moving, given, strict=True):
                inputs[place] = array
            return _differentiable(call, *inputs)

        return jax.jvp(moved, tuple(arrays[p] for p in moving), tuple(tangents[p] for p in moving))[1]

    return push


def _differentiable(call: Callable, *arrays: jax.Array) -> tuple:
    """The outputs that have derivatives: neither integers nor booleans."""
    return tuple(o for o in as_outputs(call(*arrays)) if jnp.issubdtype(jnp.result_type(o), jnp.inexact))


ADAPTER = JaxAdapter()
