"""NaN and ∞ in a set: replaced, counted and reported wrongly."""

import torch

from tests.defects.clipping.parts import SAFE, SANITIZE, honest
from tests.defects.defect import Defect, defect, defects_in


@defect(SANITIZE)
def infinities_stay(gradients):
    """Only NaN is replaced."""
    bad = sum(torch.isnan(g).sum() for g in gradients)
    return [torch.where(torch.isnan(g), 0, g) for g in gradients], bad


@defect(SANITIZE)
def infinities_become_huge(gradients):
    """±∞ becomes the largest number, as `nan_to_num` does by itself."""
    return [torch.nan_to_num(g) for g in gradients], honest.sanitize(gradients)[1]


@defect(SANITIZE)
def one_bad_element_clears_its_array(gradients):
    """An array with one bad element is zeroed as a whole."""
    cleared = [g if torch.isfinite(g).all() else torch.zeros_like(g) for g in gradients]
    return cleared, honest.sanitize(gradients)[1]


@defect(SANITIZE)
def arrays_are_counted(gradients):
    """The count is of arrays, not of elements."""
    clean, _ = honest.sanitize(gradients)
    return clean, sum((~torch.isfinite(g)).any().long() for g in gradients)


@defect(SANITIZE)
def parts_are_counted(gradients):
    """A complex element with two bad parts counts twice."""
    parts = [torch.view_as_real(g) if g.is_complex() else g for g in gradients]
    return honest.sanitize(gradients)[0], sum((~torch.isfinite(p)).sum() for p in parts)


@defect(SANITIZE)
def half_of_a_complex_element_stays(gradients):
    """Only the bad part of a complex element is replaced."""
    return [torch.nan_to_num(g, 0, 0, 0) for g in gradients], honest.sanitize(gradients)[1]


@defect(SAFE)
def infinities_count_as_nothing(gradients, *, max_norm):
    """A set that holds only ∞ is reported with a NaN rate of 0 and no other (MUSE)."""
    clipped, report = honest.safe_clip(gradients, max_norm=max_norm)
    return clipped, {**report, "infs": 0 * report["infs"]}


@defect(SAFE)
def clips_before_it_looks(gradients, *, max_norm):
    """Clipped, then sanitized: one NaN clears the whole set."""
    clipped, norm = honest.clip_by_global_norm(gradients, max_norm=max_norm)
    _, report = honest.safe_clip(gradients, max_norm=max_norm)
    return honest.sanitize(clipped)[0], {**report, "norm": norm}


@defect(SAFE)
def norm_of_what_came_in(gradients, *, max_norm):
    """The reported norm is that of the set before it was sanitized: one NaN makes every mean NaN for ever (MUSE)."""
    clipped, report = honest.safe_clip(gradients, max_norm=max_norm)
    return clipped, {**report, "norm": honest.global_norm(gradients)}


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(gradient):
        return torch.where(torch.isfinite(gradient), gradient, 0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent

    @staticmethod
    def jvp(ctx, tangent):
        return tangent.clone()


@defect(SAFE)
def gradient_through_holes(gradients, *, max_norm):
    """What was replaced still receives a gradient."""
    clean = [_StraightThrough.apply(g) for g in gradients]
    clipped, report = honest.safe_clip(clean, max_norm=max_norm)
    counts = honest.safe_clip(gradients, max_norm=max_norm)[1]
    return clipped, {**report, "nans": counts["nans"], "infs": counts["infs"]}


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
