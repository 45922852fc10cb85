"""Equal terms round alike: how far the roundings of some terms are from independent."""

import numpy as np


def coherence(value: np.ndarray, axis: int = -1) -> np.ndarray:
    """κ = √(Σ_g m_g² / Σ_g m_g) over the groups g of equal nonzero elements along `axis`, m_g members each.

    1 for distinct elements, √n for n equal ones: the norm of n errors that agree within groups is κ times that of
    independent ones. Shape: that of `value` without `axis`. Zeros do not round.
    """
    ordered = np.sort(np.moveaxis(value, axis, -1), axis=-1)
    length = ordered.shape[-1]
    if length < 2:
        return np.ones(ordered.shape[:-1])
    place = np.arange(length)
    starts = np.ones(ordered.shape, bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    rank = place - np.maximum.accumulate(np.where(starts, place, 0), axis=-1)  # 0 … m−1 within a group
    nonzero = ordered != 0
    members = np.maximum(nonzero.sum(-1), 1)
    return np.sqrt(np.maximum(((2 * rank + 1) * nonzero).sum(-1) / members, 1.0))  # Σ (2 rank + 1) = m²
