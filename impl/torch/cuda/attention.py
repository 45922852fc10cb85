"""Attention of padded batches on CUDA: flat batches handed to the Triton kernels, in time ∝ Σ query_lengths·lengths.

The gradients leave out what lies behind a row's last query of nonzero cotangent, too: all its padding in any loss that
ignores padding, so that without query_lengths their time is ∝ Σ lengths², and only that of the value ∝ T·Σ lengths.
"""

from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from impl.torch.cuda.tiles import filled, tiling_of
from impl.triton import attention as kernels
from impl.triton.tiles import Tiling

__all__ = ["WIDEST", "padded"]

WIDEST = 128  # channels that a tile can hold on chip


def padded(
    q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, query_lengths: Tensor, causal: bool, scale: float
) -> Tensor:
    """q (B, T, D), k (B, S, D), v (B, S, E), one dtype, both lengths (B) → (B, T, E). Once differentiable."""
    return _Padded.apply(q, k, v, lengths.to(torch.int32), query_lengths.to(torch.int32), causal, scale)


class _Padded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, lengths, query_lengths, causal, scale):
        ctx.channels, ctx.value_channels = q.shape[-1], v.shape[-1]
        tiles = tiling_of(q, v, "queries")
        q, k, v = filled(tiles, q, k, v)
        lengths, query_lengths, result = lengths.contiguous(), query_lengths.contiguous(), torch.empty_like(q)
        log_sums = torch.empty(q.shape[:-1], dtype=_sum(q), device=q.device)
        with torch.cuda.device_of(q):
            kernels.forward[(q.shape[0] * tiles.blocks(q.shape[1]),)](
                q,
                k,
                v,
                lengths,
                query_lengths,
                q.shape[1],
                k.shape[1],
                result,
                log_sums,
                **_options(tiles, q, causal, scale),
            )
        ctx.save_for_backward(q, k, v, lengths, query_lengths, result, log_sums)
        ctx.causal, ctx.scale = causal, scale
        return result[..., : ctx.value_channels]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, cotangent):
        q, k, v, lengths, query_lengths, result, log_sums = ctx.saved_tensors
        at_queries, at_keys = tiling_of(q, v, "queries and cotangents"), tiling_of(q, v, "keys")
        (cotangent,) = filled(at_queries, cotangent)
        rows, times, _ = q.shape
        by_q, by_k, by_v = map(torch.empty_like, (q, k, v))
        deltas, ends = torch.empty_like(log_sums), torch.zeros_like(lengths)
        given = (q, k, v, lengths, log_sums, deltas, ends, cotangent, times, k.shape[1])
        with torch.cuda.device_of(q):
            kernels.products_of_results[(rows * at_queries.blocks(times),)](
                result, cotangent, query_lengths, times, deltas, ends, SUM=_total(q),
                BLOCK_T=at_queries.BLOCK_T, WIDTH=at_queries.WIDTH, num_warps=at_queries.num_warps,
            )  # fmt: skip
            kernels.gradient_of_queries[(rows * at_queries.blocks(times),)](
                *given, by_q, **_options(at_queries, q, ctx.causal, ctx.scale)
            )
            kernels.gradient_of_keys[(rows * at_keys.blocks_of_keys(k.shape[1]),)](
                *given, by_k, by_v, **_options(at_keys, q, ctx.causal, ctx.scale)
            )
        by_q, by_k = (gradient[..., : ctx.channels] for gradient in (by_q, by_k))
        return by_q, by_k, by_v[..., : ctx.value_channels], None, None, None, None


def _sum(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _total(x: Tensor) -> tl.dtype:
    return tl.float64 if x.dtype == torch.float64 else tl.float32


def _options(tiles: Tiling, q: Tensor, causal: bool, scale: float) -> dict[str, Any]:
    return {"SCALE": float(scale), "CAUSAL": causal, "SUM": _total(q), **tiles._asdict()}
