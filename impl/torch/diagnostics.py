"""The size of every tensor of a set: weights or gradients, whatever their shapes."""

import importlib
import importlib.util
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["magnitudes"]

SMALLEST, LARGEST = 2.0**-20, 2.0**40  # of largest elements: squares that underflow cannot count, none overflows


def magnitudes(arrays: Sequence[Tensor]) -> dict[str, Tensor]:
    """Per tensor: mean, largest and root mean square of |x| over the finite elements, and counts of the others.

    **Arguments**: n real or complex tensors of any shapes, on one device. **Returns**: "largest", "mean" and "rms" (n),
    in the precision of the tensors, "zeros" and "nonfinite" (n) int64. Without a finite element the
    sizes are 0. All of it stays on the device: nothing waits for a tensor before the next begins. With Triton on CUDA
    one pass reads the set.
    Raises TypeError for what is no floating tensor, ValueError for tensors on several devices.
    """
    _check(arrays)
    if not arrays:
        return {name: torch.zeros(0, dtype=dtype) for name, dtype in _NAMES.items()}
    precision = arrays[0].dtype.to_real() if len({x.dtype.to_real() for x in arrays}) == 1 else torch.float32
    if arrays[0].is_cuda and importlib.util.find_spec("triton") is not None:
        found = importlib.import_module("impl.torch.cuda.diagnostics").magnitudes(arrays, precision)
        return dict(zip(_NAMES, found, strict=True))
    stacked = _ordinary(arrays) or _stacked([_magnitudes(_flat(array)) for array in arrays])
    return {name: x.to(precision) if x.is_floating_point() else x for name, x in stacked.items()}


_NAMES = {
    "largest": torch.float32,
    "mean": torch.float32,
    "nonfinite": torch.int64,
    "rms": torch.float32,
    "zeros": torch.int64,
}


def _stacked(reports: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([report[name] for report in reports]) for name in _NAMES}


def _magnitudes(flat: Tensor) -> dict[str, Tensor]:
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


def _ordinary(arrays: Sequence[Tensor]) -> dict[str, Tensor]:
    """The report of finite tensors whose squares stay in range, nothing of others: on the CPU asking costs nothing."""
    if arrays[0].device.type != "cpu" or not all(array.numel() for array in arrays):
        return {}
    rows = []
    for flat in map(_flat, arrays):
        modulus = flat.abs()
        rows.append((modulus.amax(), modulus.mean(), modulus.square().mean(), torch.count_nonzero(flat)))
    largest, mean, squares, others = (torch.stack(column) for column in zip(*rows, strict=True))
    if not bool(((largest > SMALLEST) & (largest < LARGEST)).all()):
        return {}
    zeros = torch.tensor([array.numel() for array in arrays]) - others
    return {
        "largest": largest,
        "mean": mean,
        "nonfinite": torch.zeros_like(zeros),
        "rms": squares.sqrt(),
        "zeros": zeros,
    }


def _flat(array: Tensor) -> Tensor:
    flat = array.detach().reshape(-1)
    return flat if flat.is_complex() else flat.to(torch.promote_types(flat.dtype, torch.float32))


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
