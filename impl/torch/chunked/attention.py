"""Padded batches on a CPU row by row, each as far as its lengths reach: in time ∝ Σ query_lengths·lengths.

What is padding is not looked at, neither for the value nor for the gradients.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

LONG = 2**20  # products in the scores of a row from which on a call for each costs less than a mask for all: measured


def padded(
    batch: torch.Size, q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None, query_lengths: Tensor | None,
    causal: bool, scale: float,
) -> Tensor | None:  # fmt: skip
    """q (…, T, D), k (…, S, D), v (…, S, E), both lengths (…), of that batch shape together → (…, T, E).

    None where rows are short, or lengths not known: under `torch.compile`, and where `torch.vmap` maps them.
    """
    times, keys = q.shape[-2], k.shape[-2]
    shared = len(batch) > 0 and all(x is None or x.shape[-1:] in ((), (1,)) for x in (lengths, query_lengths))
    heads = batch[-1:] if shared else (1,)  # which one call takes together
    if torch.compiler.is_compiling() or heads[0] * times * keys * q.shape[-1] < LONG:
        return None
    try:
        ends = [_ends(given, whole, batch, shared) for given, whole in ((query_lengths, times), (lengths, keys))]
    except RuntimeError:
        return None
    flat = [x.expand(*batch, *x.shape[-2:]).reshape(-1, *heads, *x.shape[-2:]).split(1) for x in (q, k, v)]
    rows = []
    for queries, own_keys, values, last, length in zip(*flat, *ends, strict=True):
        asked, counting, mixed = queries[..., :last, :], own_keys[..., :length, :], values[..., :length, :]
        found = scaled_dot_product_attention(asked, counting, mixed, is_causal=causal, scale=scale)
        rows.append(pad(found, (0, 0, 0, times - last)))
    return torch.cat(rows).reshape(*batch, times, v.shape[-1])


def _ends(lengths: Tensor | None, whole: int, batch: torch.Size, shared: bool) -> list[int]:
    """Where each row ends; raises RuntimeError where the lengths are not known."""
    if lengths is None:
        return [whole] * (batch[:-1] if shared else batch).numel()
    spread = lengths.expand(batch)
    return (spread[..., 0] if shared else spread).clamp(0, whole).reshape(-1).tolist()
