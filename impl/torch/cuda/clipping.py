"""The clipping of gradient sets on CUDA: tables of addresses, three kernels, no wait."""

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import triton
import triton.language as tl
from torch import Tensor

from impl.triton import clipping as kernels

__all__ = ["clip_in_place", "sanitized_and_clipped"]

TILE = 4096
PROGRAMS = 1024  # a fixed number, so that sums do not depend on the device
TABLES = 64  # sets whose tables are kept on the device
_DTYPES = {torch.float32: tl.float32, torch.float64: tl.float64, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}


@dataclass(frozen=True)
class _Table:
    """Arrays of one kind: lengths in real elements, the owner of each tile, the first tile of each array."""

    lengths: Tensor
    owners: Tensor
    firsts: Tensor
    tiles: int

    @property
    def programs(self) -> int:
        return min(self.tiles, PROGRAMS)


def sanitized_and_clipped(bound: float, gradients: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """(clipped …, ‖g‖, factor, nans, infs), the results new and contiguous."""
    given = [g.resolve_conj().resolve_neg().contiguous() for g in gradients]
    clipped = [torch.empty_like(g) for g in given]
    return *clipped, *_run(bound, given, clipped)


def clip_in_place(bound: float, gradients: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """(‖g‖, factor, nans, infs); the gradients are changed where there is something to change."""
    dense = [_dense(g) for g in gradients]
    found = _run(bound, dense, dense)
    for gradient, copy in zip(gradients, dense, strict=True):
        if copy.data_ptr() != gradient.data_ptr():
            gradient.copy_(copy)
    return found


def _dense(gradient: Tensor) -> Tensor:
    """Its memory in the order it lies, where that is without holes; a copy elsewhere."""
    if gradient.is_conj() or gradient.is_neg():
        return gradient.resolve_conj().resolve_neg().contiguous()
    if torch.ops.aten.is_non_overlapping_and_dense(gradient):
        return gradient
    return gradient.contiguous()


def _run(bound: float, sources: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[Tensor, ...]:
    device = sources[0].device
    kinds = list(dict.fromkeys(g.dtype for g in sources if g.numel()))
    parts = [[place for place, g in enumerate(sources) if g.dtype == kind and g.numel()] for kind in kinds]
    tables = [_table(tuple(_reals(sources[i]) for i in places), device) for places in parts]
    reads = [_addresses(tuple(sources[i].data_ptr() for i in places), device) for places in parts]
    shares = sum(table.programs for table in tables)
    doubles, integers = ([torch.empty(max(shares, 1), dtype=kind, device=device) for _ in range(2)]
                         for kind in (torch.float64, torch.int64))  # fmt: skip
    starts = list(accumulate((table.programs for table in tables), initial=0))
    options = [_options(k, [x[i] for x in (sources, targets) for i in p]) for k, p in zip(kinds, parts, strict=True)]
    for table, read, chosen, start in zip(tables, reads, options, starts, strict=False):
        kernels.measure[(table.programs,)](
            read, table.lengths, table.owners, table.firsts, table.tiles,
            *doubles, *integers, start, WIDE=chosen["DTYPE"] == tl.float64, num_warps=8, **chosen,
        )  # fmt: skip
    numbers = torch.empty(4, dtype=torch.float64, device=device)
    counts = torch.empty(2, dtype=torch.int64, device=device)
    bits = struct.unpack("<q", struct.pack("<d", bound))[0]
    kernels.decide[(1,)](*doubles, *integers, shares, bits, numbers, counts, BLOCK=PROGRAMS, num_warps=8)
    in_place = all(s is t for s, t in zip(sources, targets, strict=True))
    for table, read, chosen, places in zip(tables, reads, options, parts, strict=True):
        write = read if in_place else _addresses(tuple(targets[i].data_ptr() for i in places), device)
        kernels.apply[(table.programs,)](
            read, write, table.lengths, table.owners, table.firsts, table.tiles, numbers, counts,
            IN_PLACE=in_place, num_warps=8, **chosen,
        )  # fmt: skip
    return numbers[0], numbers[1], counts[0], counts[1]


def _reals(gradient: Tensor) -> int:
    return gradient.numel() * (2 if gradient.is_complex() else 1)


def _options(kind: torch.dtype, arrays: Sequence[Tensor]) -> dict:
    real = kind.to_real() if kind.is_complex else kind
    return {
        "DTYPE": _DTYPES[real],
        "COMPLEX": kind.is_complex,
        "TILE": TILE,
        "ALIGNED": all(array.data_ptr() % 16 == 0 for array in arrays),
    }


@functools.lru_cache(TABLES)
def _table(lengths: tuple[int, ...], device: torch.device) -> _Table:
    tiles = [triton.cdiv(length, TILE) for length in lengths]
    firsts = list(accumulate(tiles, initial=0))
    owners = torch.repeat_interleave(torch.arange(len(lengths), dtype=torch.int32), torch.tensor(tiles))
    return _Table(_sent(lengths, device), owners.to(device), _sent(firsts, device), firsts[-1])


@functools.lru_cache(TABLES)
def _addresses(pointers: tuple[int, ...], device: torch.device) -> Tensor:
    """Gradients that stay where they are find their table on the device; others have theirs sent, unwaited."""
    return _sent(pointers, device)


def _sent(values: Sequence[int], device: torch.device) -> Tensor:
    table = torch.tensor(values, dtype=torch.int64)
    if device.type == "cuda":
        return table.pin_memory().to(device, non_blocking=True)
    return table.to(device)
