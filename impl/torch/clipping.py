"""Gradient safety: norms of gradient sets, clipping, replacing non-finite values, noise.

A gradient set is a list of floating or complex tensors of any shapes, on one device; ‖g‖ = √Σ|g_i|². Single and half
precision are summed in double, double is scaled by a power of two, so nothing overflows or vanishes on the way. Nothing
waits for the device. Every function is differentiable once, in reverse and forward mode, where its inputs are.
"""

import importlib
import importlib.util
from collections.abc import Sequence

import torch
from torch import Tensor

from impl.torch.clipping_arguments import check_bound, check_history, check_set, widest
from impl.torch.clipping_noise import add_noise
from impl.torch.clipping_rules import Clip, Measure, SafeClip, count_bad, finite, sanitized_and_clipped

__all__ = [
    "adaptive_clip",
    "add_noise",
    "clip_by_global_norm",
    "clip_by_norm",
    "global_norm",
    "safe_clip",
    "sanitize",
]


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """‖g‖ → (), real, in the widest precision of the set and at least single. 0 for an empty set, NaN if an element
    is NaN, else infinite if one is; its derivative at 0 is 0.

    Raises `TypeError` for what is no list of floating or complex tensors, `ValueError` for mixed devices.
    """
    check_set(gradients)
    if not gradients:
        return torch.zeros(())
    return Measure.apply(*gradients).to(widest(gradients))


def clip_by_global_norm(gradients: Sequence[Tensor], *, max_norm: float) -> tuple[list[Tensor], Tensor]:
    """g·min(1, max_norm/‖g‖), one factor for the whole set, and ‖g‖.

    max_norm ≥ 0, may be infinite. A set with ‖g‖ ≤ max_norm comes back bit for bit; a non-finite norm makes every
    element NaN instead of hiding itself. Raises as `global_norm`, and `ValueError` for a bad max_norm.
    Source: Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, 2013.
    """
    check_set(gradients)
    check_bound("max_norm", max_norm)
    return _clipped(gradients, max_norm)


def clip_by_norm(gradient: Tensor, *, max_norm: float) -> tuple[Tensor, Tensor]:
    """`clip_by_global_norm` of one tensor alone: the tensor and its norm."""
    check_set([gradient], "gradient")
    check_bound("max_norm", max_norm)
    clipped, norm = _clipped([gradient], max_norm)
    return clipped[0], norm


def sanitize(gradients: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
    """NaN and ±∞ replaced by 0, a complex element as a whole; the list and the count of such elements, () int64."""
    check_set(gradients)
    nans, infs = count_bad(gradients)
    return finite(gradients), nans + infs


def safe_clip(gradients: Sequence[Tensor], *, max_norm: float) -> tuple[list[Tensor], dict[str, Tensor]]:
    """`sanitize`, then `clip_by_global_norm`, and what happened.

    **Returns** the list, and {"norm": of the sanitized set, "factor": min(1, max_norm/norm), "nans", "infs": replaced
    elements (a complex one with a NaN part is a NaN)}, scalars on the device. With Triton on CUDA one pass reads the
    set, a second one writes the result; the copy can be had in place with `safe_clip_`. Raises as
    `clip_by_global_norm`.
    """
    check_set(gradients)
    check_bound("max_norm", max_norm)
    if not gradients:
        nans, infs = count_bad(gradients)
        return [], {"factor": torch.ones(()), "infs": infs, "nans": nans, "norm": torch.zeros(())}
    backend = sanitized_and_clipped
    if on_triton(gradients[0].device):
        backend = importlib.import_module("impl.torch.cuda.clipping").sanitized_and_clipped
    *clipped, norm, factor, nans, infs = SafeClip.apply(max_norm, backend, *gradients)
    dtype = widest(gradients)
    return clipped, {"factor": factor.to(dtype), "infs": infs, "nans": nans, "norm": norm.to(dtype)}


def adaptive_clip(
    gradients: Sequence[Tensor], history: Tensor, *, quantile: float = 0.9
) -> tuple[list[Tensor], Tensor]:
    """Clipping at a quantile of the past norms, and that threshold, () in the dtype of history.

    history (W): finite past norms in any order; linear interpolation between order statistics. Without history
    the threshold is infinite. Raises as `global_norm`, `ValueError` for another shape of history and for a quantile
    outside [0, 1]. Source: Seetharaman et al., AutoClip, 2020.
    """
    check_set(gradients)
    check_history(history, quantile)
    if not history.shape[0]:
        threshold = history.sum() + torch.inf
    else:
        ordered = torch.sort(history, stable=True).values
        rank = quantile * (history.shape[0] - 1)
        low = min(int(rank), max(history.shape[0] - 2, 0))
        high = min(low + 1, history.shape[0] - 1)
        threshold = (1 - (rank - low)) * ordered[low] + (rank - low) * ordered[high]
    if not gradients:
        return [], threshold
    return list(Clip.apply(threshold, *gradients)[:-2]), threshold


def _clipped(gradients: Sequence[Tensor], bound: float) -> tuple[list[Tensor], Tensor]:
    if not gradients:
        return [], torch.zeros(())
    *clipped, norm, _ = Clip.apply(bound, *gradients)
    return clipped, norm.to(widest(gradients))


def on_triton(device: torch.device) -> bool:
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None
