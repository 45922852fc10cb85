"""Softmax attention: PyTorch's fastest kernel, with its gaps closed.

T queries, S keys, D and E channels; leading axes (…) broadcast. Key j counts for query i if j < lengths, and, where
causal, if j ≤ i. float16, bfloat16, float32 or float64, one dtype and one device a call; `TypeError` for other types
and `ValueError` for shapes and options that do not fit, naming the argument.
Source: Vaswani et al., Attention Is All You Need, 2017.
"""

import importlib.util
import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from impl.torch.attention_arguments import check_attention, check_square
from impl.torch.products import as_declared, check_precision, product

__all__ = ["attend", "multi_head"]

HALVES = (torch.float16, torch.bfloat16)
FASTEST_FIRST = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]


def attend(
    q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None = None,
    *, causal: bool = False, scale: float | None = None, precision: str | None = None,
) -> Tensor:  # fmt: skip
    """softmax(scale·q kᵀ) v over the keys that count; a query for which none counts gives 0.

    **Arguments**: q (…, T, D), k (…, S, D), v (…, S, E); lengths (…) int32 or int64, all keys if left out; scale 1/√D
    if left out; precision="tf32" lets a GPU round float32 operands. **Returns**: (…, T, E). Once differentiable in q,
    k and v.
    """
    check_precision(precision)
    batch = check_attention(q, k, v, lengths)
    scale = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
    empty = 0 in (*batch, *q.shape[-2:], *v.shape[-2:])
    if lengths is not None and not empty and _tiles_serve(q, v):
        return _skipping_tiles(batch, q, k, v, lengths, causal, scale)
    counts = None if lengths is None else _counting(q.shape[-2], k.shape[-2], lengths, causal)
    if empty:
        return _plain(q, k, v, counts, causal, scale)
    q, k, v = (x.expand(*batch, *x.shape[-2:]).reshape(-1, *_heads(batch), *x.shape[-2:]) for x in (q, k, v))
    with _fastest_first(q), as_declared(precision):
        if counts is None:
            result = scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
        else:
            result = _masked(q, k, v, counts.expand(*batch, *counts.shape[-2:]), scale)
    return result.reshape(*batch, *result.shape[-2:])


def multi_head(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor,
    *, heads: int, causal: bool = False, precision: str | None = None,
) -> Tensor:  # fmt: skip
    """Attention of x to itself in `heads` slices of the M channels: concat_h attend(x W_q, x W_k, x W_v)_h W_o.

    **Arguments**: x (…, T, M); weights (M, M), which act from the right; heads divides M; precision="tf32" lets a GPU
    round float32 operands of the products. **Returns**: (…, T, M).
    """
    check_precision(precision)
    check_square(x, heads, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o)
    width = x.shape[-1] // heads
    q, k, v = (product(x, w, precision).unflatten(-1, (heads, width)).transpose(-2, -3) for w in (w_q, w_k, w_v))
    mixed = attend(q, k, v, causal=causal, precision=precision).transpose(-2, -3).flatten(-2)
    return product(mixed, w_o, precision)


def _masked(q: Tensor, k: Tensor, v: Tensor, counts: Tensor, scale: float) -> Tensor:
    """A query for which no key counts attends to all of them instead, which keeps the kernel finite, and is dropped."""
    counts = counts.reshape(*q.shape[:2], *counts.shape[-2:])
    some = counts.any(-1, keepdim=True)
    result = scaled_dot_product_attention(q, k, v, attn_mask=counts | ~some, scale=scale)
    return torch.where(some, result, result.new_zeros(()))


def _tiles_serve(q: Tensor, v: Tensor) -> bool:
    """Whether Triton's kernel may skip what is padding: for halves, on tensor cores."""
    if not q.is_cuda or q.dtype not in HALVES or importlib.util.find_spec("triton") is None:
        return False
    from impl.torch.cuda.attention import WIDEST

    return max(q.shape[-1], v.shape[-1]) <= WIDEST


def _skipping_tiles(
    batch: torch.Size, q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool, scale: float
) -> Tensor:
    from impl.torch.cuda.attention import padded

    q, k, v = (x.expand(*batch, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (q, k, v))
    return padded(q, k, v, lengths.expand(batch).reshape(-1), causal, scale).reshape(*batch, *q.shape[1:2], v.shape[-1])


def _plain(q: Tensor, k: Tensor, v: Tensor, counts: Tensor | None, causal: bool, scale: float) -> Tensor:
    """Where an axis is empty: no key gives 0, no channel the mean over the keys that count."""
    scores = (q @ k.mT) * scale
    if counts is None:
        counts = _counting(q.shape[-2], k.shape[-2], torch.full((), k.shape[-2], device=q.device), causal)
    some = counts.any(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(~counts & some, -math.inf), -1)
    return torch.where(some, weights @ v, v.new_zeros(()))


def _counting(times: int, keys: int, lengths: Tensor, causal: bool) -> Tensor:
    """Which keys count for which query, (…, T, S)."""
    place = torch.arange(keys, device=lengths.device)
    counts = (place < lengths[..., None, None]).expand(*lengths.shape, times, keys)
    return counts & (place <= torch.arange(times, device=lengths.device)[:, None]) if causal else counts


def _heads(batch: torch.Size) -> tuple[int, ...]:
    """The kernels want two batch axes."""
    return (batch[-1],) if batch else (1,)


def _fastest_first(q: Tensor) -> AbstractContextManager:
    if q.is_cuda and q.dtype in HALVES:
        return sdpa_kernel(FASTEST_FIRST, set_priority=True)
    return nullcontext()
