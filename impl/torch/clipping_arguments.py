"""Refusing what is no gradient set, no bound, no history."""

from collections.abc import Sequence

import torch
from torch import Tensor


def check_set(gradients: Sequence[Tensor], name: str = "gradients") -> None:
    """Raises TypeError unless this is a list or tuple of floating or complex tensors, ValueError for mixed devices."""
    if not isinstance(gradients, list | tuple):
        raise TypeError(f"{name}: expected a list of tensors, got {type(gradients).__name__}")
    device = getattr(gradients[0], "device", None) if gradients else None
    for place, gradient in enumerate(gradients):
        if not isinstance(gradient, Tensor):
            raise TypeError(f"{name}[{place}]: expected a torch.Tensor, got {type(gradient).__name__}")
        if not (gradient.is_floating_point() or gradient.is_complex()):
            raise TypeError(f"{name}[{place}]: expected a floating or complex dtype, got {gradient.dtype}")
        if gradient.device != device:
            raise ValueError(f"{name}[{place}]: expected the device {device}, got {gradient.device}")


def check_bound(name: str, bound: float) -> None:
    """Raises TypeError unless this is a Python number, ValueError unless it is ≥ 0."""
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        raise TypeError(f"{name}: expected a number ≥ 0, got {type(bound).__name__}")
    if not bound >= 0:
        raise ValueError(f"{name}: expected a number ≥ 0, got {bound!r}")


def check_history(history: Tensor, quantile: float) -> None:
    if not isinstance(history, Tensor) or not history.is_floating_point():
        raise TypeError(f"history: expected a real floating tensor, got {getattr(history, 'dtype', type(history))}")
    if history.ndim != 1:
        raise ValueError(f"history: expected shape (W,), got {tuple(history.shape)}")
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile: expected a number in [0, 1], got {quantile!r}")


def widest(gradients: Sequence[Tensor]) -> torch.dtype:
    """The real dtype of the set's norm: the widest of its precisions, at least single."""
    double = any(g.dtype in (torch.float64, torch.complex128) for g in gradients)
    return torch.float64 if double else torch.float32
