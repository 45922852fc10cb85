"""Clippings by another factor, at another bound, of another graph."""

import torch

from tests.defects.clipping import norms
from tests.defects.clipping.parts import CLIP, honest
from tests.defects.defect import Defect, defect, defects_in


def _factor(norm, max_norm):
    return torch.clamp(max_norm / torch.where(norm == 0, 1, norm), max=1)


def _clipped_at(gradients, norm, max_norm):
    factor = _factor(norm, max_norm)
    return [torch.where(factor < 1, g * factor, g).to(g.dtype) for g in gradients]


@defect(CLIP)
def one_tensor_at_a_time(gradients, *, max_norm):
    """Per-tensor clipping sold as global: [3000], [1] becomes [100], [1] (MUSE)."""
    clipped = [honest.clip_by_norm(g, max_norm=max_norm)[0] for g in gradients]
    return clipped, honest.global_norm(gradients)


@defect(CLIP)
def overflow_zeroes_everything(gradients, *, max_norm):
    """A finite 1e20 overflows the naive norm, and the factor becomes 0 (MUSE)."""
    norm = norms.squares_overflow(gradients)
    return _clipped_at(gradients, norm, max_norm), honest.global_norm(gradients)


@defect(CLIP)
def epsilon_beside_the_norm(gradients, *, max_norm):
    """max_norm/(‖g‖ + 1e-6)."""
    norm = honest.global_norm(gradients)
    factor = torch.clamp(max_norm / (norm + 1e-6), max=1)
    return [torch.where(factor < 1, g * factor, g).to(g.dtype) for g in gradients], norm


@defect(CLIP)
def elements_are_clamped(gradients, *, max_norm):
    """Each element is clipped at max_norm: another direction."""
    clipped = [g * _factor(g.abs(), max_norm) for g in gradients]
    return clipped, honest.global_norm(gradients)


@defect(CLIP)
def phase_is_lost(gradients, *, max_norm):
    """A complex gradient is clipped by its modulus and comes back real."""
    clipped, norm = honest.clip_by_global_norm(gradients, max_norm=max_norm)
    return [c.abs().to(c.dtype) if c.is_complex() else c for c in clipped], norm


@defect(CLIP)
def small_gradients_grow(gradients, *, max_norm):
    """The factor max_norm/‖g‖ is not bounded by 1: every set is normalised."""
    norm = honest.global_norm(gradients)
    positive = torch.where(norm == 0, 1, norm)
    return [(g / positive * max_norm).to(g.dtype) if max_norm < torch.inf else g for g in gradients], norm


@defect(CLIP)
def normalised_then_scaled(gradients, *, max_norm):
    """g/‖g‖·min(‖g‖, max_norm): 0/0 for a zero set."""
    norm = honest.global_norm(gradients)
    return [(g / norm * torch.clamp(norm, max=max_norm)).to(g.dtype) for g in gradients], norm


@defect(CLIP)
def factor_is_a_constant(gradients, *, max_norm):
    """The gradient of the factor is dropped: what flows back keeps its part along g."""
    norm = honest.global_norm(gradients)
    return _clipped_at(gradients, norm.detach(), max_norm), norm


@defect(CLIP)
def leaves_the_graph(gradients, *, max_norm):
    """The clipped set is detached: its gradient is zero, though not None ("has a gradient", MUSE)."""
    clipped, norm = honest.clip_by_global_norm(gradients, max_norm=max_norm)
    return [c.detach() + 0 * g for c, g in zip(clipped, gradients, strict=True)], norm


@defect(CLIP)
def norm_after_clipping(gradients, *, max_norm):
    """The norm reported is that of the clipped set."""
    clipped, _ = honest.clip_by_global_norm(gradients, max_norm=max_norm)
    return clipped, honest.global_norm(clipped)


@defect(CLIP)
def squared_bound(gradients, *, max_norm):
    """max_norm is compared with ‖g‖²."""
    norm = honest.global_norm(gradients)
    inside = norm.double() ** 2 <= max_norm
    clipped = honest.clip_by_global_norm(gradients, max_norm=max_norm)[0]
    return [torch.where(inside, g, c) for g, c in zip(gradients, clipped, strict=True)], norm


@defect(CLIP)
def factor_in_half(gradients, *, max_norm):
    """The factor is rounded to bfloat16."""
    norm = honest.global_norm(gradients)
    factor = _factor(norm, max_norm).to(torch.bfloat16).to(norm.dtype)
    return [torch.where(factor < 1, g * factor, g).to(g.dtype) for g in gradients], norm


@defect(CLIP)
def writes_into_its_input(gradients, *, max_norm):
    """The set is clipped in place."""
    clipped, norm = honest.clip_by_global_norm(gradients, max_norm=max_norm)
    with torch.no_grad():
        for g, c in zip(gradients, clipped, strict=True):
            g.copy_(c)
    return clipped, norm


@defect(CLIP)
def hides_what_is_not_finite(gradients, *, max_norm):
    """NaN and ∞ become 0 although nobody asked, and nobody is told."""
    return honest.clip_by_global_norm([torch.nan_to_num(g, 0, 0, 0) for g in gradients], max_norm=max_norm)


@defect(CLIP)
def clipped_a_little_lower(gradients, *, max_norm):
    """The set is clipped at 0.999 of max_norm, for safety."""
    return honest.clip_by_global_norm(gradients, max_norm=0.999 * max_norm)


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
