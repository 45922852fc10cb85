"""Refusing arguments of attention that do not fit: types and shapes."""

import jax.numpy as jnp
from jax import Array

REAL = (jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64)


def check_alike(**arrays: Array) -> None:
    """Real arrays of one dtype."""
    (expected, model), *_ = arrays.items()
    for name, array in arrays.items():
        if not (hasattr(array, "dtype") and hasattr(array, "shape")):
            raise TypeError(f"{name}: expected an array, got {type(array).__name__}")
        if array.dtype not in REAL:
            raise TypeError(f"{name}: expected float16, bfloat16, float32 or float64, got {array.dtype}")
        if array.dtype != model.dtype:
            raise TypeError(f"{name}: expected the dtype of {expected} ({model.dtype}), got {array.dtype}")


def require(name: str, holds: bool, expected: str, array: Array) -> None:
    if not holds:
        raise ValueError(f"{name}: expected shape {expected}, got {array.shape}")


def check_attention(
    q: Array, k: Array, v: Array, lengths: Array | None = None, query_lengths: Array | None = None
) -> tuple[int, ...]:
    """The batch shape."""
    check_alike(q=q, k=k, v=v)
    for name, array in (("q", q), ("k", k), ("v", v)):
        require(name, array.ndim >= 2, "(…, T, D)", array)
    require("k", k.shape[-1] == q.shape[-1], f"(…, S, {q.shape[-1]})", k)
    require("v", v.shape[-2] == k.shape[-2], f"(…, {k.shape[-2]}, E)", v)
    batch = joined("v", joined("k", q.shape[:-2], k.shape[:-2]), v.shape[:-2])
    for name, given in (("lengths", lengths), ("query_lengths", query_lengths)):
        if given is None:
            continue
        if not hasattr(given, "dtype") or given.dtype not in (jnp.int32, jnp.int64):
            raise TypeError(f"{name}: expected an array of int32 or int64, got {getattr(given, 'dtype', type(given))}")
        batch = joined(name, batch, given.shape)
    return batch


def check_square(x: Array, heads: int, **weights: Array) -> None:
    """x (…, T, M), heads that divide M, weights (M, M)."""
    check_alike(x=x, **weights)
    require("x", x.ndim >= 2, "(…, T, M)", x)
    channels = x.shape[-1]
    if isinstance(heads, bool) or not isinstance(heads, int):
        raise TypeError(f"heads: expected an int, got {type(heads).__name__}")
    if heads < 1 or channels % heads:
        raise ValueError(f"heads: expected a divisor of {channels} channels, got {heads}")
    for name, weight in weights.items():
        require(name, weight.shape == (channels, channels), f"({channels}, {channels})", weight)


def joined(name: str, batch: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return jnp.broadcast_shapes(batch, own)
    except ValueError:
        raise ValueError(f"{name}: expected batch axes that broadcast with {batch}, got {own}") from None
