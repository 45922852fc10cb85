"""Attention of padded batches on CUDA: flat batches handed to the Triton kernels, in time ∝ T·Σ lengths."""

from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from impl.triton import attention as kernels

__all__ = ["WIDEST", "padded"]

WIDEST = 128  # channels that a tile can hold on chip


def padded(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool, scale: float) -> Tensor:
    """q (B, T, D), k (B, S, D), v (B, S, E), one dtype, lengths (B) → (B, T, E). Once differentiable."""
    return _Padded.apply(q, k, v, lengths.to(torch.int32), causal, scale)


class _Padded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, lengths, causal, scale):
        q, k, v, lengths = (x.contiguous() for x in (q, k, v, lengths))
        plan = kernels.plan(q.shape[-1], v.shape[-1], gradient=False)
        result = q.new_empty(*q.shape[:-1], v.shape[-1])
        log_sums = torch.empty(q.shape[:-1], dtype=_sum(q), device=q.device)
        with torch.cuda.device_of(q):
            kernels.forward[(q.shape[0] * plan.blocks(q.shape[1]),)](
                q, k, v, lengths, result, log_sums, *_sizes(q, v), **_options(plan, q, causal, scale)
            )
        ctx.save_for_backward(q, k, v, lengths, result, log_sums)
        ctx.causal, ctx.scale = causal, scale
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, cotangent):
        q, k, v, lengths, result, log_sums = ctx.saved_tensors
        cotangent = cotangent.contiguous()
        deltas = (result.to(log_sums.dtype) * cotangent).sum(-1)
        plan = kernels.plan(q.shape[-1], v.shape[-1], gradient=True)
        by_q, by_k, by_v = map(torch.empty_like, (q, k, v))
        given = (q, k, v, lengths, log_sums, deltas, cotangent)
        sizes, options = _sizes(q, v), _options(plan, q, ctx.causal, ctx.scale)
        with torch.cuda.device_of(q):
            kernels.gradient_of_queries[(q.shape[0] * plan.blocks(q.shape[1]),)](*given, by_q, *sizes, **options)
            kernels.gradient_of_keys[(q.shape[0] * plan.blocks_of_keys(k.shape[1]),)](
                *given, by_k, by_v, *sizes, **options
            )
        return by_q, by_k, by_v, None, None, None


def _sizes(q: Tensor, v: Tensor) -> tuple[int, ...]:
    return q.shape[1], v.shape[1], q.shape[2], v.shape[2]


def _sum(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _options(plan: kernels.Plan, q: Tensor, causal: bool, scale: float) -> dict[str, Any]:
    total = tl.float64 if q.dtype == torch.float64 else tl.float32
    return {"SCALE": float(scale), "CAUSAL": causal, "SUM": total, **plan._asdict()}
