"""The norm and the clipping of a set, with exact derivatives.

‖g‖ = s·size with a power of two s near the largest element; u = g/‖g‖, 0 for a zero set. The derivatives are linear in
the tangents, so JAX transposes them.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.clipping_arguments import real_dtype, widest

ROW = 1024  # elements that are summed first: the error of a long sum grows with its rows, not with its length


class Size(NamedTuple):
    """‖g/s‖ and s, as two powers of two whose product it is: 1/s itself may leave the range."""

    size: Array
    near: Array
    far: Array


def measured(gradients: Sequence[Array], axis_name) -> Size:
    dtype = widest(gradients)
    largest = _over(jax.lax.pmax, axis_name, jnp.max(jnp.stack([_largest(g).astype(dtype) for g in gradients])))
    exponent = jnp.where((largest > 0) & jnp.isfinite(largest), jnp.frexp(largest)[1] - 1, 0)
    near = jnp.ldexp(jnp.ones((), dtype), exponent // 2)
    far = jnp.ldexp(jnp.ones((), dtype), exponent - exponent // 2)
    total = sum((_squares(_scaled(g, near, far)) for g in gradients), jnp.zeros((), dtype))
    return Size(jnp.sqrt(_over(jax.lax.psum, axis_name, total)), near, far)


def _over(reduction, axis_name, value: Array) -> Array:
    return value if axis_name is None else reduction(value, axis_name)


def _largest(gradient: Array) -> Array:
    return jnp.max(jnp.stack([jnp.max(jnp.abs(part), initial=0) for part in _parts(gradient)]))


def _parts(gradient: Array) -> tuple[Array, ...]:
    return (gradient.real, gradient.imag) if jnp.iscomplexobj(gradient) else (gradient,)


def _squares(gradient: Array) -> Array:
    """Σ|g|², rows first."""
    return sum(_sum(part * part) for part in _parts(gradient))


def _sum(x: Array) -> Array:
    flat = x.reshape(-1)
    whole = flat.size // ROW * ROW
    return jnp.sum(jnp.sum(flat[:whole].reshape(-1, ROW), axis=1)) + jnp.sum(flat[whole:])


def _wide(gradient: Array) -> Array:
    """Half precision in single, everything else as it is."""
    dtype = jnp.result_type(real_dtype(gradient), jnp.float32)
    return gradient if jnp.iscomplexobj(gradient) else gradient.astype(dtype)


def _scaled(gradient: Array, near: Array, far: Array) -> Array:
    """g/s, exactly, part by part: a quotient of complex numbers is more than that."""
    gradient = _wide(gradient)
    parts = [part / near.astype(part.dtype) / far.astype(part.dtype) for part in _parts(gradient)]
    return jax.lax.complex(*parts) if jnp.iscomplexobj(gradient) else parts[0]


def _times(gradient: Array, factor: Array) -> Array:
    parts = [part * factor.astype(part.dtype) for part in _parts(gradient)]
    return jax.lax.complex(*parts) if jnp.iscomplexobj(gradient) else parts[0]


def directions(gradients: Sequence[Array], size: Size) -> list[Array]:
    """g/‖g‖"""
    return [_times(_scaled(g, size.near, size.far), 1 / _positive(size.size)) for g in gradients]


def _positive(size: Array) -> Array:
    return jnp.where(size == 0, 1, size)


def along(units: Sequence[Array], tangents: Sequence[Array], axis_name) -> Array:
    """Σ Re⟨u, t⟩"""
    pairs = [(p, q) for u, t in zip(units, tangents, strict=True) for p, q in zip(_parts(u), _parts(t), strict=True)]
    dtype = widest(units)
    total = sum((_sum(p.astype(dtype) * q.astype(dtype)) for p, q in pairs), jnp.zeros((), dtype))
    return _over(jax.lax.psum, axis_name, total)


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
    shrunk = [_times(_scaled(g, size.near, size.far), ratio).astype(g.dtype) for g in gradients]
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
    integer = jax.dtypes.canonicalize_dtype(jnp.int64)
    none = jnp.zeros((), integer)
    nans = sum((jnp.sum(jnp.isnan(g), dtype=integer) for g in gradients), none)
    bad = sum((jnp.sum(~jnp.isfinite(g), dtype=integer) for g in gradients), none)
    nans, bad = (_over(jax.lax.psum, axis_name, count) for count in (nans, bad))
    return nans, bad - nans
