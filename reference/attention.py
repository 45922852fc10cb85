"""Softmax attention, from the whole matrix of scores.

Shapes: T queries, S keys, D and E channels; leading axes (…) broadcast. Source: A. Vaswani et al., Attention Is All You
Need, 2017, eq. 1 and section 3.2.2.
"""

from math import prod

import numpy as np

from reference.numbers import free
from reference.pullback import like_input
from reference.shapes import require_shape

__all__ = ["attend", "attend_vjp", "counting", "multi_head", "multi_head_vjp"]


def attend(q, k, v, lengths=None, query_lengths=None, *, causal=False, scale=None):
    """softmax(scale·q kᵀ) v over the keys that count; a query for which none counts gives 0.

    q (…, T, D), k (…, S, D), v (…, S, E); lengths (…) and query_lengths (…) integers, all keys and all queries if None;
    scale 1/√D if None → (…, T, E). Raises ValueError for shapes that do not fit. Key j counts for query i if
    j < lengths, i < query_lengths and, where causal, j ≤ i; a query i ≥ query_lengths may hold anything, NaN as well.
    """
    return _weights(q, k, v, lengths, query_lengths, causal, scale) @ v


def attend_vjp(q, k, v, *lengths_and_cotangent, causal=False, scale=None):
    """Gradients of q, k and v, and zeros for lengths and query_lengths if they are given.

    With weights P and dP = cotangent vᵀ: dS = P∘(dP − Σ_j P dP), ∂q = scale·dS k, ∂k = scale·dSᵀ q, ∂v = Pᵀ cotangent.
    """
    *given, cotangent = lengths_and_cotangent
    lengths, query_lengths = (*given, None, None)[:2]
    weights = _weights(q, k, v, lengths, query_lengths, causal, scale)
    queries, cotangent = (_within(x, query_lengths) for x in (q, cotangent))
    received = cotangent @ _transposed(v)
    by_score = weights * (received - np.sum(weights * received, axis=-1, keepdims=True))
    factor = _scale(q, scale)
    return (
        like_input(factor * (by_score @ k), q),
        like_input(factor * (_transposed(by_score) @ queries), k),
        like_input(_transposed(weights) @ cotangent, v),
        *(np.zeros(np.shape(integers)) for integers in given if integers is not None),
    )


def multi_head(x, w_q, w_k, w_v, w_o, *, heads, causal=False):
    """Attention of x to itself in `heads` slices of the M channels, head h with the slice [h M/heads, (h + 1) M/heads).

    x (…, T, M), weights (M, M) that act from the right: concat_h attend(x W_q, x W_k, x W_v)_h W_o → (…, T, M).
    Raises ValueError for shapes that do not fit and where heads does not divide M.
    """
    _check_heads(x, heads, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o)
    return _joined(attend(*(_split(x @ w, heads) for w in (w_q, w_k, w_v)), causal=causal)) @ w_o


def multi_head_vjp(x, w_q, w_k, w_v, w_o, cotangent, *, heads, causal=False):
    """Gradients of x and of the four weights."""
    projected = [_split(x @ w, heads) for w in (w_q, w_k, w_v)]
    mixed = _joined(attend(*projected, causal=causal))
    received = _split(cotangent @ _transposed(w_o), heads)
    by_projection = [_joined(part) for part in attend_vjp(*projected, received, causal=causal)]
    by_x = sum(part @ _transposed(w) for part, w in zip(by_projection, (w_q, w_k, w_v), strict=True))
    return by_x, *(by_weight(x, part) for part in by_projection), by_weight(mixed, cotangent)


def by_weight(x, cotangent):
    """The gradient of w in x @ w: xᵀ cotangent, all axes but the last in one sum."""
    flat = [np.reshape(array, (prod(np.shape(array)[:-1]), np.shape(array)[-1])) for array in (x, cotangent)]
    return _transposed(flat[0]) @ flat[1]


def counting(shape, lengths, query_lengths, causal):
    """Which keys count for which query, bool (…, T, S) of that shape."""
    times, keys = shape[-2:]
    place = np.arange(keys)
    counts = np.ones(shape, bool) if lengths is None else place < np.asarray(lengths)[..., None, None]
    counts = counts if query_lengths is None else counts & asked(times, query_lengths)
    return np.broadcast_to(counts & (place <= np.arange(times)[:, None]) if causal else counts, shape)


def asked(times, query_lengths):
    """The queries before their length, bool (…, T, 1)."""
    return np.arange(times)[:, None] < np.asarray(query_lengths)[..., None, None]


def _within(x, query_lengths):
    """x (…, T, C) with zeros for the queries that are padding, which may hold what is no number."""
    return x if query_lengths is None else np.where(asked(np.shape(x)[-2], query_lengths), x, 0)


def _weights(q, k, v, lengths, query_lengths, causal, scale):
    """exp(s − max s)/Σ exp(s − max s) of each row of scores s. The shift is free; a masked score is −∞."""
    shape = _check(q, k, v, lengths, query_lengths)
    scores = np.broadcast_to(_scale(q, scale) * (q @ _transposed(k)), shape)
    counts = counting(shape, lengths, query_lengths, causal)
    masked = np.where(counts, scores, -np.inf)
    highest = np.max(free(masked), axis=-1, keepdims=True, initial=-np.inf)
    unnormalised = np.exp(masked - np.where(np.isneginf(highest), 0, highest))
    total = np.sum(unnormalised, axis=-1, keepdims=True)
    return unnormalised / np.where(counts.any(-1, keepdims=True), total, 1)


def _scale(q, scale):
    return 1 / np.sqrt(max(np.shape(q)[-1], 1)) if scale is None else scale


def _transposed(x):
    return np.swapaxes(x, -1, -2)


def _split(x, heads):
    """(…, T, M) → (…, heads, T, M/heads)"""
    *rest, channels = np.shape(x)
    return np.swapaxes(np.reshape(x, (*rest, heads, channels // heads)), -2, -3)


def _joined(x):
    """(…, heads, T, M/heads) → (…, T, M)"""
    *batch, heads, times, channels = np.shape(x)
    return np.reshape(np.swapaxes(x, -2, -3), (*batch, times, heads * channels))


def _check(q, k, v, lengths, query_lengths) -> tuple[int, ...]:
    """The shape of the scores."""
    for name, array in (("q", q), ("k", k), ("v", v)):
        require_shape(name, np.ndim(array) >= 2, "(…, T, D)", array)
    require_shape("k", np.shape(k)[-1] == np.shape(q)[-1], f"(…, S, {np.shape(q)[-1]})", k)
    require_shape("v", np.shape(v)[-2] == np.shape(k)[-2], f"(…, {np.shape(k)[-2]}, E)", v)
    batch = np.shape(q)[:-2]
    for name, own in (
        ("k", np.shape(k)[:-2]),
        ("v", np.shape(v)[:-2]),
        ("lengths", () if lengths is None else np.shape(lengths)),
        ("query_lengths", () if query_lengths is None else np.shape(query_lengths)),
    ):
        try:
            batch = np.broadcast_shapes(batch, own)
        except ValueError:
            raise ValueError(f"{name}: expected batch axes that broadcast with {batch}, got {own}") from None
    return *batch, np.shape(q)[-2], np.shape(k)[-2]


def _check_heads(x, heads, **weights) -> None:
    require_shape("x", np.ndim(x) >= 2, "(…, T, M)", x)
    channels = np.shape(x)[-1]
    if heads < 1 or channels % heads:
        raise ValueError(f"heads: expected a divisor of {channels} channels, got {heads}")
    for name, weight in weights.items():
        require_shape(name, np.shape(weight) == (channels, channels), f"({channels}, {channels})", weight)
