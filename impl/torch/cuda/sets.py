"""Sets of tensors as tables on the device, for kernels that take all of a set at once."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["DTYPES", "Addresses", "Table", "addresses", "dense", "reals", "table"]

TABLES = 64  # sets whose tables are kept on the device
DTYPES = {torch.float32: tl.float32, torch.float64: tl.float64, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}


@dataclass(frozen=True)
class Table:
    """Arrays of one kind: lengths in real elements, the owner of each tile, the first tile of each array."""

    lengths: Tensor
    owners: Tensor
    firsts: Tensor
    tiles: int

    @property
    def arrays(self) -> tuple[Tensor, Tensor, Tensor, int]:
        """What launches take after the addresses."""
        return self.lengths, self.owners, self.firsts, self.tiles


@dataclass(frozen=True)
class Addresses:
    """Where the arrays lie, and whether all of them begin at multiples of 16 bytes."""

    table: Tensor
    aligned: bool


def reals(tensor: Tensor) -> int:
    return 2 * tensor.numel() if tensor.is_complex() else tensor.numel()


def dense(tensor: Tensor) -> Tensor:
    """Its memory in the order it lies, where that is without holes; a copy elsewhere."""
    if tensor.is_conj() or tensor.is_neg():
        return tensor.resolve_conj().resolve_neg().contiguous()
    if tensor.is_contiguous() or torch.ops.aten.is_non_overlapping_and_dense(tensor):
        return tensor
    return tensor.contiguous()


_read_by_graphs: list[Table] = []  # a replay reads the tables that its capture found: those stay


def table(lengths: tuple[int, ...], tile: int, device: torch.device) -> Table:
    """The table of arrays of these lengths, kept for the next call; a capture wants one that is there."""
    found = _table(lengths, tile, device)
    if _capturing(device):
        _read_by_graphs.append(found)
    return found


@functools.lru_cache(TABLES)
def _table(lengths: tuple[int, ...], tile: int, device: torch.device) -> Table:
    if _capturing(device):
        raise RuntimeError("CUDA graph: expected a call on tensors of these sizes before the capture, got none")
    tiles = [triton.cdiv(length, tile) for length in lengths]
    firsts = list(accumulate(tiles, initial=0))
    owners = torch.repeat_interleave(torch.arange(len(lengths), dtype=torch.int32), torch.tensor(tiles))
    return Table(_sent(lengths, device), owners.to(device), _sent(firsts, device), firsts[-1])


def addresses(tensors: Sequence[Tensor]) -> Addresses:
    """Tensors that stay where they are find their addresses on the device; others have theirs sent, unwaited."""
    device, pointers = tensors[0].device, tuple([tensor.data_ptr() for tensor in tensors])
    return _written(pointers, device) if _capturing(device) else _kept(pointers, device)


@functools.lru_cache(TABLES)
def _kept(pointers: tuple[int, ...], device: torch.device) -> Addresses:
    return Addresses(_sent(pointers, device), _aligned(pointers))


def _written(pointers: tuple[int, ...], device: torch.device) -> Addresses:
    """Addresses that a graph holds itself, as scalars of launches: memory of the host would change behind it."""
    written = torch.zeros(len(pointers), dtype=torch.int64, device=device)
    torch._foreach_add_(list(written.unbind()), list(pointers))
    return Addresses(written, _aligned(pointers))


def _aligned(pointers: tuple[int, ...]) -> bool:
    return all(pointer % 16 == 0 for pointer in pointers)


def _capturing(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _sent(values: Sequence[int], device: torch.device) -> Tensor:
    sent = torch.tensor(values, dtype=torch.int64)
    if device.type == "cuda":
        return sent.pin_memory().to(device, non_blocking=True)
    return sent.to(device)
