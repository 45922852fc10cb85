"""Attention of padded batches of halves on CUDA through jax-triton: flat batches, up to WIDEST channels."""

import jax
import jax.numpy as jnp
import triton.language as tl
from jax import Array

from impl.jax.cuda.calls import triton_call
from impl.jax.cuda.tiles import SUM, filled, options, tiling_of
from impl.triton import attention as kernels

__all__ = ["WIDEST", "value", "vjp"]

WIDEST = 128  # channels that a tile can hold on chip


def value(
    q: Array, k: Array, v: Array, lengths: Array, query_lengths: Array, *, causal: bool, scale: float
) -> tuple[Array, Array, Array]:
    """q (B, T, D), k (B, S, D), v (B, S, E), one dtype, both lengths (B) → (B, T, E), and what the gradient needs."""
    channels, tiles = v.shape[-1], tiling_of(q, v, "queries")
    q, k, v = filled(tiles, q, k, v)
    found, log_sums = triton_call(
        q, k, v, *_ends(lengths, query_lengths), q.shape[1], k.shape[1], kernel=kernels.forward,
        grid=q.shape[0] * tiles.blocks(q.shape[1]),
        out_shape=[jax.ShapeDtypeStruct(q.shape, q.dtype), jax.ShapeDtypeStruct(q.shape[:-1], SUM)],
        **options(tiles, causal, scale),
    )  # fmt: skip
    return found[..., :channels], found[..., :channels], log_sums


def vjp(
    q: Array, k: Array, v: Array, lengths: Array, query_lengths: Array, result: Array, log_sums: Array,
    cotangent: Array, *, causal: bool, scale: float,
) -> tuple[Array, ...]:  # fmt: skip
    """Gradients of q, k and v."""
    at_queries, at_keys = tiling_of(q, v, "queries and cotangents"), tiling_of(q, v, "keys")
    channels, value_channels = q.shape[-1], v.shape[-1]
    q, k, v, result, cotangent = filled(at_queries, q, k, v, result, cotangent)
    rows, times, _ = q.shape
    lengths, query_lengths = _ends(lengths, query_lengths)
    deltas, ends = triton_call(
        result, cotangent, query_lengths, times, kernel=kernels.products_of_results,
        grid=rows * at_queries.blocks(times),
        out_shape=[jax.ShapeDtypeStruct(log_sums.shape, SUM), jax.ShapeDtypeStruct((rows,), jnp.int32)],
        zeroed_outputs=(1,), SUM=tl.float32, BLOCK_T=at_queries.BLOCK_T, WIDTH=at_queries.WIDTH,
        num_warps=at_queries.num_warps,
    )  # fmt: skip
    given = (q, k, v, lengths, log_sums, deltas, ends, cotangent, times, k.shape[1])
    (by_q,) = triton_call(
        *given, kernel=kernels.gradient_of_queries, grid=rows * at_queries.blocks(times),
        out_shape=[jax.ShapeDtypeStruct(q.shape, q.dtype)], **options(at_queries, causal, scale),
    )  # fmt: skip
    by_k, by_v = triton_call(
        *given, kernel=kernels.gradient_of_keys, grid=rows * at_keys.blocks_of_keys(k.shape[1]),
        out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (k, v)], **options(at_keys, causal, scale),
    )  # fmt: skip
    return by_q[..., :channels], by_k[..., :channels], by_v[..., :value_channels]


def _ends(*lengths: Array) -> tuple[Array, ...]:
    return tuple(x.astype(jnp.int32) for x in lengths)
