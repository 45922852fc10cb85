"""Attention of padded batches on CUDA: flat batches handed to the Triton kernels, in time ∝ T·Σ lengths.

The gradients leave out what lies behind a row's last query of nonzero cotangent: all its padding in any loss that
ignores padding, so that their time is ∝ Σ lengths².
"""

from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from impl.triton import attention as kernels
from impl.triton.tiles import ROOMY, Tiling, tiling

__all__ = ["WIDEST", "padded"]

WIDEST = 128  # channels that a tile can hold on chip


def padded(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool, scale: float) -> Tensor:
    """q (B, T, D), k (B, S, D), v (B, S, E), one dtype, lengths (B) → (B, T, E). Once differentiable."""
    return _Padded.apply(q, k, v, lengths.to(torch.int32), causal, scale)


class _Padded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, lengths, causal, scale):
        q, k, v, lengths = (x.contiguous() for x in (q, k, v, lengths))
        tiles = _tiling(q, v, "queries")
        result = q.new_empty(*q.shape[:-1], v.shape[-1])
        log_sums = torch.empty(q.shape[:-1], dtype=_sum(q), device=q.device)
        with torch.cuda.device_of(q):
            kernels.forward[(q.shape[0] * tiles.blocks(q.shape[1]),)](
                q, k, v, lengths, *_sizes(q, v), result, log_sums, **_options(tiles, q, causal, scale)
            )
        ctx.save_for_backward(q, k, v, lengths, result, log_sums)
        ctx.causal, ctx.scale = causal, scale
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, cotangent):
        q, k, v, lengths, result, log_sums = ctx.saved_tensors
        cotangent = cotangent.contiguous()
        rows, times, _ = q.shape
        at_queries, at_keys = _tiling(q, v, "queries and cotangents"), _tiling(q, v, "keys")
        by_q, by_k, by_v = map(torch.empty_like, (q, k, v))
        deltas, ends = torch.empty_like(log_sums), torch.zeros_like(lengths)
        given = (q, k, v, lengths, log_sums, deltas, ends, cotangent)
        sizes = _sizes(q, v)
        with torch.cuda.device_of(q):
            kernels.products_of_results[(rows * at_queries.blocks(times),)](
                result, cotangent, times, v.shape[-1], deltas, ends, SUM=_total(q), WHOLE=at_queries.WHOLE,
                BLOCK_T=at_queries.BLOCK_T, E=at_queries.E, num_warps=at_queries.num_warps,
            )  # fmt: skip
            kernels.gradient_of_queries[(rows * at_queries.blocks(times),)](
                *given, *sizes, by_q, **_options(at_queries, q, ctx.causal, ctx.scale)
            )
            kernels.gradient_of_keys[(rows * at_keys.blocks_of_keys(k.shape[1]),)](
                *given, *sizes, by_k, by_v, **_options(at_keys, q, ctx.causal, ctx.scale)
            )
        return by_q, by_k, by_v, None, None, None


def _tiling(q: Tensor, v: Tensor, held: str) -> Tiling:
    roomy = q.is_cuda and torch.cuda.get_device_capability(q.device) in ROOMY
    return tiling(q.shape[-1], v.shape[-1], q.dtype.itemsize, held, roomy)


def _sizes(q: Tensor, v: Tensor) -> tuple[int, ...]:
    return q.shape[1], v.shape[1], q.shape[2], v.shape[2]


def _sum(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _total(x: Tensor) -> tl.dtype:
    return tl.float64 if x.dtype == torch.float64 else tl.float32


def _options(tiles: Tiling, q: Tensor, causal: bool, scale: float) -> dict[str, Any]:
    return {"SCALE": float(scale), "CAUSAL": causal, "SUM": _total(q), **tiles._asdict()}
