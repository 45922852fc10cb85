"""The size of every tensor of a set: weights or gradients, whatever their shapes."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["magnitudes"]


def magnitudes(arrays: Sequence[Tensor]) -> dict[str, Tensor]:
    """Per tensor: mean, largest and root mean square of |x| over the finite elements, and counts of the others.

    **Arguments**: n real or complex tensors of any shapes, on one device. **Returns**: "largest", "mean" and "rms" (n),
    in the precision of the tensors, "zeros" and "nonfinite" (n) int64. Without a finite element the
    sizes are 0. All of it stays on the device: nothing waits for a tensor before the next begins.
    Raises TypeError for what is no floating tensor, ValueError for tensors on several devices.
    """
    _check(arrays)
    if not arrays:
        return {name: torch.zeros(0, dtype=dtype) for name, dtype in _NAMES.items()}
    reports = [_magnitudes(array) for array in arrays]
    stacked = {name: torch.stack([report[name] for report in reports]) for name in _NAMES}
    precision = arrays[0].dtype.to_real() if len({x.dtype.to_real() for x in arrays}) == 1 else torch.float32
    return {name: x.to(precision) if x.is_floating_point() else x for name, x in stacked.items()}


_NAMES = {
    "largest": torch.float32,
    "mean": torch.float32,
    "nonfinite": torch.int64,
    "rms": torch.float32,
    "zeros": torch.int64,
}


def _magnitudes(array: Tensor) -> dict[str, Tensor]:
    flat = array.detach().reshape(-1)
    flat = flat if flat.is_complex() else flat.to(torch.promote_types(flat.dtype, torch.float32))
    finite = torch.isfinite(flat)
    modulus = torch.where(finite, flat, 0).abs()
    largest = modulus.amax() if flat.numel() else modulus.sum()
    scale = _power_of_two(largest)
    share, count = modulus / scale, finite.sum().clamp(min=1)
    return {
        "largest": largest,
        "mean": scale * (share.sum() / count),
        "nonfinite": (~finite).sum(),
        "rms": scale * (share.square().sum() / count).sqrt(),
        "zeros": (flat == 0).sum(),
    }


def _power_of_two(largest: Tensor) -> Tensor:
    """The one below, so that neither the sum nor the squares of shares below 2 leave the range; 1 for 0."""
    _, exponent = torch.frexp(largest)
    return torch.where(largest > 0, torch.ldexp(torch.ones_like(largest), exponent - 1), 1)


def _check(arrays: Sequence[Tensor]) -> None:
    if isinstance(arrays, Tensor) or not isinstance(arrays, Sequence):
        raise TypeError(f"arrays: expected a list of tensors, got {type(arrays).__name__}")
    for i, array in enumerate(arrays):
        if not isinstance(array, Tensor) or not (array.is_floating_point() or array.is_complex()):
            got = array.dtype if isinstance(array, Tensor) else type(array).__name__
            raise TypeError(f"arrays[{i}]: expected a real or complex tensor, got {got}")
        if array.device != arrays[0].device:
            raise ValueError(f"arrays[{i}]: expected the device of arrays[0] ({arrays[0].device}), got {array.device}")
