"""Softmax attention: cuDNN's kernel where it serves, Triton's for padded halves on CUDA, XLA's fusion elsewhere.

T queries, S keys, D and E channels; leading axes (…) broadcast. Key j counts for query i if j < lengths, and, where
causal, if j ≤ i; a query i ≥ query_lengths is padding: it may hold anything, and passes no gradient on. float16,
bfloat16, float32 or float64, one dtype a call; `TypeError` for other types and `ValueError` for shapes and options that
do not fit, naming the argument. Products keep the precision of the data on every device.
Source: Vaswani et al., Attention Is All You Need, 2017.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from impl.jax.attention_arguments import check_attention, check_square
from impl.jax.flat import OnCuda, triton_serves
from impl.jax.products import check_precision, product

__all__ = ["attend", "multi_head"]

CUDNN_WIDTHS = range(8, 129, 8)  # channels that cuDNN's kernel takes on every architecture it knows


def attend(
    q: Array, k: Array, v: Array, lengths: Array | None = None, query_lengths: Array | None = None,
    *, causal: bool = False, scale: float | None = None, precision: str | None = None,
) -> Array:  # fmt: skip
    """softmax(scale·q kᵀ) v over the keys that count; a query for which none counts, or that is padding, gives 0.

    **Arguments**: q (…, T, D), k (…, S, D), v (…, S, E); lengths (…) and query_lengths (…) int32 or int64, all keys and
    all queries if left out; scale 1/√D if left out; precision="tf32" lets a GPU round float32 operands. **Returns**:
    (…, T, E). Differentiable in q, k and v.
    """
    check_precision(precision)
    batch = check_attention(q, k, v, lengths, query_lengths)
    scale = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
    padded = lengths is not None or query_lengths is not None
    if not padded and _cudnn_serves(batch, q, k, v):
        on_cuda = partial(_by_cudnn, batch=batch, causal=causal, scale=scale)
        elsewhere = partial(_fused, lengths=None, query_lengths=None, causal=causal, scale=scale, precision=precision)
        return lax.platform_dependent(q, k, v, cuda=on_cuda, default=elsewhere)
    if padded and triton_serves(q, k, v) and 0 not in batch:
        from impl.jax.cuda import attention as cuda

        if max(q.shape[-1], v.shape[-1]) <= cuda.WIDEST:
            options = (("causal", bool(causal)), ("scale", float(scale)))
            flat = [jnp.broadcast_to(x, (*batch, *x.shape[-2:])).reshape(-1, *x.shape[-2:]) for x in (q, k, v)]
            ends = [
                jnp.broadcast_to(x.shape[-2] if given is None else given, batch).reshape(-1)
                for given, x in ((lengths, k), (query_lengths, q))
            ]
            result = OnCuda(cuda.value, cuda.vjp, _fused, options)(*flat, *ends)
            return result.reshape(*batch, q.shape[-2], v.shape[-1])
    return _fused(q, k, v, lengths, query_lengths, causal, scale, precision)


def multi_head(
    x: Array, w_q: Array, w_k: Array, w_v: Array, w_o: Array,
    *, heads: int, causal: bool = False, precision: str | None = None,
) -> Array:  # fmt: skip
    """Attention of x to itself in `heads` slices of the M channels: concat_h attend(x W_q, x W_k, x W_v)_h W_o.

    **Arguments**: x (…, T, M); weights (M, M), which act from the right; heads divides M; precision="tf32" lets a GPU
    round float32 operands of the products. **Returns**: (…, T, M).
    """
    check_precision(precision)
    check_square(x, heads, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o)
    split = (*x.shape[:-1], heads, x.shape[-1] // heads)
    q, k, v = (jnp.swapaxes(product(x, w, precision).reshape(split), -2, -3) for w in (w_q, w_k, w_v))
    mixed = jnp.swapaxes(attend(q, k, v, causal=causal, precision=precision), -2, -3).reshape(x.shape)
    return product(mixed, w_o, precision)


def _fused(
    q: Array, k: Array, v: Array, lengths: Array | None, query_lengths: Array | None, causal: bool, scale: float,
    precision: str | None = None,
) -> Array:  # fmt: skip
    """In single precision inside where the data are halves."""
    if query_lengths is not None:
        asked = jnp.arange(q.shape[-2])[:, None] < query_lengths[..., None, None]
        found = _fused(jnp.where(asked, q, 0), k, v, lengths, None, causal, scale, precision)
        return jnp.where(asked, found, 0)
    internal = jnp.promote_types(q.dtype, jnp.float32)
    scores = product(q.astype(internal) * scale, jnp.swapaxes(k, -1, -2).astype(internal), precision)
    if k.shape[-2] == 0:
        return product(scores, v.astype(internal), precision).astype(v.dtype)
    counts = _counting(scores.shape[-2:], lengths, causal)
    some = counts.any(-1, keepdims=True)
    weights = jax.nn.softmax(jnp.where(counts | ~some, scores, -jnp.inf), axis=-1)
    return jnp.where(some, product(weights, v.astype(internal), precision), 0).astype(v.dtype)


def _counting(shape: tuple[int, ...], lengths: Array | None, causal: bool) -> Array:
    """Which keys count for which query, (…, T, S)."""
    place = jnp.arange(shape[1])
    counts = jnp.ones(shape, bool) if lengths is None else place < jnp.asarray(lengths)[..., None, None]
    return counts & (place <= jnp.arange(shape[0])[:, None]) if causal else counts


def _cudnn_serves(batch: tuple[int, ...], q: Array, k: Array, v: Array) -> bool:
    return (
        q.dtype in (jnp.float16, jnp.bfloat16)
        and 0 not in (*batch, *q.shape[-2:], *k.shape[-2:])
        and v.shape[-1] == q.shape[-1] in CUDNN_WIDTHS
        and q.shape[-2] % 2 == k.shape[-2] % 2 == 0  # its backward pass takes no odd lengths
        and any(device.platform == "gpu" for device in jax.devices())
    )


def _by_cudnn(q: Array, k: Array, v: Array, *, batch: tuple[int, ...], causal: bool, scale: float) -> Array:
    rows = math.prod(batch)
    flat = [jnp.broadcast_to(x, (*batch, *x.shape[-2:])).reshape(rows, x.shape[-2], 1, x.shape[-1]) for x in (q, k, v)]
    result = jax.nn.dot_product_attention(*flat, is_causal=causal, scale=scale, implementation="cudnn")
    return result.reshape(*batch, q.shape[-2], v.shape[-1])
