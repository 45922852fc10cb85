"""Kernels on flat batches, arrays whose first axis is the batch: Triton's on CUDA, JAX's own elsewhere."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def triton_serves(*arrays: Array) -> bool:
    """Whether jax-triton and a GPU are there, and the arrays are halves, for tensor cores, and none of them empty."""
    return (
        all(x.dtype in (jnp.float16, jnp.bfloat16) and x.size > 0 for x in arrays)
        and importlib.util.find_spec("jax_triton") is not None
        and any(device.platform == "gpu" for device in jax.devices())
    )


@dataclass(frozen=True)
class OnCuda:
    """A kernel with its derivative on CUDA, and what stands for both elsewhere. No array may be empty.

    value(*arrays) → (result, *saved); vjp(*arrays, *saved, cotangent) → one gradient for each array of numbers, which
    come before those of integers; elsewhere(*arrays) → result. All arrays begin with the batch, and all three functions
    take the options, (name, value) pairs.
    """

    value: Callable[..., tuple[Array, ...]]
    vjp: Callable[..., tuple[Array, ...]]
    elsewhere: Callable[..., Array]
    options: tuple[tuple[str, Any], ...]

    def __call__(self, *arrays: Array) -> Array:
        """The result, differentiable once, in reverse mode; under `jax.vmap` the mapped axis joins the batch."""
        return _result(self, *arrays)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _differentiable(kernel: OnCuda, *arrays: Array) -> Array:
    return _forward(kernel, *arrays)[0]


def _forward(kernel: OnCuda, *arrays: Array) -> tuple[Array, tuple]:
    on_cuda = partial(kernel.value, **dict(kernel.options))

    def elsewhere(*arrays: Array) -> tuple[Array, ...]:
        saved = jax.eval_shape(on_cuda, *arrays)[1:]  # every platform has to return the same shapes
        return kernel.elsewhere(*arrays, **dict(kernel.options)), *(jnp.zeros(x.shape, x.dtype) for x in saved)

    result, *kept = _by_rows(on_cuda, elsewhere)(*arrays)
    return result, (arrays, kept)


def _backward(kernel: OnCuda, residuals: tuple, cotangent: Array) -> tuple[Array | None, ...]:
    arrays, kept = residuals
    numbers = sum(jnp.issubdtype(x.dtype, jnp.inexact) for x in arrays)

    def elsewhere(*given: Array) -> tuple[Array, ...]:
        integers = given[numbers : len(arrays)]
        function = partial(kernel.elsewhere, **dict(kernel.options))
        return jax.vjp(lambda *moving: function(*moving, *integers), *given[:numbers])[1](given[-1])

    found = _by_rows(partial(kernel.vjp, **dict(kernel.options)), elsewhere)(*arrays, *kept, cotangent)
    return *found, *(None for _ in arrays[numbers:])


_differentiable.defvjp(_forward, _backward)
_result = partial(jax.jit, static_argnums=0)(_differentiable)


def _by_rows(on_cuda: Callable, elsewhere: Callable) -> Callable[..., tuple[Array, ...]]:
    """One of the two functions of flat arrays, by the platform."""

    @jax.custom_batching.custom_vmap
    def mapped(*arrays: Array) -> tuple[Array, ...]:
        return tuple(jax.lax.platform_dependent(*arrays, cuda=on_cuda, default=elsewhere))

    @mapped.def_vmap
    def _(size: int, batched: list[bool], *arrays: Array):
        whole = [x if own else jnp.broadcast_to(x, (size, *x.shape)) for x, own in zip(arrays, batched, strict=True)]
        found = mapped(*(x.reshape(-1, *x.shape[2:]) for x in whole))
        return tuple(x.reshape(size, -1, *x.shape[1:]) for x in found), (True,) * len(found)

    return mapped
