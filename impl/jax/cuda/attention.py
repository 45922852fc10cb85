"""Attention of padded batches of halves on CUDA through jax-triton: flat batches, up to WIDEST channels."""

import jax
import jax.numpy as jnp
import jax_triton
import triton.language as tl
from jax import Array

from impl.jax.cuda.tiles import SUM, options, tiling_of
from impl.triton import attention as kernels

__all__ = ["WIDEST", "value", "vjp"]

WIDEST = 128  # channels that a tile can hold on chip


def value(q: Array, k: Array, v: Array, lengths: Array, *, causal: bool, scale: float) -> tuple[Array, Array, Array]:
    """q (B, T, D), k (B, S, D), v (B, S, E), one dtype, lengths (B) → (B, T, E), and twice what the gradient needs."""
    tiles = tiling_of(q, v, "queries")
    result = jax.ShapeDtypeStruct((*q.shape[:-1], v.shape[-1]), q.dtype)
    found, log_sums = jax_triton.triton_call(
        q, k, v, lengths.astype(jnp.int32), *_sizes(q, v), kernel=kernels.forward,
        grid=q.shape[0] * tiles.blocks(q.shape[1]), out_shape=[result, jax.ShapeDtypeStruct(q.shape[:-1], SUM)],
        **options(tiles, causal, scale),
    )  # fmt: skip
    return found, found, log_sums


def vjp(
    q: Array, k: Array, v: Array, lengths: Array, result: Array, log_sums: Array, cotangent: Array,
    *, causal: bool, scale: float,
) -> tuple[Array, ...]:  # fmt: skip
    """Gradients of q, k and v."""
    at_queries, at_keys = tiling_of(q, v, "queries and cotangents"), tiling_of(q, v, "keys")
    rows, times, _ = q.shape
    deltas, ends = jax_triton.triton_call(
        result, cotangent, times, v.shape[-1], kernel=kernels.products_of_results, grid=rows * at_queries.blocks(times),
        out_shape=[jax.ShapeDtypeStruct(log_sums.shape, SUM), jax.ShapeDtypeStruct((rows,), jnp.int32)],
        zeroed_outputs=(1,), SUM=tl.float32, WHOLE=at_queries.WHOLE, BLOCK_T=at_queries.BLOCK_T, E=at_queries.E,
        num_warps=at_queries.num_warps,
    )  # fmt: skip
    given = (q, k, v, lengths.astype(jnp.int32), log_sums, deltas, ends, cotangent, *_sizes(q, v))
    (by_q,) = jax_triton.triton_call(
        *given, kernel=kernels.gradient_of_queries, grid=rows * at_queries.blocks(times),
        out_shape=[jax.ShapeDtypeStruct(q.shape, q.dtype)], **options(at_queries, causal, scale),
    )  # fmt: skip
    by_k, by_v = jax_triton.triton_call(
        *given, kernel=kernels.gradient_of_keys, grid=rows * at_keys.blocks_of_keys(k.shape[1]),
        out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (k, v)], **options(at_keys, causal, scale),
    )  # fmt: skip
    return by_q, by_k, by_v


def _sizes(q: Array, v: Array) -> tuple[int, ...]:
    return q.shape[1], v.shape[1], q.shape[2], v.shape[2]
