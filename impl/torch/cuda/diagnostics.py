"""Magnitudes of sets on CUDA: tables of addresses, two kernels for the arrays of each dtype, no wait."""

import functools
from collections.abc import Sequence

import torch
import triton.language as tl
from torch import Tensor

from impl.torch.cuda import sets
from impl.triton import diagnostics as kernels

__all__ = ["magnitudes"]

TILE, PIECE = 2048, 32768
LANE = 4  # real elements that one lane adds up at a time
BLOCK = 1024  # pieces
WARPS = 4


def magnitudes(arrays: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """largest, mean, non-finite, rms, zeros of each array, the sizes in `dtype`."""
    dense = [sets.dense(array.detach()) for array in arrays]
    with torch.cuda.device_of(dense[0]):
        found = [_of_one_kind(dense, kind, dtype) for kind in dict.fromkeys(array.dtype for array in dense)]
    sizes, counts = (functools.reduce(torch.add, rows) for rows in zip(*found, strict=True))
    (largest, mean, rms), (nonfinite, zeros) = sizes.unbind(), counts.unbind()
    return largest, mean, nonfinite, rms, zeros


def _of_one_kind(arrays: list[Tensor], kind: torch.dtype, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Sizes (3, n) and counts (2, n), all 0 for arrays of another dtype."""
    device = arrays[0].device
    table = sets.table(tuple([sets.reals(x) if x.dtype == kind else 0 for x in arrays]), PIECE, device)
    addresses = sets.addresses(arrays)
    doubles = torch.empty((4, table.tiles), dtype=torch.float64, device=device)
    integers = torch.empty((2, table.tiles), dtype=torch.int64, device=device)
    element = sets.DTYPES[kind.to_real()]
    options = {"WIDE": element == tl.float64, "COMPLEX": kind.is_complex}
    lanes = TILE // LANE // (2 if kind.is_complex else 1)
    if table.tiles:
        kernels.measure[(table.tiles,)](
            addresses.table, *table.arrays, doubles, integers, DTYPE=element, TILE=TILE, PIECE=PIECE,
            ALIGNED=addresses.aligned, LANES=lanes, num_warps=WARPS, **options,
        )  # fmt: skip
    sizes = torch.empty((3, len(arrays)), dtype=dtype, device=device)
    counts = torch.empty((2, len(arrays)), dtype=torch.int64, device=device)
    kernels.gather[(len(arrays),)](
        table.lengths, table.firsts, table.tiles, len(arrays), doubles, integers, sizes, counts,
        BLOCK=BLOCK, num_warps=WARPS, **options,
    )  # fmt: skip
    return sizes, counts
