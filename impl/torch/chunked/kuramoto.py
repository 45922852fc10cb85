"""Sine attention of flat batches, some queries at a time: the whole matrix of phases never exists.

q (B, T, D), k (B, S, D), v (B, S, E), one dtype; lag (B). Halves are computed in float32.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

ENTRIES = 2**20  # of the matrix of phases at a time: 4 MiB of single precision


def value(q: Tensor, k: Tensor, v: Tensor, lag: Tensor, *, causal: bool, scale: float) -> tuple[Tensor, tuple]:
    wide = _wide(q, k, v, lag)
    result = torch.empty(*q.shape[:-1], v.shape[-1], dtype=q.dtype, device=q.device)
    for rows, phase, counts in _phases(wide, causal, scale):
        result[:, rows] = ((phase.sin() * counts) @ wide[2]).to(q.dtype)
    return result, ()


def vjp(
    q: Tensor, k: Tensor, v: Tensor, lag: Tensor, saved: tuple, cotangent: Tensor, *, causal: bool, scale: float
) -> tuple[Tensor, ...]:
    """With dS = (cotangent vᵀ)∘cos S: ∂q = scale·dS k, ∂k = scale·dSᵀ q, ∂v = (sin S)ᵀ cotangent, ∂lag = Σ dS."""
    wide_q, wide_k, wide_v, _ = wide = _wide(q, k, v, lag)
    by_q, by_k, by_v, by_lag = map(torch.zeros_like, wide)
    for rows, phase, counts in _phases(wide, causal, scale):
        received = cotangent[:, rows].to(wide_q.dtype)
        by_phase = (received @ wide_v.mT) * phase.cos() * counts
        by_q[:, rows] = scale * (by_phase @ wide_k)
        by_k += scale * (by_phase.mT @ wide_q[:, rows])
        by_v += (phase.sin() * counts).mT @ received
        by_lag += by_phase.sum((-2, -1))
    return *(gradient.to(q.dtype) for gradient in (by_q, by_k, by_v)), by_lag.to(lag.dtype)


def jvp(
    q: Tensor, k: Tensor, v: Tensor, lag: Tensor, tangents: tuple[Tensor, ...], *, causal: bool, scale: float
) -> Tensor:
    wide_q, wide_k, wide_v, _ = wide = _wide(q, k, v, lag)
    along_q, along_k, along_v, along_lag = _wide(*tangents)
    result = torch.empty(*q.shape[:-1], v.shape[-1], dtype=q.dtype, device=q.device)
    for rows, phase, counts in _phases(wide, causal, scale):
        along = scale * (along_q[:, rows] @ wide_k.mT + wide_q[:, rows] @ along_k.mT) + along_lag[:, None, None]
        pushed = (phase.cos() * counts * along) @ wide_v + (phase.sin() * counts) @ along_v
        result[:, rows] = pushed.to(q.dtype)
    return result


def _phases(wide: tuple[Tensor, ...], causal: bool, scale: float) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Some queries, their phases and 1 or 0 for each pair that counts."""
    q, k, _, lag = wide
    keys = torch.arange(k.shape[-2], device=q.device)
    size = max(ENTRIES // (q.shape[0] * k.shape[-2]), 1)
    for start in range(0, q.shape[-2], size):
        rows = slice(start, min(start + size, q.shape[-2]))
        times = torch.arange(rows.start, rows.stop, device=q.device)
        counts = keys <= times[:, None] if causal else torch.ones((), dtype=torch.bool, device=q.device)
        yield rows, scale * (q[:, rows] @ k.mT) + lag[:, None, None], counts


def _wide(*arrays: Tensor) -> tuple[Tensor, ...]:
    return tuple(x.to(torch.promote_types(x.dtype, torch.float32)) for x in arrays)
