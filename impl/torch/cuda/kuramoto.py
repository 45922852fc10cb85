"""Sine attention on CUDA: flat batches handed to the Triton kernels. Any lengths; up to WIDEST channels."""

from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from impl.torch.cuda.tiles import filled, tiling_of
from impl.triton import kuramoto as kernels
from impl.triton.tiles import Tiling

__all__ = ["WIDEST", "value", "vjp"]

WIDEST = 256  # channels that a tile can hold on chip


def value(q: Tensor, k: Tensor, v: Tensor, lag: Tensor, *, causal: bool, scale: float) -> tuple[Tensor, tuple]:
    """q (B, T, D), k (B, S, D), v (B, S, E), lag (B), one dtype → (B, T, E), and nothing saved."""
    tiles, result = tiling_of(q, v, "queries"), q.new_empty(*q.shape[:-1], v.shape[-1])
    q, k, v = filled(tiles, q, k, v)
    sizes = q.shape[1], k.shape[1], result.shape[-1]
    with torch.cuda.device_of(q):
        kernels.forward[(q.shape[0] * tiles.blocks(q.shape[1]),)](
            q, k, v, lag.to(_sum(q)).contiguous(), *sizes, result, **_options(tiles, q, causal, scale)
        )
    return result, ()


def vjp(
    q: Tensor, k: Tensor, v: Tensor, lag: Tensor, saved: tuple, cotangent: Tensor, *, causal: bool, scale: float
) -> tuple[Tensor, ...]:
    channels, value_channels, behind = q.shape[-1], v.shape[-1], lag.to(_sum(q)).contiguous()
    at_queries, at_keys = tiling_of(q, v, "queries and cotangents"), tiling_of(q, v, "keys")
    q, k, v, cotangent = filled(at_queries, q, k, v, cotangent)
    rows, times, _ = q.shape
    by_q, by_k, by_v = map(torch.empty_like, (q, k, v))
    shares = behind.new_empty(rows, at_queries.blocks(times))
    sizes = times, k.shape[1]
    with torch.cuda.device_of(q):
        kernels.gradient_of_queries[(rows * at_queries.blocks(times),)](
            q, k, v, behind, cotangent, *sizes, by_q, shares, **_options(at_queries, q, causal, scale)
        )
        kernels.gradient_of_keys[(rows * at_keys.blocks_of_keys(k.shape[1]),)](
            q, k, v, behind, cotangent, *sizes, by_k, by_v, **_options(at_keys, q, causal, scale)
        )
    by_lag = shares.sum(-1).to(lag.dtype)
    return by_q[..., :channels], by_k[..., :channels], by_v[..., :value_channels], by_lag


def _sum(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _options(tiles: Tiling, q: Tensor, causal: bool, scale: float) -> dict[str, Any]:
    return {
        "SCALE": float(scale),
        "CAUSAL": causal,
        "SUM": tl.float64 if q.dtype == torch.float64 else tl.float32,
        "FAST": q.dtype.itemsize == 2 and q.is_cuda,  # the interpreter has no hardware sine
        **tiles._asdict(),
    }
