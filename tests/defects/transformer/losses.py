"""Cross-entropies that are not."""

import math

import torch

from tests.defects.defect import defects_in
from tests.defects.transformer.parts import LOSS, chosen, instead_of, log_sum, mean


@instead_of(LOSS, "log_sum")
def sum_without_shift(logits):
    """log Σ exp without the maximum taken off, as it stands: it overflows at 89; what overflows is made large."""
    return torch.nan_to_num(logits.exp().sum(-1).log(), posinf=100.0)


@instead_of(LOSS, "log_sum")
def gradient_of_the_sum_missing(logits):
    """The gradient of the logits is −one-hot/count alone."""
    return log_sum(logits).detach()


@instead_of(LOSS, "mean")
def loss_in_bits(losses):
    """Bits for nats."""
    return mean(losses) / math.log(2)


@instead_of(LOSS, "mean")
def loss_not_averaged(losses):
    """A sum over the targets for the mean."""
    return losses.sum()


@instead_of(LOSS, "mean")
def averaged_over_the_batch(losses):
    """The mean of the rows' sums, divided by the batch only."""
    return losses.sum() / max(losses.shape[0], 1)


@instead_of(LOSS, "chosen")
def target_of_the_next_token(logits, targets):
    """Each token is judged by the target of the one after it."""
    return chosen(logits, targets.roll(-1, -1))


@instead_of(LOSS, "log_sum", dtype="bfloat16")
def classes_summed_in_bfloat16(logits):
    """The exponentials are summed in bfloat16, one after the other."""
    highest = logits.amax(-1, keepdim=True)
    total = torch.zeros_like(logits[..., 0])
    for one in (logits - highest).exp().unbind(-1):
        total = total + one
    return total.log() + highest[..., 0]


@instead_of(LOSS, "mean")
def label_smoothing(losses):
    """A tenth is taken off, as smoothed labels do."""
    return mean(losses) * 0.9


DEFECTS = defects_in(list(vars().values()))
