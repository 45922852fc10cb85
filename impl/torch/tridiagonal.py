"""The resolvent of a tridiagonal matrix in O(N), differentiable in every argument.

H is N×N with H[i, i] = main[i], H[i, i+1] = upper[i], H[i+1, i] = lower[i], and G = (H − shift·I)⁻¹.
"""

import importlib
import importlib.util
import math
from functools import partial
from types import ModuleType

import torch
from torch import Tensor

from impl.torch.flat import FlatKernel

__all__ = ["log_determinant", "resolvent_diagonal"]


def resolvent_diagonal(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor | complex, *, precision: str | None = None
) -> Tensor:
    """Diagonal of the resolvent, G_ii = [(H − shift·I)⁻¹]_ii.

    **Arguments**: main (…, N), upper and lower (…, max(N−1, 0)), shift () or (…) or a Python number; leading axes
    broadcast. Real and complex mix; single and double precision do not. `precision="float64"` computes in double
    for data in single.
    **Returns**: (…, N), complex, in the precision of the data. Reverse and forward mode are exact, once; a
    gradient follows PyTorch's convention ∂L/∂a + i ∂L/∂b.
    **Raises**: `TypeError` for what is no tensor, for dtypes other than float32, float64 and their complex partners,
    and for mixed precisions; `ValueError` for shapes that do not fit, mixed devices and an unknown precision.
    Source: Usmani, Inversion of a tridiagonal Jacobi matrix, 1994, with pivots in homogeneous form.
    """
    named, internal, batch = _checked(main, upper, lower, shift, precision)
    arrays = _flat(named, internal, batch)
    if arrays[0].numel() == 0:
        result = _nothing(*arrays)
    else:
        result = _kernel("resolvent_diagonal", internal, main.device)(*arrays)
    return result.to(main.dtype.to_complex()).reshape(*batch, main.shape[-1])


def log_determinant(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor | complex, *, precision: str | None = None
) -> Tensor:
    """log det(H − shift·I), the sum of the principal logarithms of the pivots of the elimination without interchanges.

    Arguments and errors as for `resolvent_diagonal`. **Returns**: (…), complex. ∂ log det/∂main = diag G.
    """
    named, internal, batch = _checked(main, upper, lower, shift, precision)
    arrays = _flat(named, internal, batch)
    if arrays[0].numel() == 0:
        result = _nothing(*arrays).sum(-1)
    else:
        result = _kernel("log_determinant", internal, main.device)(*arrays)
    return result.to(main.dtype.to_complex()).reshape(batch)


def _kernel(name: str, internal: torch.dtype, device: torch.device) -> FlatKernel:
    """The kernel of the backend that serves this device; forward mode is chunked everywhere."""
    chunked = importlib.import_module("impl.torch.chunked.tridiagonal")
    backend: ModuleType = chunked
    if device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        backend = importlib.import_module("impl.torch.cuda.tridiagonal")
    value, vjp, jvp = getattr(backend, name), getattr(backend, f"{name}_vjp"), getattr(chunked, f"{name}_jvp")
    return FlatKernel(*(partial(function, internal=internal) for function in (value, vjp, jvp)))


def _nothing(main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor) -> Tensor:
    """The empty (B, N), connected to every input so that each has a gradient."""
    return main + upper.sum(-1, keepdim=True) + lower.sum(-1, keepdim=True) + shift.unsqueeze(-1)


def _checked(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor | complex, precision: str | None
) -> tuple[dict[str, Tensor], torch.dtype, torch.Size]:
    """The arrays by name, the real dtype to compute in, and the batch shape."""
    for name, array in (("main", main), ("upper", upper), ("lower", lower)):
        if not isinstance(array, Tensor):
            raise TypeError(f"{name}: expected a torch.Tensor, got {type(array).__name__}")
    named = {"main": main, "upper": upper, "lower": lower, "shift": _as_tensor(shift, main)}
    return named, _internal(named, precision), _batch_shape(named)


def _flat(named: dict[str, Tensor], internal: torch.dtype, batch: torch.Size) -> list[Tensor]:
    """The arrays as (B, N), (B, N−1), (B, N−1), (B).

    Where axes broadcast, they widen to the internal precision first: autograd sums their gradients, and this sum, too,
    is then one in double.
    """
    shapes = [batch if name == "shift" else (*batch, x.shape[-1]) for name, x in named.items()]
    arrays = list(named.values())
    if any(x.shape != shape for x, shape in zip(arrays, shapes, strict=True)):
        arrays = [x.to(torch.promote_types(x.dtype, internal)) for x in arrays]
    rows = math.prod(batch)
    return [x.expand(s).reshape(rows, *s[len(batch) :]) for x, s in zip(arrays, shapes, strict=True)]


def _as_tensor(shift: Tensor | complex, main: Tensor) -> Tensor:
    if isinstance(shift, Tensor):
        return shift
    if isinstance(shift, bool) or not isinstance(shift, (int, float, complex)):
        raise TypeError(f"shift: expected a torch.Tensor or a Python number, got {type(shift).__name__}")
    dtype = _precision_of("main", main)
    return torch.tensor(shift, dtype=dtype.to_complex() if isinstance(shift, complex) else dtype, device=main.device)


def _precision_of(name: str, array: Tensor) -> torch.dtype:
    dtype = array.dtype.to_real() if array.is_complex() else array.dtype
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name}: expected float32, float64, complex64 or complex128, got {array.dtype}")
    return dtype


def _internal(named: dict[str, Tensor], precision: str | None) -> torch.dtype:
    """The real dtype to compute in; every array must agree with main in precision and device."""
    main = named["main"]
    expected = _precision_of("main", main)
    for name, array in named.items():
        if _precision_of(name, array) != expected:
            raise TypeError(f"{name}: expected the precision of main ({main.dtype}), got {array.dtype}")
        if array.device != main.device:
            raise ValueError(f"{name}: expected the device of main ({main.device}), got {array.device}")
    if precision not in (None, "float64"):
        raise ValueError(f"precision: expected None or 'float64', got {precision!r}")
    return expected if precision is None else torch.float64


def _batch_shape(named: dict[str, Tensor]) -> torch.Size:
    for name in ("main", "upper", "lower"):
        if named[name].ndim == 0:
            raise ValueError(f"{name}: expected shape (…, sites), got a scalar")
    sites = named["main"].shape[-1]
    for name in ("upper", "lower"):
        if named[name].shape[-1] != max(sites - 1, 0):
            raise ValueError(
                f"{name}: expected shape (…, {max(sites - 1, 0)}) beside main of {sites} sites, "
                f"got {tuple(named[name].shape)}"
            )
    batch = torch.Size()
    for name, array in named.items():
        own = array.shape if name == "shift" else array.shape[:-1]
        try:
            batch = torch.broadcast_shapes(batch, own)
        except RuntimeError:
            raise ValueError(
                f"{name}: expected batch axes that broadcast with {tuple(batch)}, got {tuple(own)}"
            ) from None
    return batch
