"""Attention whose scores, weights or heads are wrong."""

import torch

from tests.defects.attention.parts import ATTEND, MULTI_HEAD, instead_of, scores, split, weights
from tests.defects.defect import defect, defects_in


@instead_of(ATTEND, "scores")
def scale_missing(q, k, scale):
    """Scores are ⟨q, k⟩: right for one channel only."""
    return q @ k.mT


@instead_of(ATTEND, "scores")
def scale_of_channels(q, k, scale):
    """1/D instead of 1/√D."""
    return q @ k.mT / max(q.shape[-1], 1)


@instead_of(ATTEND, "scores")
def own_scale_ignored(q, k, scale):
    """The caller's scale is ignored."""
    return scores(q, k, max(q.shape[-1], 1) ** -0.5)


@instead_of(ATTEND, "scores")
def scores_in_bfloat16(q, k, scale):
    """Scores of single precision data pass through bfloat16."""
    return scores(q, k, scale).bfloat16().to(q.dtype)


@instead_of(ATTEND, "scores", arithmetic="tf32")
def bfloat16_for_tf32(q, k, scale):
    """Products declared as tf32 are of operands in bfloat16."""
    return scores(q.bfloat16().to(q.dtype), k.bfloat16().to(k.dtype), scale)


@instead_of(ATTEND, "scores", dtype="float64")
def scores_in_float32(q, k, scale):
    """Scores of double precision data are normalised in single precision (`jax.nn.dot_product_attention`)."""
    return scores(q, k, scale).float().to(q.dtype)


@instead_of(ATTEND, "scores")
def scores_clamped_at_fifty(q, k, scale):
    """Scores are clamped to ±50, against overflow."""
    return scores(q, k, scale).clamp(-50, 50)


@instead_of(ATTEND, "weights")
def weights_without_shift(given, counting):
    """exp(s)/Σ exp(s) without the maximum taken off; what overflows is made zero."""
    raised = torch.where(counting, given, -torch.inf).exp()
    return torch.nan_to_num(raised / raised.sum(-1, keepdim=True), nan=0.0, posinf=0.0)


@instead_of(ATTEND, "weights", dtype="float16")
def weights_without_shift_in_float16(given, counting):
    """exp(s) in float16 overflows at 11.1; what overflows is made zero."""
    raised = torch.where(counting, given, -torch.inf).half().exp()
    return torch.nan_to_num(raised / raised.sum(-1, keepdim=True), nan=0.0, posinf=0.0).float()


@instead_of(ATTEND, "weights")
def weights_over_queries(given, counting):
    """The softmax runs over the queries, not the keys."""
    return weights(given.mT, counting.expand(given.shape).mT).mT


@instead_of(ATTEND, "weights")
def small_constant_in_the_sum(given, counting):
    """10⁻³ is added to the sum of the exponentials, against division by zero."""
    raised = torch.where(counting, given - given.amax(-1, keepdim=True).detach(), -torch.inf).exp()
    return raised / (raised.sum(-1, keepdim=True) + 1e-3)


@instead_of(ATTEND, "weights")
def last_key_twice(given, counting):
    """The last key counts twice in the sum of the exponentials, as at the seam of two tiles."""
    share = weights(given, counting)
    return share / (1 + share[..., -1:])


@instead_of(ATTEND, "weights", dtype="bfloat16")
def sum_of_weights_in_bfloat16(given, counting):
    """The exponentials are summed in bfloat16, one after the other."""
    share = weights(given, counting)
    total = torch.zeros_like(share[..., 0])
    for one in share.unbind(-1):
        total = (total + one).bfloat16().float()
    return share / torch.where(total > 0, total, 1)[..., None]


@instead_of(ATTEND, "weights", dtype="bfloat16")
def weights_in_eight_bits(given, counting):
    """Weights pass through float8."""
    return weights(given, counting).to(torch.float8_e4m3fn).float()


@instead_of(ATTEND, "weights", dtype="float16")
def weights_below_threshold_dropped(given, counting):
    """Weights below 2⁻⁶ are set to zero."""
    share = weights(given, counting)
    return torch.where(share < 2**-6, 0, share)


@instead_of(ATTEND, "mixed", dtype="float16")
def mixed_in_float16(given, v):
    """The weighted values are summed in float16, one after the other."""
    total = torch.zeros_like(given @ v)
    for key in range(v.shape[-2]):
        total = (total + given[..., key, None] * v[..., key, None, :]).half().float()
    return total


@defect(MULTI_HEAD)
def twice_the_input(x, w_q, w_k, w_v, w_o, *, heads, causal=False):
    """2 x, for want of an attention (Crystalline)."""
    return 2 * x + 0 * sum(w.sum() for w in (w_q, w_k, w_v, w_o))


def _stride_of_one_head(x, heads):
    """Token t of every head is read where the t-th slice of one head begins."""
    width = x.shape[-1] // heads
    slices = x.flatten(-2).unflatten(-1, (-1, width))[..., : x.shape[-2], :]
    return slices.unsqueeze(-3).expand(*x.shape[:-2], heads, x.shape[-2], width)


@instead_of(MULTI_HEAD, "keys")
def keys_with_the_stride_of_one_head(x, heads):
    """K is read with the stride of one head (Crystalline): right for one head or one token."""
    return _stride_of_one_head(x, heads)


@instead_of(MULTI_HEAD, "values")
def values_with_the_stride_of_one_head(x, heads):
    """V is read with the stride of one head (Crystalline): right for one head or one token."""
    return _stride_of_one_head(x, heads)


@instead_of(MULTI_HEAD, "keys")
def keys_of_the_next_head(x, heads):
    """Each head reads the keys of the next one."""
    return split(x, heads).roll(-1, -3)


@instead_of(MULTI_HEAD, "values")
def heads_interleaved(x, heads):
    """Channel c belongs to head c mod heads, in V only."""
    return x.unflatten(-1, (x.shape[-1] // heads, heads)).movedim(-1, -3)


DEFECTS = defects_in(list(vars().values()))
