"""Sine attention on CUDA: flat batches handed to the Triton kernels. Any lengths; up to WIDEST channels."""

from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from impl.triton import kuramoto as kernels

__all__ = ["WIDEST", "value", "vjp"]

WIDEST = 256  # channels that a tile can hold on chip


def value(q: Tensor, k: Tensor, v: Tensor, lag: Tensor, *, causal: bool, scale: float) -> tuple[Tensor, tuple]:
    """q (B, T, D), k (B, S, D), v (B, S, E), lag (B), one dtype → (B, T, E), and nothing saved."""
    q, k, v = (x.contiguous() for x in (q, k, v))
    plan = _plan(q, v, gradient=False)
    result = q.new_empty(*q.shape[:-1], v.shape[-1])
    with torch.cuda.device_of(q):
        kernels.forward[(q.shape[0] * plan.blocks(q.shape[1]),)](
            q, k, v, lag.to(_sum(q)).contiguous(), result, *_sizes(q, v), **_options(plan, q, causal, scale)
        )
    return result, ()


def vjp(
    q: Tensor, k: Tensor, v: Tensor, lag: Tensor, saved: tuple, cotangent: Tensor, *, causal: bool, scale: float
) -> tuple[Tensor, ...]:
    q, k, v, cotangent = (x.contiguous() for x in (q, k, v, cotangent))
    behind = lag.to(_sum(q)).contiguous()
    plan = _plan(q, v, gradient=True)
    rows, times, _ = q.shape
    by_q, by_k, by_v = map(torch.empty_like, (q, k, v))
    shares = behind.new_empty(rows, plan.blocks(times))
    sizes, options = _sizes(q, v), _options(plan, q, causal, scale)
    with torch.cuda.device_of(q):
        kernels.gradient_of_queries[(rows * plan.blocks(times),)](
            q, k, v, behind, cotangent, by_q, shares, *sizes, **options
        )
        kernels.gradient_of_keys[(rows * plan.blocks_of_keys(k.shape[1]),)](
            q, k, v, behind, cotangent, by_k, by_v, *sizes, **options
        )
    return by_q, by_k, by_v, shares.sum(-1).to(lag.dtype)


def _plan(q: Tensor, v: Tensor, gradient: bool) -> kernels.Plan:
    return kernels.plan(q.shape[-1], v.shape[-1], q.dtype.itemsize, gradient)


def _sizes(q: Tensor, v: Tensor) -> tuple[int, ...]:
    return q.shape[1], v.shape[1], q.shape[2], v.shape[2]


def _sum(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _options(plan: kernels.Plan, q: Tensor, causal: bool, scale: float) -> dict[str, Any]:
    on_chip = q.is_cuda  # the interpreter has no hardware sine
    return {
        "SCALE": float(scale),
        "CAUSAL": causal,
        "SUM": tl.float64 if q.dtype == torch.float64 else tl.float32,
        **plan._replace(FAST=plan.FAST and on_chip)._asdict(),
    }
