"""The scan of the s5 row on CUDA through jax-triton.

jax-triton knows no complex buffers, so complex arrays travel as two planes, (2, …); XLA splits and joins them.
"""

import math

import jax
import jax.numpy as jnp
import jax_triton
import triton.language as tl
from jax import Array

from impl.triton import s5 as kernels

__all__ = ["scan"]

_DTYPE = {jnp.dtype("float32"): tl.float32, jnp.dtype("float64"): tl.float64}
_WORD = {jnp.dtype("float32"): jnp.int32, jnp.dtype("float64"): jnp.int64}


def scan(decay: Array, drive: Array, initial: Array, *, reverse: bool) -> Array:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P), one dtype, D is 1 or B → (B, T, P).
    """
    rows, times, channels = drive.shape
    columns, real, is_complex = rows * channels, jnp.finfo(drive.dtype).dtype, jnp.iscomplexobj(drive)
    plan = kernels.plan(columns, times, real.itemsize, light=decay.ndim == 2)
    row = math.prod(decay.shape[1:]) if decay.shape[0] > 1 else 0
    slots = jax.ShapeDtypeStruct((plan.slots(columns, 2 * (decay.ndim - 1)),), _WORD[real])
    states = jax.ShapeDtypeStruct((2, *drive.shape) if is_complex else drive.shape, real)
    _, states = jax_triton.triton_call(
        *map(_planes, (decay, drive, initial)), times, channels, columns, plan.tiles, row, decay.size, drive.size,
        initial.size, kernel=kernels.states, grid=plan.programs, out_shape=[slots, states], zeroed_outputs=(0,),
        KIND="planes" if is_complex else "real", VARYING=decay.ndim == 3, REVERSE=reverse, DTYPE=_DTYPE[real],
        **plan.options(),
    )  # fmt: skip
    return jax.lax.complex(states[0], states[1]) if is_complex else states


def _planes(x: Array) -> Array:
    return jnp.stack([x.real, x.imag]) if jnp.iscomplexobj(x) else x
