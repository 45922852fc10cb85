"""Refusing arrays whose shapes do not fit."""

import numpy as np


def require_shape(name: str, fits: bool, expected: str, array) -> None:
    """Raises a ValueError that names the argument, what was expected and what came, unless it `fits`."""
    if not fits:
        raise ValueError(f"{name}: expected shape {expected}, got {np.shape(array)}")
