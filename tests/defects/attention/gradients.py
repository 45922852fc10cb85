"""Attention whose values are right and whose gradients are not."""

import torch

from tests.defects.attention.parts import (
    ATTEND,
    MULTI_HEAD,
    instead_of,
    mixed,
    scores,
    split,
    weights,
    with_gradient_of,
)
from tests.defects.defect import defects_in


@instead_of(ATTEND, "weights")
def zero_gradients(given, counting):
    """The weights leave the graph: gradients of q and k are zeros (Crystalline)."""
    share = weights(given, counting)
    return with_gradient_of(share, 0 * given)


@instead_of(ATTEND, "weights")
def sum_not_differentiated(given, counting):
    """dS = P∘dP: the part through the sum of the exponentials is left out."""
    share = weights(given, counting)
    return with_gradient_of(share, share.detach() * torch.where(counting, given, 0))


@instead_of(ATTEND, "scores")
def scale_missing_in_the_gradient(q, k, scale):
    """∂q and ∂k without the scale."""
    return with_gradient_of(scores(q, k, scale), q @ k.mT)


@instead_of(ATTEND, "scores")
def keys_without_gradient(q, k, scale):
    """Zeros for k."""
    return scores(q, with_gradient_of(k, 0 * k), scale)


@instead_of(ATTEND, "mixed")
def values_without_gradient(given, v):
    """None for v."""
    return mixed(given, v.detach())


@instead_of(ATTEND, "mixed")
def gradient_of_the_last_key_dropped(given, v):
    """The last key's value receives nothing, as in a tile that is not full."""
    inside = torch.arange(v.shape[-2])[:, None] < v.shape[-2] - 1
    return mixed(given, torch.where(inside, v, v.detach()))


@instead_of(ATTEND, "weights")
def gradient_through_the_mask(given, counting):
    """Masked scores receive the gradient of an unmasked softmax."""
    return with_gradient_of(weights(given, counting), torch.softmax(given, -1))


@instead_of(ATTEND, "weights", dtype="float16")
def gradient_of_scores_in_eight_bits(given, counting):
    """The gradient of the scores passes through float8."""
    given = given * 1
    if given.requires_grad:
        given.register_hook(lambda gradient: gradient.to(torch.float8_e5m2).to(gradient.dtype))
    return weights(given, counting)


@instead_of(MULTI_HEAD, "values")
def first_head_without_gradient(x, heads):
    """The values of the first head leave the graph."""
    parts = split(x, heads)
    return torch.cat([parts[..., :1, :, :].detach(), parts[..., 1:, :, :]], -3)


DEFECTS = defects_in(list(vars().values()))
