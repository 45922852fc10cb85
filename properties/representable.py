"""Rounding to the values that a dtype can hold, so that every framework sees the same number."""

import numpy as np

REAL_DTYPES = ("float64", "float32", "float16", "bfloat16")


def representable(array: np.ndarray, dtype: str) -> np.ndarray:
    """`array` rounded to nearest in `dtype`, returned in float64, complex128 or, unchanged, integers."""
    array = np.asarray(array)
    if array.dtype.kind not in "fc":
        return array
    if array.dtype.kind == "c":
        joined = np.empty(array.shape, complex)  # by parts: 1j·∞ would be NaN + i∞
        of_parts = "float64" if dtype == "float64" else "float32"  # there are no complex halves
        joined.real, joined.imag = representable(array.real, of_parts), representable(array.imag, of_parts)
        return joined
    if dtype == "bfloat16":
        return _bfloat16(array)
    if dtype not in REAL_DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(REAL_DTYPES)}, got {dtype!r}")
    return array.astype(dtype).astype(np.float64)


def _bfloat16(array: np.ndarray) -> np.ndarray:
    """The upper half of a float32, rounded to nearest even."""
    bits = array.astype(np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return np.asarray((rounded & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64))
