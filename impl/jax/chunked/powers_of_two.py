"""Exact powers of two, read from the exponent fields of floating-point numbers."""

import jax.numpy as jnp
from jax import Array, lax


def magnitude(x: Array) -> Array:
    """max(|Re x|, |Im x|): cannot overflow, needs no square root."""
    return jnp.maximum(jnp.abs(x.real), jnp.abs(x.imag)) if jnp.iscomplexobj(x) else jnp.abs(x)


def exponent(size: Array) -> Array:
    """⌊log₂ size⌋ of positive normal numbers, int32; the least exponent for anything smaller."""
    kind, fraction_bits, bias = _layout(size.dtype)
    bits = lax.bitcast_convert_type(jnp.maximum(size, jnp.finfo(size.dtype).tiny), kind)
    return (lax.shift_right_logical(bits, kind(fraction_bits)) - bias).astype(jnp.int32)


def power(exponents: Array, dtype) -> Array:
    """2^exponents, for exponents of normal numbers."""
    kind, fraction_bits, bias = _layout(dtype)
    return lax.bitcast_convert_type(lax.shift_left(exponents.astype(kind) + bias, kind(fraction_bits)), dtype)


def _layout(dtype):
    """The integer type of the same width, the bits of its fraction, the bias of its exponent."""
    information = jnp.finfo(dtype)
    return (jnp.int32 if information.bits == 32 else jnp.int64), information.nmant, 1 - information.minexp
