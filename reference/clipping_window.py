"""What a monitor tells of the last steps."""

import numpy as np


def window_statistics(norms, nans, infs, factors):
    """Statistics of the steps of a window, arrays (W): norms, counts of NaN and of ∞, factors of the clipping.

    → {"mean", "max", "std"} of the finite norms (std: root mean square deviation; 0 without a finite norm),
    {"nan_rate", "inf_rate", "clip_rate"}: shares of the steps with a NaN, with an ∞ and with a factor below 1,
    {"steps": W}. A norm that is itself NaN or ∞ counts as such.
    """
    finite = np.isfinite(norms)
    kept = norms[finite]
    scale = np.max(np.abs(kept), initial=0.0) or 1.0
    mean = np.mean(kept / scale) if kept.size else 0.0
    return {
        "mean": mean * scale,
        "max": np.max(kept, initial=0.0),
        "std": np.sqrt(np.mean((kept / scale - mean) ** 2)) * scale if kept.size else 0.0,
        "nan_rate": _share((nans > 0) | np.isnan(norms)),
        "inf_rate": _share((infs > 0) | np.isinf(norms)),
        "clip_rate": _share(factors < 1),
        "steps": len(norms),
    }


def _share(truths) -> float:
    return float(np.mean(truths)) if np.size(truths) else 0.0
