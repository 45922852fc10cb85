"""Sine attention of halves on CUDA through jax-triton: flat batches, any lengths, up to WIDEST channels."""

import jax
from jax import Array

from impl.jax.cuda.calls import triton_call
from impl.jax.cuda.tiles import SUM, filled, options, tiling_of
from impl.triton import kuramoto as kernels

__all__ = ["WIDEST", "value", "vjp"]

WIDEST = 256  # channels that a tile can hold on chip


def value(q: Array, k: Array, v: Array, lag: Array, *, causal: bool, scale: float) -> tuple[Array]:
    """q (B, T, D), k (B, S, D), v (B, S, E), lag (B), one dtype → (B, T, E)."""
    channels, tiles = v.shape[-1], tiling_of(q, v, "queries")
    q, k, v = filled(tiles, q, k, v)
    (result,) = triton_call(
        q, k, v, lag.astype(SUM), q.shape[1], k.shape[1], channels, kernel=kernels.forward,
        grid=q.shape[0] * tiles.blocks(q.shape[1]),
        out_shape=[jax.ShapeDtypeStruct((*q.shape[:2], channels), q.dtype)],
        FAST=True, **options(tiles, causal, scale),
    )  # fmt: skip
    return (result,)


def vjp(q: Array, k: Array, v: Array, lag: Array, cotangent: Array, *, causal: bool, scale: float) -> tuple[Array, ...]:
    """Gradients of q, k, v and lag."""
    at_queries, at_keys = tiling_of(q, v, "queries and cotangents"), tiling_of(q, v, "keys")
    channels, value_channels = q.shape[-1], v.shape[-1]
    q, k, v, cotangent = filled(at_queries, q, k, v, cotangent)
    given, rows = (q, k, v, lag.astype(SUM), cotangent, q.shape[1], k.shape[1]), q.shape[0]
    shares = jax.ShapeDtypeStruct((rows, at_queries.blocks(q.shape[1])), SUM)
    by_q, by_lag = triton_call(
        *given, kernel=kernels.gradient_of_queries, grid=rows * at_queries.blocks(q.shape[1]),
        out_shape=[jax.ShapeDtypeStruct(q.shape, q.dtype), shares], FAST=True, **options(at_queries, causal, scale),
    )  # fmt: skip
    by_k, by_v = triton_call(
        *given, kernel=kernels.gradient_of_keys, grid=rows * at_keys.blocks_of_keys(k.shape[1]),
        out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (k, v)], FAST=True,
        **options(at_keys, causal, scale),
    )  # fmt: skip
    by_lag = by_lag.sum(-1).astype(lag.dtype)
    return by_q[..., :channels], by_k[..., :channels], by_v[..., :value_channels], by_lag
