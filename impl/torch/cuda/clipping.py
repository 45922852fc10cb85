"""The clipping of gradient sets on CUDA: tables of addresses, two kernels, no wait."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import triton.language as tl
from torch import Tensor

from impl.torch.cuda import sets
from impl.triton import clipping as kernels

__all__ = ["clip_in_place", "sanitized_and_clipped"]

TILE = 2048
PROGRAMS = 512  # a fixed number, so that sums do not depend on the device; an H100 holds them all at once
LANE = 4  # elements that one lane adds up at a time
SHARES = 512  # that are added up at a time
WARPS = 4
HOPPER = (9, 0)  # the first compute capability with programmatic dependent launches


def sanitized_and_clipped(bound: float, gradients: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """(clipped …, ‖g‖, factor, nans, infs), the results new and contiguous, ‖g‖ and factor in double."""
    given = [g.resolve_conj().resolve_neg().contiguous() for g in gradients]
    clipped = [torch.empty_like(g) for g in given]
    with torch.cuda.device_of(given[0]):
        return *clipped, *_run(bound, given, clipped, torch.float64)


def clip_in_place(bound: float, gradients: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """(‖g‖, factor, nans, infs), the first two in `dtype`; the gradients are changed where there is something to
    change."""
    dense = [sets.dense(g) for g in gradients]
    with torch.cuda.device_of(dense[0]):
        found = _run(bound, dense, dense, dtype)
    for gradient, copy in zip(gradients, dense, strict=True):
        if copy is not gradient:
            gradient.copy_(copy)
    return found


@dataclass(frozen=True)
class _Kind:
    """The arrays of one dtype among sources and targets, as launches want them."""

    table: sets.Table
    read: sets.Addresses
    write: sets.Addresses
    dtype: torch.dtype

    @property
    def programs(self) -> int:
        return min(self.table.tiles, PROGRAMS)

    @property
    def wide(self) -> bool:
        return sets.DTYPES[self.dtype.to_real()] == tl.float64

    @property
    def options(self) -> dict:
        return {
            "DTYPE": sets.DTYPES[self.dtype.to_real()],
            "COMPLEX": self.dtype.is_complex,
            "TILE": TILE,
            "ALIGNED": self.read.aligned and self.write.aligned,
            "num_warps": WARPS,
        }


def _kinds(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> list[_Kind]:
    parts: dict[torch.dtype, list[int]] = {}
    for place, source in enumerate(sources):
        if source.numel():
            parts.setdefault(source.dtype, []).append(place)
    found = []
    for dtype, places in parts.items():
        chosen = [sources[place] for place in places]
        table = sets.table(tuple([sets.reals(x) for x in chosen]), TILE, chosen[0].device)
        read = sets.addresses(chosen)
        write = read if targets is sources else sets.addresses([targets[place] for place in places])
        found.append(_Kind(table, read, write, dtype))
    return found


def _run(bound: float, sources: Sequence[Tensor], targets: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    device, kinds = sources[0].device, _kinds(sources, targets)
    shares = sum(kind.programs for kind in kinds)
    if not shares:
        nothing = torch.zeros((), dtype=torch.int64, device=device)
        return nothing.to(dtype), nothing.to(dtype) + 1, nothing, nothing
    doubles = torch.empty((2, shares), dtype=torch.float64, device=device)
    integers = torch.empty((2, shares), dtype=torch.int64, device=device)
    overlap = device.type == "cuda" and torch.cuda.get_device_capability(device) >= HOPPER
    start = 0
    for kind in kinds:
        kernels.measure[(kind.programs,)](
            kind.read.table, *kind.table.arrays, doubles, integers, shares, start,
            WIDE=kind.wide, LANES=TILE // LANE, OVERLAP=overlap, **kind.options,
        )  # fmt: skip
        start += kind.programs
    numbers = torch.empty(2, dtype=dtype, device=device)
    counts = torch.empty(2, dtype=torch.int64, device=device)
    bits = struct.unpack("<q", struct.pack("<d", bound))[0]
    for kind in kinds:
        kernels.apply[(kind.programs,)](
            kind.read.table, kind.write.table, *kind.table.arrays, doubles, integers, shares, bits, numbers, counts,
            IN_PLACE=targets is sources, SCALED=any(k.wide for k in kinds), BLOCK=SHARES,
            OVERLAP=overlap, **kind.options, **({"launch_pdl": True} if overlap else {}),
        )  # fmt: skip
    return *numbers.unbind(), *counts.unbind()
