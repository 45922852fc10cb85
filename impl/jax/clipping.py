"""Gradient safety: norms of gradient sets, clipping, replacing non-finite values, noise.

A gradient set is a list of floating or complex arrays of any shapes; ‖g‖ = √Σ|g_i|². Everything is scaled by a power of
two, so nothing overflows or vanishes on the way, in single precision too. Arrays that are sharded over a mesh count
as one: under `jax.jit` the norm is that of the whole. Inside `jax.shard_map` each device holds a part of
every array: `axis_name` says over which axes of the mesh. Differentiable in both modes.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from impl.jax.clipping_arguments import check_bound, check_quantile, check_set, widest
from impl.jax.clipping_noise import add_noise
from impl.jax.clipping_rules import clip, count_bad, finite, measure

__all__ = [
    "adaptive_clip",
    "add_noise",
    "clip_by_global_norm",
    "clip_by_norm",
    "global_norm",
    "safe_clip",
    "sanitize",
]

Axis = str | tuple[str, ...] | None


def global_norm(gradients: Sequence[Array], *, axis_name: Axis = None) -> Array:
    """‖g‖ → (), real, in the widest precision of the set and at least single. 0 for an empty set, NaN if an element
    is NaN, else infinite if one is; its derivative at 0 is 0.

    Raises `TypeError` for what is no list of floating or complex arrays.
    """
    check_set(gradients)
    if not gradients:
        return jnp.zeros((), jnp.float32)
    return measure(axis_name, list(gradients)).astype(widest(gradients))


def clip_by_global_norm(
    gradients: Sequence[Array], *, max_norm: float | Array, axis_name: Axis = None
) -> tuple[list[Array], Array]:
    """g·min(1, max_norm/‖g‖), one factor for the whole set, and ‖g‖.

    max_norm ≥ 0, may be infinite; a traced scalar is taken on trust. A set with ‖g‖ ≤ max_norm comes back bit for bit;
    a non-finite norm makes every element NaN instead of hiding itself. Raises as `global_norm`, and `ValueError` for a
    negative or NaN max_norm.
    Source: Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks, 2013.
    """
    check_set(gradients)
    check_bound("max_norm", max_norm)
    clipped, norm, _ = _clipped(gradients, max_norm, axis_name)
    return clipped, norm


def clip_by_norm(gradient: Array, *, max_norm: float | Array, axis_name: Axis = None) -> tuple[Array, Array]:
    """`clip_by_global_norm` of one array alone: the array and its norm."""
    check_set([gradient], "gradient")
    check_bound("max_norm", max_norm)
    (clipped,), norm, _ = _clipped([gradient], max_norm, axis_name)
    return clipped, norm


def sanitize(gradients: Sequence[Array], *, axis_name: Axis = None) -> tuple[list[Array], Array]:
    """NaN and ±∞ replaced by 0, a complex element as a whole; the list and the count of such elements."""
    check_set(gradients)
    nans, infs = count_bad(list(gradients), axis_name)
    return finite(gradients), nans + infs


def safe_clip(
    gradients: Sequence[Array], *, max_norm: float | Array, axis_name: Axis = None
) -> tuple[list[Array], dict[str, Array]]:
    """`sanitize`, then `clip_by_global_norm`, and what happened.

    **Returns** the list, and {"norm": of the sanitized set, "factor": min(1, max_norm/norm), "nans", "infs": replaced
    elements (a complex one with a NaN part is a NaN)}. Raises as `clip_by_global_norm`.
    """
    check_set(gradients)
    check_bound("max_norm", max_norm)
    nans, infs = count_bad(list(gradients), axis_name)
    clipped, norm, factor = _clipped(finite(gradients), max_norm, axis_name)
    return clipped, {"factor": factor, "infs": infs, "nans": nans, "norm": norm}


def adaptive_clip(
    gradients: Sequence[Array], history: Array, *, quantile: float = 0.9, axis_name: Axis = None
) -> tuple[list[Array], Array]:
    """Clipping at a quantile of the past norms, and that threshold, () in the dtype of history.

    history (W): finite past norms in any order; linear interpolation between order statistics. Without history
    the threshold is infinite. Raises as `global_norm`, `ValueError` for another shape of history and for a quantile
    outside [0, 1]. Source: Seetharaman et al., AutoClip, 2020.
    """
    check_set(gradients)
    check_set([history], "history")
    if history.ndim != 1:
        raise ValueError(f"history: expected shape (W,), got {history.shape}")
    check_quantile(quantile)
    if not history.size:
        threshold = jnp.sum(history) + jnp.inf
    else:
        rank = quantile * (history.size - 1)
        low = min(int(rank), max(history.size - 2, 0))
        high, share = min(low + 1, history.size - 1), rank - low
        ordered = jnp.sort(history, stable=True)
        threshold = (1 - share) * ordered[low] + share * ordered[high]
    return _clipped(gradients, threshold, axis_name)[0], threshold


def _clipped(gradients: Sequence[Array], bound: float | Array, axis_name: Axis) -> tuple[list[Array], Array, Array]:
    """The clipped set, its norm before, the factor."""
    if not gradients:
        return [], jnp.zeros((), jnp.float32), jnp.ones((), jnp.float32)
    dtype = widest(gradients)
    return clip(axis_name, list(gradients), jnp.asarray(bound, dtype))
