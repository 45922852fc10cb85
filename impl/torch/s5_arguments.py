"""Refusing arguments of the S5 functions that do not fit: types, precisions, devices, shapes, options."""

from collections.abc import Sequence

import torch
from torch import Tensor


def at_rest(array: Tensor, initial: Tensor | None, batch: Sequence[int] = ()) -> Tensor:
    """`initial`, or zeros for it: as many as the last axis of `array` has, for each of a batch."""
    if initial is not None or not isinstance(array, Tensor):
        return initial if initial is not None else torch.zeros(())
    return array.new_zeros(*batch, *array.shape[-1:])


TYPES = {torch.float32, torch.float64, torch.complex64, torch.complex128}
HALVES = (torch.float16, torch.bfloat16)
IN_HALF = ("step", "feedthrough", "u")  # may come in half precision beside arrays in single


def check_alike(**arrays: Tensor) -> None:
    """Tensors, of one precision and on one device; `step`, `feedthrough` and `u` real, in halves too beside single."""
    (expected, model), *_ = arrays.items()
    for name, array in arrays.items():
        if not isinstance(array, Tensor):
            raise TypeError(f"{name}: expected a torch.Tensor, got {type(array).__name__}")
        if array.device != model.device:
            raise ValueError(f"{name}: expected the device of {expected} ({model.device}), got {array.device}")
        dtype = array.dtype
        if dtype in HALVES and name in IN_HALF and model.dtype.to_real() == torch.float32:
            continue
        if dtype not in TYPES:
            raise TypeError(f"{name}: expected float32, float64, complex64 or complex128, got {dtype}")
        if dtype != model.dtype and dtype.to_real() != model.dtype.to_real():
            raise TypeError(f"{name}: expected the precision of {expected} ({model.dtype}), got {dtype}")
        if dtype.is_complex and name in ("step", "u", "target"):
            raise TypeError(f"{name}: expected a real tensor, got {dtype}")


def check_gradient(name: str, gradient: Tensor) -> None:
    """One of any of the precisions."""
    halved = isinstance(gradient, Tensor) and gradient.dtype in HALVES
    check_alike(**{name: gradient.float() if halved else gradient})


def require(name: str, holds: bool, expected: str, array: Tensor) -> None:
    if not holds:
        raise ValueError(f"{name}: expected shape {expected}, got {tuple(array.shape)}")


def check_set(
    eigenvalues: Tensor, input_matrix: Tensor, step: Tensor | None = None, *, name: str = "eigenvalues"
) -> None:
    require(name, eigenvalues.ndim == 1, "(P)", eigenvalues)
    size = eigenvalues.shape[0]
    require("input_matrix", input_matrix.ndim == 2 and input_matrix.shape[0] == size, f"({size}, H)", input_matrix)
    if step is not None:
        require("step", step.shape == eigenvalues.shape, f"({size})", step)


def check_reading(input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, u: Tensor, pairs: str) -> None:
    size, channels = input_matrix.shape
    require("output_matrix", output_matrix.shape == (channels, size), f"({channels}, {size})", output_matrix)
    require("feedthrough", feedthrough.shape == (channels,), f"({channels})", feedthrough)
    require("u", u.shape[-1:] == (channels,), f"(…, {channels})", u)
    if pairs not in ("half", "full"):
        raise ValueError(f"pairs: expected 'half' or 'full', got {pairs!r}")
    if pairs == "half" and feedthrough.is_complex():
        raise TypeError(f"feedthrough: expected a real tensor beside pairs='half', got {feedthrough.dtype}")


def check_scan(decay: Tensor, drive: Tensor, initial: Tensor) -> torch.Size:
    """The batch shape."""
    shape, own, start = drive.shape, decay.shape, initial.shape
    require("drive", len(shape) > 1, "(…, T, P)", drive)
    fits = own == shape[-1:] or own[-2:] == shape[-2:]
    require("decay", fits, f"({shape[-1]}) or (…, {shape[-2]}, {shape[-1]})", decay)
    require("initial", start[-1:] == shape[-1:], f"(…, {shape[-1]})", initial)
    return joined("initial", joined("decay", shape[:-2], own[:-2]), start[:-1])


def joined(name: str, batch: torch.Size, own: torch.Size) -> torch.Size:
    if batch == own or not own:
        return batch
    try:
        return torch.broadcast_shapes(batch, own)
    except RuntimeError:
        raise ValueError(f"{name}: expected batch axes that broadcast with {tuple(batch)}, got {tuple(own)}") from None


def check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"{name}: expected a whole number ≥ 1, got {type(size).__name__}")
        if size < 1:
            raise ValueError(f"{name}: expected a whole number ≥ 1, got {size}")


def check_choice(name: str, chosen: str, there: tuple[str, ...]) -> None:
    if chosen not in there:
        raise ValueError(f"{name}: expected one of {', '.join(there)}, got {chosen!r}")
