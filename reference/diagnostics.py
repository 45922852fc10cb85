"""The size of every array of a set: weights or gradients, whatever their shapes."""

import numpy as np

from reference.numbers import free

__all__ = ["magnitudes"]


def magnitudes(arrays):
    """Per array: mean, largest and root mean square of |x| over the finite elements, and counts of the others.

    arrays: a list of n arrays of any shapes, real or complex → {"largest", "mean", "nonfinite", "rms", "zeros"}, each
    (n); zeros and nonfinite are int64. Without a finite element the sizes are 0. Nothing overflows that the result
    could hold.
    """
    reports = [_magnitudes(array) for array in arrays]
    sizes = {name: _stacked([report[name] for report in reports]) for name in ("largest", "mean", "rms")}
    counts = {name: np.array([report[name] for report in reports], np.int64) for name in ("nonfinite", "zeros")}
    return {**sizes, **counts}


def _magnitudes(array):
    flat = np.reshape(array, (-1,))
    plain = free(flat)
    finite = np.isfinite(plain)
    count = max(int(finite.sum()), 1)
    modulus = np.abs(np.where(finite, flat, 0))
    largest = np.max(modulus) if plain.size else 0 * np.sum(modulus)
    scale = _power_of_two(free(largest))
    share = modulus / scale
    return {
        "largest": largest,
        "mean": scale * (np.sum(share) / count),
        "rms": scale * np.sqrt(np.sum(share * share) / count),
        "zeros": int(np.sum(plain == 0)),
        "nonfinite": int(np.sum(~finite)),
    }


def _power_of_two(largest):
    """The one below, so that neither the sum nor the squares of shares below 2 leave the range."""
    return 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0


def _stacked(values):
    return np.stack(values) if values else np.zeros(0)
