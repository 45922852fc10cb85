"""The scan of the s5 row on CUDA through jax-triton."""

import math

import jax
import jax.numpy as jnp
import triton.language as tl
from jax import Array

from impl.jax.cuda.calls import triton_call
from impl.triton import s5 as kernels

__all__ = ["scan"]

_DTYPE = {jnp.dtype("float32"): tl.float32, jnp.dtype("float64"): tl.float64}
_WORD = {jnp.dtype("float32"): jnp.int32, jnp.dtype("float64"): jnp.int64}


def scan(decay: Array, drive: Array, initial: Array, *, reverse: bool) -> Array:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P), one dtype, D is 1 or B → (B, T, P).
    """
    rows, times, channels = drive.shape
    columns, real = rows * channels, jnp.finfo(drive.dtype).dtype
    kind = {jnp.dtype("complex64"): "words", jnp.dtype("complex128"): "pairs"}.get(drive.dtype, "real")
    plan = kernels.plan(columns, times, real.itemsize, light=decay.ndim == 2)
    row = math.prod(decay.shape[1:]) if decay.shape[0] > 1 else 0
    slots = jax.ShapeDtypeStruct((plan.slots(columns, 2 * (decay.ndim - 1)),), _WORD[real])
    states = jax.ShapeDtypeStruct(drive.shape, drive.dtype)
    _, states = triton_call(
        decay, drive, initial, times, channels, columns, plan.tiles, row,
        kernel=kernels.states, grid=plan.programs, out_shape=[slots, states], zeroed_outputs=(0,),
        KIND=kind, VARYING=decay.ndim == 3, REVERSE=reverse, DTYPE=_DTYPE[real],
        **plan.options(),
    )  # fmt: skip
    return states
