"""Planted defects of the clipping row."""

import torch

from impl.torch import clipping as honest
from impl.torch.clipping_noise import _normal, _words
from tests.defects.defect import Defect, defect, defects_in

NORM, CLIP, SAFE = "clipping.global_norm", "clipping.clip_by_global_norm", "clipping.safe_clip"
SANITIZE, ADAPTIVE, NOISE = "clipping.sanitize", "clipping.adaptive_clip", "clipping.add_noise"
HONEST = {
    NORM: honest.global_norm,
    CLIP: honest.clip_by_global_norm,
    SAFE: honest.safe_clip,
    SANITIZE: honest.sanitize,
    ADAPTIVE: honest.adaptive_clip,
    NOISE: honest.add_noise,
}


def _factor(norm, max_norm):
    return torch.clamp(max_norm / torch.where(norm == 0, 1, norm), max=1)


def _clipped_at(gradients, norm, max_norm):
    factor = _factor(norm, max_norm)
    return [torch.where(factor < 1, g * factor, g).to(g.dtype) for g in gradients]


@defect(NORM)
def squares_overflow(gradients):
    """√Σ|g|² without scaling: 1e20 in single precision has an infinite norm, 1e-30 none."""
    return torch.sqrt(sum((g.abs() ** 2).sum() for g in gradients))


@defect(NORM)
def norms_are_added(gradients):
    """The norms of the arrays are summed, not their squares."""
    return sum(honest.global_norm([g]) for g in gradients)


@defect(NORM)
def last_array_forgotten(gradients):
    """The loop ends one array too early."""
    return honest.global_norm(gradients[:-1] or gradients)


@defect(NORM)
def imaginary_parts_forgotten(gradients):
    """The norm of a complex gradient is that of its real part."""
    return honest.global_norm([g.real if g.is_complex() else g for g in gradients])


@defect(NORM)
def not_a_number_at_zero(gradients):
    """The derivative of the root is taken at 0: 0·∞."""
    squares = sum(((g.abs().double()) ** 2).sum() for g in gradients)
    return torch.sqrt(squares).to(torch.float32)


@defect(NORM)
def zero_becomes_an_epsilon(gradients):
    """1e-6 keeps the norm from being 0."""
    return torch.clamp(honest.global_norm(gradients), min=1e-6)


@defect(NORM)
def holes_in_the_norm(gradients):
    """NaN and ∞ are left out of the norm, silently."""
    return honest.global_norm([torch.nan_to_num(g, 0, 0, 0) for g in gradients])


@defect(CLIP)
def one_tensor_at_a_time(gradients, *, max_norm):
    """Per-tensor clipping sold as global: [3000], [1] becomes [100], [1] (MUSE)."""
    clipped = [honest.clip_by_norm(g, max_norm=max_norm)[0] for g in gradients]
    return clipped, honest.global_norm(gradients)


@defect(CLIP)
def overflow_zeroes_everything(gradients, *, max_norm):
    """A finite 1e20 overflows the naive norm, and the factor becomes 0 (MUSE)."""
    norm = squares_overflow(gradients)
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


@defect(ADAPTIVE)
def nearest_norm(gradients, history, *, quantile=0.9):
    """The quantile is the nearest past norm: no interpolation."""
    threshold = torch.quantile(history, quantile, interpolation="nearest")
    return honest.adaptive_clip(gradients, threshold[None])[0], threshold


@defect(ADAPTIVE)
def mean_of_the_past(gradients, history, *, quantile=0.9):
    """The threshold is the mean of the past norms."""
    threshold = history.mean()
    return honest.adaptive_clip(gradients, threshold[None])[0], threshold


@defect(ADAPTIVE)
def unsorted_past(gradients, history, *, quantile=0.9):
    """The quantile of an unsorted history."""
    place = min(int(quantile * len(history)), len(history) - 1)
    threshold = history[place]
    return honest.adaptive_clip(gradients, threshold[None])[0], threshold


@defect(ADAPTIVE)
def threshold_is_a_constant(gradients, history, *, quantile=0.9):
    """The gradient of the history is dropped."""
    return honest.adaptive_clip(gradients, history.detach() + 0 * history, quantile=quantile)


@defect(NOISE)
def every_array_alike(gradients, key, *, scale, step=0, decay=0.55):
    """The counter starts anew for every array: equal noise in equal places."""
    return [honest.add_noise([g], key, scale=scale, step=step, decay=decay)[0] for g in gradients]


@defect(NOISE)
def key_is_ignored(gradients, key, *, scale, step=0, decay=0.55):
    """The same noise for every key."""
    return honest.add_noise(gradients, 0 * key.long(), scale=scale, step=step, decay=decay)


@defect(NOISE)
def no_annealing(gradients, key, *, scale, step=0, decay=0.55):
    """The noise does not become smaller."""
    return honest.add_noise(gradients, key, scale=scale)


@defect(NOISE)
def real_noise_for_complex(gradients, key, *, scale, step=0, decay=0.55):
    """A complex gradient receives noise in its real part only."""
    noisy = honest.add_noise(gradients, key, scale=scale, step=step, decay=decay)
    return [torch.complex(n.real, g.imag) if g.is_complex() else n for n, g in zip(noisy, gradients, strict=True)]


@defect(NOISE)
def uniform_noise(gradients, key, *, scale, step=0, decay=0.55):
    """Uniform numbers of variance 1 instead of normal ones."""
    deviation, words = scale * (1 + step) ** (-decay / 2), _words(key, gradients[0].device)
    normals = [_normal(g, words, place) for g, place in zip(gradients, _places(gradients), strict=True)]
    return [g + deviation * 12**0.5 * (torch.sigmoid(n.real) - 0.5) for g, n in zip(gradients, normals, strict=True)]


def _places(gradients):
    sizes = [g.numel() for g in gradients]
    return [sum(sizes[:index]) for index in range(len(sizes))]


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
