"""Refusing arguments of attention that do not fit: types, devices, shapes."""

import torch
from torch import Tensor

REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_alike(**arrays: Tensor) -> None:
    """Real tensors of one dtype on one device."""
    (expected, model), *_ = arrays.items()
    for name, array in arrays.items():
        if not isinstance(array, Tensor):
            raise TypeError(f"{name}: expected a torch.Tensor, got {type(array).__name__}")
        if array.dtype not in REAL:
            raise TypeError(f"{name}: expected float16, bfloat16, float32 or float64, got {array.dtype}")
        if array.dtype != model.dtype:
            raise TypeError(f"{name}: expected the dtype of {expected} ({model.dtype}), got {array.dtype}")
        if array.device != model.device:
            raise ValueError(f"{name}: expected the device of {expected} ({model.device}), got {array.device}")


def require(name: str, holds: bool, expected: str, array: Tensor) -> None:
    if not holds:
        raise ValueError(f"{name}: expected shape {expected}, got {tuple(array.shape)}")


def check_attention(
    q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None = None, query_lengths: Tensor | None = None
) -> torch.Size:
    """The batch shape."""
    check_alike(q=q, k=k, v=v)
    for name, array in (("q", q), ("k", k), ("v", v)):
        require(name, array.ndim >= 2, "(…, T, D)", array)
    require("k", k.shape[-1] == q.shape[-1], f"(…, S, {q.shape[-1]})", k)
    require("v", v.shape[-2] == k.shape[-2], f"(…, {k.shape[-2]}, E)", v)
    batch = joined("v", joined("k", q.shape[:-2], k.shape[:-2]), v.shape[:-2])
    for name, given in (("lengths", lengths), ("query_lengths", query_lengths)):
        if given is None:
            continue
        if not isinstance(given, Tensor) or given.dtype not in (torch.int32, torch.int64):
            raise TypeError(f"{name}: expected a tensor of int32 or int64, got {getattr(given, 'dtype', type(given))}")
        if given.device != q.device:
            raise ValueError(f"{name}: expected the device of q ({q.device}), got {given.device}")
        batch = joined(name, batch, given.shape)
    return batch


def check_square(x: Tensor, heads: int, **weights: Tensor) -> None:
    """x (…, T, M), heads that divide M, weights (M, M)."""
    check_alike(x=x, **weights)
    require("x", x.ndim >= 2, "(…, T, M)", x)
    channels = x.shape[-1]
    if isinstance(heads, bool) or not isinstance(heads, int):
        raise TypeError(f"heads: expected an int, got {type(heads).__name__}")
    if heads < 1 or channels % heads:
        raise ValueError(f"heads: expected a divisor of {channels} channels, got {heads}")
    for name, weight in weights.items():
        require(name, weight.shape == (channels, channels), f"({channels}, {channels})", weight)


def joined(name: str, batch: torch.Size, own: torch.Size) -> torch.Size:
    try:
        return torch.broadcast_shapes(batch, own)
    except RuntimeError:
        raise ValueError(f"{name}: expected batch axes that broadcast with {tuple(batch)}, got {tuple(own)}") from None
