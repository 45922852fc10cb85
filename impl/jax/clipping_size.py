"""‖g‖ as size·s with a power of two s near it, and what is not finite, in as few readings as the machine likes.

A GPU reads every array once: sums over the same rows share a kernel. XLA's CPU backend gives each sum a loop of its own
and keeps its summands in memory, so there the fewest and simplest sums win.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.clipping_arguments import real_dtype, widest

ROW = 1024  # elements that are summed first: the error of a long sum grows with its rows, not with its length
JOINED = 64  # arrays whose sums are added up together: a kernel takes a limited number of arguments


class Size(NamedTuple):
    """‖g/s‖ and s, as two powers of two whose product it is: 1/s itself may leave the range."""

    size: Array
    near: Array
    far: Array


def measured(gradients: Sequence[Array], axis_name) -> Size:
    dtype = widest(gradients)
    one = jnp.ones((), dtype)
    total, exponent = jax.lax.platform_dependent(list(gradients), cuda=_in_one_reading, default=_in_two_readings)
    if axis_name is not None:
        common = jax.lax.pmax(exponent, axis_name)
        shrink = jnp.ldexp(one, jnp.maximum(exponent - common, jnp.finfo(dtype).minexp))
        total, exponent = jax.lax.psum(total * shrink * shrink, axis_name), common
    root = jnp.sqrt(total)
    usable = (root > 0) & jnp.isfinite(root)
    own = jnp.where(usable, jnp.frexp(root)[1] - 1, 0)
    exponent = jnp.where(usable, own + exponent, 0)
    return Size(root / jnp.ldexp(one, own), jnp.ldexp(one, exponent // 2), jnp.ldexp(one, exponent - exponent // 2))


def counted(gradients: Sequence[Array], axis_name) -> tuple[Array, Array]:
    """How many elements are NaN, and how many are not finite, in the widest integers that JAX has."""
    found = jax.lax.platform_dependent(list(gradients), cuda=_counts(_of_rows), default=_counts(_one_by_one))
    return tuple(over(jax.lax.psum, axis_name, count) for count in found)


def over(reduction: Callable, axis_name, value: Array) -> Array:
    return value if axis_name is None else reduction(value, axis_name)


def parts(gradient: Array) -> tuple[Array, ...]:
    return (gradient.real, gradient.imag) if jnp.iscomplexobj(gradient) else (gradient,)


def row_sum(x: Array) -> Array:
    return jnp.sum(_row_sums(x))


def _row_sums(x: Array) -> Array:
    """Zeros fill the last row, for a slice would be a copy."""
    flat = x.reshape(-1)
    return jnp.sum(jnp.pad(flat, (0, -flat.size % ROW)).reshape(-1, ROW), axis=1)


def _total(rows: Sequence[Array]) -> Array:
    """Of the rows of many arrays, in few kernels: the barriers keep XLA from adding up every array's by themselves."""
    rows = jax.lax.optimization_barrier(tuple(rows))
    joined = [jnp.concatenate(rows[start : start + JOINED]) for start in range(0, len(rows), JOINED)]
    return sum(jnp.sum(part) for part in jax.lax.optimization_barrier(joined))


def scaled(gradient: Array, near: Array, far: Array) -> Array:
    """g/s, exactly, part by part: a quotient of complex numbers is more than that."""
    gradient = _wide(gradient)
    quotients = [part / near.astype(part.dtype) / far.astype(part.dtype) for part in parts(gradient)]
    return jax.lax.complex(*quotients) if jnp.iscomplexobj(gradient) else quotients[0]


def _wide(gradient: Array) -> Array:
    """Half precision in single, everything else as it is."""
    dtype = jnp.result_type(real_dtype(gradient), jnp.float32)
    return gradient if jnp.iscomplexobj(gradient) else gradient.astype(dtype)


def _in_one_reading(gradients: Sequence[Array]) -> tuple[Array, Array]:
    """Σ|g/2^e|² and e: large, middling and small elements summed apart, each in a unit in which no square leaves the
    range. Source: Blue, A portable Fortran program to find the Euclidean norm of a vector, 1978.
    """
    dtype = widest(gradients)
    unit = 2.0 ** _shift(dtype)
    sums = [_three_sums(part.astype(dtype)) for g in gradients for part in parts(g)]
    large, middle, small = (_total(kind) for kind in zip(*sums, strict=True))
    # What lies two units below the largest kind there is cannot count; a NaN is middling.
    total = jnp.where(middle != 0, middle + small / unit / unit, small)
    total = jnp.where(large != 0, large + middle / unit / unit, total)
    units = jnp.where(large != 0, 1, jnp.where(middle != 0, 0, -1))
    return total, jnp.where(total == 0, _lowest(dtype), units * _shift(dtype)).astype(jnp.int32)


def _three_sums(x: Array) -> tuple[Array, ...]:
    """By rows Σ(x/unit)² over large elements, Σx² over the others, Σ(x·unit)² over small ones."""
    unit, limit = 2.0 ** _shift(x.dtype), 2.0 ** (jnp.finfo(x.dtype).maxexp // 3)
    large, small = jnp.abs(x) > limit, jnp.abs(x) < 1 / limit
    kinds = jnp.where(large, x / unit, 0), jnp.where(large | small, 0, x), jnp.where(small, x * unit, 0)
    return tuple(_row_sums(part * part) for part in kinds)


def _shift(dtype) -> int:
    """The exponent of the unit: five eighths of the range's, so that what lies beyond a third of the range has its
    squares well inside."""
    return 5 * jnp.finfo(dtype).maxexp // 8


def _in_two_readings(gradients: Sequence[Array]) -> tuple[Array, Array]:
    """Σ|g/2^e|² and e, the exponent of the largest element."""
    dtype = widest(gradients)
    largest = jnp.max(jnp.stack([_largest(g).astype(dtype) for g in gradients]))
    exponent = jnp.where((largest > 0) & jnp.isfinite(largest), jnp.frexp(largest)[1] - 1, 0)
    powers = [jnp.ldexp(jnp.ones((), dtype), half) for half in (exponent // 2, exponent - exponent // 2)]
    quotients = [part for g in gradients for part in parts(scaled(g, *powers))]
    total = sum((row_sum(part * part).astype(dtype) for part in quotients), jnp.zeros((), dtype))
    return total, jnp.where(largest == 0, _lowest(dtype), exponent).astype(jnp.int32)


def _lowest(dtype) -> int:
    """The exponent of nothing: it must not hide what other devices have."""
    return 2 * jnp.finfo(dtype).minexp


def _largest(gradient: Array) -> Array:
    return jnp.max(jnp.stack([jnp.max(jnp.abs(part), initial=0) for part in parts(gradient)]))


def _counts(total: Callable) -> Callable:
    integer = jax.dtypes.canonicalize_dtype(jnp.int64)

    def count(gradients: Sequence[Array]) -> tuple[Array, Array]:
        nans = total([jnp.isnan(g).astype(jnp.int32) for g in gradients])
        return nans.astype(integer), total([(~jnp.isfinite(g)).astype(jnp.int32) for g in gradients]).astype(integer)

    return count


def _of_rows(flags: Sequence[Array]) -> Array:
    return _total([_row_sums(flag) for flag in flags])


def _one_by_one(flags: Sequence[Array]) -> Array:
    return sum(jnp.sum(flag) for flag in flags)
