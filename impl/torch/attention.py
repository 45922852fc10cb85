"""Softmax attention: PyTorch's fastest kernel, with its gaps closed.

T queries, S keys, D and E channels; leading axes (…) broadcast. Key j counts for query i if j < lengths, and, where
causal, if j ≤ i; a query i ≥ query_lengths is padding: it may hold anything, and passes no gradient on. float16,
bfloat16, float32 or float64, one dtype and one device a call; `TypeError` for other types and `ValueError` for shapes
and options that do not fit, naming the argument.
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
from impl.torch.chunked import attention as chunked
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
    q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None = None, query_lengths: Tensor | None = None,
    *, causal: bool = False, scale: float | None = None, precision: str | None = None,
) -> Tensor:  # fmt: skip
    """softmax(scale·q kᵀ) v over the keys that count; a query for which none counts, or that is padding, gives 0.

    **Arguments**: q (…, T, D), k (…, S, D), v (…, S, E); lengths (…) and query_lengths (…) int32 or int64, all keys and
    all queries if left out; scale 1/√D if left out; precision="tf32" lets a GPU round float32 operands. **Returns**:
    (…, T, E). Once differentiable in q, k and v. In single precision on CUDA the gradients of many keys are PyTorch's
    sums in any order: their last bits repeat under `torch.use_deterministic_algorithms(True)` only.
    """
    check_precision(precision)
    batch = check_attention(q, k, v, lengths, query_lengths)
    scale = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
    empty = 0 in (*batch, *q.shape[-2:], *v.shape[-2:])
    if (lengths is not None or query_lengths is not None) and not empty:
        found = _without_padding(batch, q, k, v, lengths, query_lengths, causal, scale)
        if found is not None:
            return found
    if query_lengths is not None:
        asked = torch.arange(q.shape[-2], device=q.device)[:, None] < query_lengths[..., None, None]
        asked_alone = torch.where(asked, q, q.new_zeros(()))
        result = attend(asked_alone, k, v, lengths, causal=causal, scale=scale, precision=precision)
        return torch.where(asked, result, result.new_zeros(()))
    if empty:
        return _plain(q, k, v, lengths, causal, scale)
    q, k, v = (x.expand(*batch, *x.shape[-2:]).reshape(-1, *_heads(batch), *x.shape[-2:]) for x in (q, k, v))
    with _fastest_first(q), as_declared(precision):
        if lengths is None:
            result = scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
        else:
            result = _masked(batch, q, k, v, lengths, causal, scale)
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


def _masked(batch: torch.Size, q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool, scale: float) -> Tensor:
    """A row for which no key counts attends to all of them instead, which keeps the kernel finite, and is dropped.

    The mask is as small as lengths are until it meets the kernel: heads that share their lengths share it.
    """
    some = (lengths > 0)[..., None, None]
    counts = _counting(q.shape[-2], k.shape[-2], lengths, causal) | ~some
    # PyTorch would add −∞ for False as well, but to a mask of every head's own.
    mask = counts if q.is_cuda else q.new_zeros(()).masked_fill(~counts, -math.inf)
    mask, some = (x.expand(*batch, *x.shape[-2:]).reshape(*q.shape[:2], *x.shape[-2:]) for x in (mask, some))
    result = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return torch.where(some, result, result.new_zeros(()))


def _without_padding(
    batch: torch.Size, q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None, query_lengths: Tensor | None,
    causal: bool, scale: float,
) -> Tensor | None:  # fmt: skip
    """None where nothing here skips what is padding."""
    if q.is_cuda:
        return _skipping_tiles(batch, q, k, v, lengths, query_lengths, causal, scale) if _tiles_serve(q, v) else None
    return chunked.padded(batch, q, k, v, lengths, query_lengths, causal, scale)


def _tiles_serve(q: Tensor, v: Tensor) -> bool:
    """Whether Triton's kernel may skip what is padding: for halves, on tensor cores."""
    if q.dtype not in HALVES or importlib.util.find_spec("triton") is None:
        return False
    from impl.torch.cuda.attention import WIDEST

    return max(q.shape[-1], v.shape[-1]) <= WIDEST


def _skipping_tiles(
    batch: torch.Size, q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None, query_lengths: Tensor | None,
    causal: bool, scale: float,
) -> Tensor:  # fmt: skip
    from impl.torch.cuda.attention import padded

    q, k, v = (x.expand(*batch, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (q, k, v))
    lengths, query_lengths = (
        torch.full(q.shape[:1], x.shape[1], dtype=torch.int32, device=q.device)
        if given is None
        else given.expand(batch).reshape(-1)
        for given, x in ((lengths, k), (query_lengths, q))
    )
    return padded(q, k, v, lengths, query_lengths, causal, scale).reshape(*batch, *q.shape[1:2], v.shape[-1])


def _plain(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None, causal: bool, scale: float) -> Tensor:
    """Where an axis is empty: no key gives 0, no channel the mean over the keys that count."""
    scores = (q @ k.mT) * scale
    lengths = torch.full((), k.shape[-2], device=q.device) if lengths is None else lengths
    counts = _counting(q.shape[-2], k.shape[-2], lengths, causal)
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
