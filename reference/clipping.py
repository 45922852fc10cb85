"""Gradient safety: norms of gradient sets, clipping, replacing non-finite values.

A gradient set g is a list of arrays, real or complex, of any shapes. ‖g‖ = √Σ|g_i|² over all elements of all arrays.
Everything is scaled by a power of two s near the largest element, so that nothing overflows on the way. Cotangents
follow the results: a list for the gradients, a dict for a report, None for what is counted.
"""

import numpy as np

from reference.clipping_noise import add_noise, add_noise_vjp
from reference.clipping_window import window_statistics
from reference.numbers import free, like

__all__ = [
    "adaptive_clip",
    "adaptive_clip_vjp",
    "add_noise",
    "add_noise_vjp",
    "clip_by_global_norm",
    "clip_by_global_norm_vjp",
    "clip_by_norm",
    "clip_by_norm_vjp",
    "global_norm",
    "global_norm_vjp",
    "safe_clip",
    "safe_clip_vjp",
    "sanitize",
    "sanitize_vjp",
    "window_statistics",
]


def global_norm(gradients):
    """‖g‖ = √Σ|g_i|² → (), real. NaN if an element is NaN, else infinite if one is; 0 for an empty set."""
    size, scale = _measured(gradients)
    return size * scale


def global_norm_vjp(gradients, cotangent):
    """∂‖g‖/∂g = g/‖g‖, and 0 where the norm is 0, in the convention ∂L/∂a + i ∂L/∂b."""
    return tuple(cotangent * part for part in _direction(gradients))


def clip_by_global_norm(gradients, *, max_norm):
    """g·min(1, max_norm/‖g‖), one factor for the whole set, and ‖g‖.

    gradients: list of arrays; max_norm ≥ 0, may be infinite → list like it, norm (). A set with ‖g‖ ≤ max_norm comes
    back as it is. A non-finite norm is not hidden: it makes every element NaN. Raises ValueError for a negative or NaN
    max_norm. Source: Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, 2013.
    """
    _check_bound("max_norm", max_norm)
    return _clipped(gradients, max_norm)


def clip_by_global_norm_vjp(gradients, cotangents, norm_cotangent, *, max_norm):
    """s(c − u Re⟨u, c⟩) + n̄ u where it clips, c + n̄ u elsewhere: u = g/‖g‖, s = max_norm/‖g‖; u = 0 at g = 0."""
    return tuple(_pulled_back(gradients, max_norm, cotangents, norm_cotangent)[0])


def clip_by_norm(gradient, *, max_norm):
    """`clip_by_global_norm` of one array: the array and its norm."""
    _check_bound("max_norm", max_norm)
    (clipped,), norm = _clipped([gradient], max_norm)
    return clipped, norm


def clip_by_norm_vjp(gradient, cotangent, norm_cotangent, *, max_norm):
    return tuple(_pulled_back([gradient], max_norm, [cotangent], norm_cotangent)[0])


def sanitize(gradients):
    """NaN and ±∞ replaced by 0, a complex element as a whole, and how many there were: list, count () integer."""
    bad = sum(np.count_nonzero(~_finite(gradient)) for gradient in gradients)
    return _sanitized(gradients), np.asarray(bad, np.int64)


def sanitize_vjp(gradients, cotangents, count_cotangent=None):
    """The cotangent where the element was finite, 0 where it was replaced."""
    return tuple(_masked(gradients, cotangents))


def safe_clip(gradients, *, max_norm):
    """`sanitize`, then `clip_by_global_norm`, with a report of both.

    → list, {"norm": ‖sanitized g‖, "factor": min(1, max_norm/norm), "nans", "infs": elements replaced}. An element
    with a NaN part counts as NaN. Raises ValueError for a negative or NaN max_norm.
    """
    _check_bound("max_norm", max_norm)
    finite = _sanitized(gradients)
    clipped, norm = _clipped(finite, max_norm)
    nans, bad = (sum(np.count_nonzero(of(g)) for g in gradients) for of in (_is_nan, lambda g: ~_finite(g)))
    report = {
        "factor": _factor(finite, max_norm),
        "infs": np.asarray(bad - nans, np.int64),
        "nans": np.asarray(nans, np.int64),
        "norm": norm,
    }
    return clipped, report


def safe_clip_vjp(gradients, cotangents, report_cotangents, *, max_norm):
    """Those of the clipping, and −u·max_norm/‖g‖² for the factor where it clips; 0 where an element was replaced."""
    finite = _sanitized(gradients)
    by_norm, by_factor = report_cotangents["norm"], report_cotangents["factor"]
    found = _pulled_back(finite, max_norm, cotangents, by_norm)[0]
    size, scale = _measured(finite)
    positive = _positive(size)
    slope = np.where(_inside(size, scale, max_norm), 0.0, -(max_norm / scale / positive) / positive / scale)
    found = [f + by_factor * slope * u for f, u in zip(found, _direction(finite), strict=True)]
    return tuple(_masked(gradients, found))


def adaptive_clip(gradients, history, *, quantile=0.9):
    """Clipping at a quantile of the past norms, and that threshold.

    gradients: list; history (W): finite norms of past steps, in any order; the quantile interpolates linearly between
    order statistics → list, threshold (). No history, no clipping: the threshold is infinite. Raises ValueError unless
    history has one axis and 0 ≤ quantile ≤ 1. Source: Seetharaman et al., AutoClip, 2020.
    """
    threshold = _quantile(history, quantile)
    return _clipped(gradients, threshold)[0], threshold


def adaptive_clip_vjp(gradients, history, cotangents, threshold_cotangent, *, quantile=0.9):
    """Those of the clipping; the threshold receives Re⟨u, c⟩ where it clips and hands on to its order statistics.

    Equal norms are told apart by their position.
    """
    threshold = _quantile(history, quantile)
    found, of_bound = _pulled_back(gradients, threshold, cotangents, 0.0)
    if not np.size(history):
        return *found, history
    low, high, share = _ranks(np.size(history), quantile)
    place = np.argsort(np.argsort(free(history), kind="stable"), kind="stable")
    weight = like(history, (1 - share) * (place == low) + share * (place == high))
    return *found, weight * (of_bound + threshold_cotangent)


def _clipped(gradients, bound):
    """The set clipped at `bound`, and its norm."""
    size, scale = _measured(gradients)
    inside = _inside(size, scale, bound)
    with np.errstate(all="ignore"):
        shrunk = bound / _positive(size) * np.where(np.isfinite(free(size)), 1.0, np.nan)
        clipped = [np.where(inside, g, g / scale * shrunk) for g in gradients]
        return clipped, size * scale


def _factor(gradients, bound):
    size, scale = _measured(gradients)
    with np.errstate(all="ignore"):
        return np.where(_inside(size, scale, bound), like(size, 1.0), bound / _positive(size) / scale)


def _pulled_back(gradients, bound, cotangents, norm_cotangent):
    """Gradients through `_clipped` of the set and of the bound."""
    size, scale = _measured(gradients)
    inside, direction = _inside(size, scale, bound), _direction(gradients)
    along = np.sum(_parts(direction) * _parts(cotangents))
    with np.errstate(all="ignore"):
        shrink = bound / scale / _positive(size)
        found = [
            np.where(inside, c, (c - u * along) * shrink) + norm_cotangent * u
            for u, c in zip(direction, cotangents, strict=True)
        ]
    return found, np.where(inside, 0.0, along)


def _measured(gradients):
    """‖g/s‖ and the power of two s, such that the largest element of g/s lies in [1, 2)."""
    scale = _power_of_two(gradients)
    with np.errstate(all="ignore"):
        return np.linalg.norm(_parts(gradients) / scale), scale


def _power_of_two(gradients) -> float:
    largest = np.max([np.max(np.abs(free(_parts([g]))), initial=0.0) for g in gradients], initial=0.0)
    return float(np.ldexp(1.0, np.frexp(largest)[1] - 1)) if 0 < largest < np.inf else 1.0


def _parts(gradients):
    """Real and imaginary parts of all elements in one vector."""
    flat = [np.reshape(g, (np.size(g),)) for g in gradients]
    parts = [part for g in flat for part in ((np.real(g), np.imag(g)) if np.iscomplexobj(g) else (g,))]
    return np.concatenate(parts) if parts else np.zeros(0)


def _direction(gradients):
    """g/‖g‖, zero for a zero set."""
    size, scale = _measured(gradients)
    with np.errstate(all="ignore"):
        return [g / scale / _positive(size) for g in gradients]


def _inside(size, scale, bound):
    return size <= bound / scale


def _positive(size):
    return np.where(size == 0, like(size, 1.0), size)


def _finite(gradient):
    parts = [np.isfinite(free(part)) for part in (np.real(gradient), np.imag(gradient))]
    return parts[0] & parts[1]


def _is_nan(gradient):
    parts = [np.isnan(free(part)) for part in (np.real(gradient), np.imag(gradient))]
    return parts[0] | parts[1]


def _sanitized(gradients):
    return _masked(gradients, gradients)


def _masked(gradients, arrays):
    """The arrays, 0 where a gradient is not finite."""
    return [np.where(_finite(g), array, 0.0) for g, array in zip(gradients, arrays, strict=True)]


def _quantile(history, quantile):
    if np.ndim(history) != 1:
        raise ValueError(f"history: expected shape (W,), got {np.shape(history)}")
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile: expected a number in [0, 1], got {quantile!r}")
    if not np.size(history):
        return np.asarray(np.inf)
    low, high, share = _ranks(np.size(history), quantile)
    order = np.argsort(free(history), kind="stable")  # a choice: order statistics are 1-Lipschitz
    return (1 - share) * history[order[low]] + share * history[order[high]]


def _ranks(count: int, quantile: float) -> tuple[int, int, float]:
    """The neighbouring ranks and the share of the upper one."""
    rank = quantile * (count - 1)
    low = min(int(rank), max(count - 2, 0))
    return low, min(low + 1, count - 1), rank - low


def _check_bound(name: str, bound) -> None:
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not bound >= 0:
        raise ValueError(f"{name}: expected a number ≥ 0, got {bound!r}")
