"""Layer norms whose statistics, or whose gradients, are not those of the channels."""

import torch

from tests.defects.defect import defects_in
from tests.defects.transformer.parts import NORM, centred, deviation, instead_of, normal


@instead_of(NORM, "normal")
def statistics_without_gradient(x, epsilon):
    """Mean and variance are taken for constants in the gradient (Crystalline)."""
    return (x - x.mean(-1, keepdim=True).detach()) / deviation(centred(x), epsilon).detach()


@instead_of(NORM, "normal")
def variance_without_gradient(x, epsilon):
    """The variance is taken for a constant in the gradient."""
    return centred(x) / deviation(centred(x), epsilon).detach()


@instead_of(NORM, "normal")
def statistics_of_the_output(x, epsilon):
    """The gradient is formed with the statistics of the normalised x (Crystalline)."""
    found = normal(x, epsilon).detach()
    return found + (normal(found + (x - x.detach()), epsilon) - normal(found, epsilon))


@instead_of(NORM, "normal")
def unbiased_variance(x, epsilon):
    """The variance is divided by M − 1."""
    channels = x.shape[-1]
    return centred(x) / deviation(centred(x) * (channels / max(channels - 1, 1)) ** 0.5, epsilon)


@instead_of(NORM, "normal")
def not_centred(x, epsilon):
    """x/rms x: the mean is not taken off."""
    return x / deviation(x, epsilon)


@instead_of(NORM, "normal")
def epsilon_beside_the_root(x, epsilon):
    """x/(σ + ε)."""
    apart = centred(x)
    return apart / (deviation(apart, 0.0) + epsilon)


@instead_of(NORM, "normal")
def epsilon_forgotten(x, epsilon):
    """ε is left out: constant rows are divided by zero, and what is not finite is made zero."""
    apart = centred(x)
    return torch.nan_to_num(apart / deviation(apart, 0.0), nan=0.0, posinf=0.0, neginf=0.0)


@instead_of(NORM, "normal")
def own_epsilon_ignored(x, epsilon):
    """The caller's ε is ignored."""
    return normal(x, 1e-5)


@instead_of(NORM, "normal")
def over_the_tokens(x, epsilon):
    """Statistics run over the tokens, not the channels."""
    return normal(x.mT, epsilon).mT if x.ndim > 1 else normal(x, epsilon)


@instead_of(NORM, "normal")
def difference_of_squares(x, epsilon):
    """var = mean x² − (mean x)², which cancels where the mean is large, clamped at zero."""
    variance = (x.square().mean(-1, keepdim=True) - x.mean(-1, keepdim=True).square()).clamp(min=0)
    return centred(x) / (variance + epsilon).sqrt()


@instead_of(NORM, "normal", dtype="float16")
def squares_in_float16(x, epsilon):
    """Squares are summed in float16, where they overflow; what is not finite is made zero."""
    apart = centred(x.float())
    squares = (apart.half() * apart.half()).float().sum(-1, keepdim=True).half()
    variance = squares.float() / x.shape[-1]
    return torch.nan_to_num(apart / (variance + epsilon).sqrt(), nan=0.0).to(x.dtype)


DEFECTS = defects_in(list(vars().values()))
