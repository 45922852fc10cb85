"""The size of every array of a set: weights or gradients, whatever their shapes."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["magnitudes"]

SIZES, COUNTS = ("largest", "mean", "rms"), ("nonfinite", "zeros")


def magnitudes(arrays: Sequence[Array]) -> dict[str, Array]:
    """Per array: mean, largest and root mean square of |x| over the finite elements, and counts of the others.

    **Arguments**: n real or complex arrays of any shapes. **Returns**: "largest", "mean" and "rms" (n), in the
    precision of the arrays, "zeros" and "nonfinite" (n) integers. Without a finite element the sizes are 0. One
    compiled call, nothing leaves the device. Raises TypeError for what is no floating array.
    """
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"arrays: expected a list of arrays, got {type(arrays).__name__}")
    for i, array in enumerate(arrays):
        if not (hasattr(array, "dtype") and jnp.issubdtype(array.dtype, jnp.inexact)):
            raise TypeError(
                f"arrays[{i}]: expected a real or complex array, got {getattr(array, 'dtype', type(array).__name__)}"
            )
    return _compiled(tuple(arrays))


@jax.jit
def _compiled(arrays: tuple[Array, ...]) -> dict[str, Array]:
    if not arrays:
        return {name: jnp.zeros(0, int if name in COUNTS else jnp.float32) for name in (*SIZES, *COUNTS)}
    precisions = {jnp.finfo(array.dtype).dtype for array in arrays}
    precision = precisions.pop() if len(precisions) == 1 else jnp.float32
    reports = [_magnitudes(array.reshape(-1)) for array in arrays]
    stacked = {name: jnp.stack([report[name] for report in reports]) for name in (*SIZES, *COUNTS)}
    return {name: x if name in COUNTS else x.astype(precision) for name, x in stacked.items()}


def _magnitudes(flat: Array) -> dict[str, Array]:
    flat = flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
    finite = jnp.isfinite(flat)
    modulus = jnp.abs(jnp.where(finite, flat, 0))
    largest = jnp.max(modulus, initial=0)
    scale = _power_of_two(largest)
    share, count = modulus / scale, jnp.maximum(finite.sum(), 1)
    return {
        "largest": largest,
        "mean": scale * (share.sum() / count),
        "nonfinite": (~finite).sum(),
        "rms": scale * jnp.sqrt(jnp.square(share).sum() / count),
        "zeros": (flat == 0).sum(),
    }


def _power_of_two(largest: Array) -> Array:
    """The one below, so that neither the sum nor the squares of shares below 2 leave the range; 1 for 0."""
    _, exponent = jnp.frexp(largest)
    return jnp.where(largest > 0, jnp.ldexp(jnp.ones_like(largest), exponent - 1), 1)
