"""Thresholds from the past, and noise that is annealed."""

import torch

from impl.torch.clipping_noise import _normal, _words
from tests.defects.clipping.parts import ADAPTIVE, NOISE, honest
from tests.defects.defect import Defect, defect, defects_in


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
