"""The norm and the clipping of a set, with exact derivatives.

‖g‖ = s·size with a power of two s near it; u = g/‖g‖, 0 for a zero set. The derivatives are linear in the tangents, so
JAX transposes them.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.clipping_arguments import widest
from impl.jax.clipping_size import Size, counted, measured, over, parts, row_sum, scaled


def _times(gradient: Array, factor: Array) -> Array:
    products = [part * factor.astype(part.dtype) for part in parts(gradient)]
    return jax.lax.complex(*products) if jnp.iscomplexobj(gradient) else products[0]


def directions(gradients: Sequence[Array], size: Size) -> list[Array]:
    """g/‖g‖"""
    return [_times(scaled(g, size.near, size.far), 1 / _positive(size.size)) for g in gradients]


def _positive(size: Array) -> Array:
    return jnp.where(size == 0, 1, size)


def along(units: Sequence[Array], tangents: Sequence[Array], axis_name) -> Array:
    """Σ Re⟨u, t⟩"""
    pairs = [(p, q) for u, t in zip(units, tangents, strict=True) for p, q in zip(parts(u), parts(t), strict=True)]
    dtype = widest(units)
    total = sum((row_sum(p.astype(dtype) * q.astype(dtype)) for p, q in pairs), jnp.zeros((), dtype))
    return over(jax.lax.psum, axis_name, total)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def measure(axis_name, gradients: list[Array]) -> Array:
    """‖g‖"""
    size = measured(gradients, axis_name)
    return size.size * size.near * size.far


@measure.defjvp
def _measure_jvp(axis_name, primals, tangents):
    (gradients,), (moved,) = primals, tangents
    size = measured(gradients, axis_name)
    return size.size * size.near * size.far, along(directions(gradients, size), moved, axis_name)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def clip(axis_name, gradients: list[Array], bound: Array) -> tuple[list[Array], Array, Array]:
    """The set times min(1, bound/‖g‖), ‖g‖ and that factor."""
    size = measured(gradients, axis_name)
    inside, ratio = _compared(size, bound)
    shrunk = [_times(scaled(g, size.near, size.far), ratio).astype(g.dtype) for g in gradients]
    clipped = [jnp.where(inside, g, s) for g, s in zip(gradients, shrunk, strict=True)]
    return clipped, size.size * size.near * size.far, jnp.where(inside, 1, ratio / size.near / size.far)


@clip.defjvp
def _clip_jvp(axis_name, primals, tangents):
    (gradients, bound), (moved, of_bound) = primals, tangents
    size = measured(gradients, axis_name)
    inside, ratio = _compared(size, bound)
    factor, positive = ratio / size.near / size.far, _positive(size.size)
    units = directions(gradients, size)
    change = along(units, moved, axis_name)
    turned = []
    for u, t in zip(units, moved, strict=True):
        shrunk = _times(t.astype(u.dtype) - _times(u, change), factor) + _times(u, of_bound)
        turned.append(jnp.where(inside, t, shrunk.astype(t.dtype)))
    slope = (of_bound - factor * change) / positive / size.near / size.far
    return clip(axis_name, gradients, bound), (turned, change, jnp.where(inside, 0, slope))


def _compared(size: Size, bound: Array) -> tuple[Array, Array]:
    """Whether ‖g‖ ≤ bound; if not, bound/size, NaN for a norm that is not finite; else 0, for an infinite ratio would
    make NaN of the zeros that pull back through the branch not taken."""
    inside = size.size <= bound / size.near / size.far
    ratio = jnp.where(jnp.isfinite(size.size), bound / _positive(size.size), jnp.nan)
    return inside, jnp.where(inside, 0, ratio)


def finite(gradients: Sequence[Array]) -> list[Array]:
    return [jnp.where(jnp.isfinite(g), g, jnp.zeros((), g.dtype)) for g in gradients]


def count_bad(gradients: Sequence[Array], axis_name) -> tuple[Array, Array]:
    """How many elements are NaN, and how many others are infinite, in the widest integers that JAX has."""
    if not gradients:
        none = jnp.zeros((), jax.dtypes.canonicalize_dtype(jnp.int64))
        return none, none
    nans, bad = counted(gradients, axis_name)
    return nans, bad - nans
