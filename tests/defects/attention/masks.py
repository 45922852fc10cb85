"""Attention in which a query sees keys that it should not, or does not see those that it should."""

import math

import torch

from tests.defects.attention.parts import ATTEND, MULTI_HEAD, counts, instead_of
from tests.defects.defect import defects_in


@instead_of(ATTEND, "counts")
def no_causal_mask(times, keys, lengths, causal):
    """Causal or not, all keys count: with next-token targets the answer is in sight (Crystalline)."""
    return counts(times, keys, lengths, False)


@instead_of(ATTEND, "counts")
def next_token_in_sight(times, keys, lengths, causal):
    """The causal mask is one late: j ≤ i + 1."""
    found = counts(times, keys, lengths, False)
    return found & (torch.arange(keys) <= torch.arange(times)[:, None] + 1) if causal else found


@instead_of(ATTEND, "counts")
def own_token_out_of_sight(times, keys, lengths, causal):
    """The causal mask is strict: j < i."""
    found = counts(times, keys, lengths, False)
    return found & (torch.arange(keys) < torch.arange(times)[:, None]) if causal else found


@instead_of(ATTEND, "counts")
def causal_from_the_end(times, keys, lengths, causal):
    """The causal mask is aligned at the last key: right where there are as many keys as queries."""
    found = counts(times, keys, lengths, False)
    return found & (torch.arange(keys) <= torch.arange(times)[:, None] + keys - times) if causal else found


@instead_of(ATTEND, "counts")
def lengths_ignored(times, keys, lengths, causal):
    """Padding takes part."""
    return counts(times, keys, None, causal)


@instead_of(ATTEND, "counts")
def one_padded_key_counts(times, keys, lengths, causal):
    """j ≤ length instead of j < length."""
    return counts(times, keys, None if lengths is None else lengths + 1, causal)


@instead_of(ATTEND, "counts")
def lengths_of_the_next_row(times, keys, lengths, causal):
    """Each row has the length of the row before it."""
    return counts(times, keys, lengths if lengths is None else lengths.roll(1, 0), causal)


@instead_of(ATTEND, "counts")
def lengths_without_causality(times, keys, lengths, causal):
    """Where lengths are given the causal mask is forgotten."""
    return counts(times, keys, lengths, causal and lengths is None)


@instead_of(ATTEND, "weights")
def finite_mask(given, counting):
    """−10⁴ is added to a masked score: a large one shines through."""
    some = counting.any(-1, keepdim=True)
    return torch.softmax(given - 1e4 * ~counting, -1) * some


@instead_of(ATTEND, "weights")
def masked_after_the_softmax(given, counting):
    """Masked weights are dropped, the others not normalised again."""
    return torch.softmax(given, -1) * counting


@instead_of(ATTEND, "weights")
def uniform_where_nothing_counts(given, counting):
    """A fully masked row gives the mean of all values (`jax.nn.dot_product_attention`)."""
    return torch.softmax(given.masked_fill(~counting & counting.any(-1, keepdim=True), -math.inf), -1)


@instead_of(ATTEND, "weights")
def not_a_number_where_nothing_counts(given, counting):
    """A fully masked row gives NaN: 0/0 (PyTorch before 2.5)."""
    return torch.softmax(given.masked_fill(~counting, -math.inf), -1)


@instead_of(MULTI_HEAD, "counts")
def no_causal_mask_in_the_heads(times, keys, lengths, causal):
    """All heads see the next token (Crystalline)."""
    return counts(times, keys, lengths, False)


DEFECTS = defects_in(list(vars().values()))
