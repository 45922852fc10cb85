"""The tridiagonal row on CUDA: flat batches handed to the Triton kernels; gradients are holomorphic (bilinear)."""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from impl.triton import tridiagonal as kernels

__all__ = ["log_determinant", "log_determinant_vjp", "resolvent_diagonal", "resolvent_diagonal_vjp"]

_DTYPE = {torch.float32: tl.float32, torch.float64: tl.float64}


class Plan(NamedTuple):
    """How sites are dealt out: `lanes` lanes of segments·sites sites make a block, `chains` chains a program."""

    chains: int
    lanes: int
    segments: int
    sites: int
    blocks: int
    warps: int

    @property
    def block(self) -> int:
        return self.lanes * self.segments * self.sites


def plan(batch: int, length: int, sites: int) -> Plan:
    """Few long lanes make the scan between lanes cheap, many short ones fill the GPU.

    65536 lanes are 16 warps for each of 132 multiprocessors; past that, lanes grow to 64 sites. Blocks hold 64 lanes,
    two warps, because Triton's scan walks the warps of a block one by one; only a chain that fits one block of 256
    lanes, sparing it the two passes over blocks, gets those. Short chains share a program.
    """
    segments = min(max(_power_of_two_above(batch * length // (65536 * sites)), 16 // sites), 64 // sites)
    for lanes in (1, 8, 64, 256):
        if lanes * segments * sites >= length:
            return Plan(max(64 // lanes, 1), lanes, segments, sites, 1, max(lanes // 32, 2))
    return Plan(1, 64, segments, sites, -(-length // (64 * segments * sites)), 2)


def _power_of_two_above(count: int) -> int:
    return 1 << max(count - 1, 0).bit_length()


class _System:
    """The arrays of a flat problem as the kernels take them."""

    def __init__(self, main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype, sites: int):
        if upper.is_complex() != lower.is_complex():
            upper, lower = (x.to(main.dtype.to_complex()) for x in (upper, lower))
        self.arrays = [_wide(x) for x in (main, upper, lower)]
        self.shift = shift.resolve_conj()
        self.internal = internal
        self.batch, self.length = main.shape
        self.plan = plan(self.batch, self.length, sites)
        self.device = main.device
        self.result_dtype = main.dtype.to_complex()
        self.real_dtype = main.dtype.to_real()
        self.cells = self.batch * self.plan.blocks
        self.columns = self.rows = _numbers(self.shift)  # never read in a chain of one block
        if self.plan.blocks > 1:
            self.columns, self.rows = self._carries()

    @property
    def grid(self) -> tuple[int]:
        return (triton.cdiv(self.batch, self.plan.chains) * self.plan.blocks,)

    def pointers(self) -> list[Tensor]:
        return [_numbers(x) for x in (*self.arrays, self.shift)]

    def sizes(self) -> dict[str, int]:
        main, upper, lower = self.arrays
        names = ("main", "upper", "lower")
        return {
            "chains": self.batch, "n": self.length, "blocks": self.plan.blocks, "segments": self.plan.segments,
            **{f"{name}_stride": x.stride(0) for name, x in zip(names, self.arrays, strict=True)},
            "shift_stride": self.shift.stride(0),
            **{f"{name}_total": _reach(x) for name, x in zip(names, self.arrays, strict=True)},
            "main_plane": 0, "upper_plane": 0, "lower_plane": 0, "shift_plane": 0,
        }  # fmt: skip

    def options(self) -> dict:
        main, upper, lower = self.arrays
        width = torch.finfo(self.real_dtype).bits
        return {
            "MAIN": _kind(main), "OFF": _kind(upper), "SHIFT": _kind(self.shift), "BITS": width,
            "MAIN_AT": _alignment(main), "OFF_AT": min(_alignment(upper), _alignment(lower)),
            "EVEN": self.length == self.plan.blocks * self.plan.block, "DTYPE": _DTYPE[self.internal],
            "CHAINS": self.plan.chains, "LANES": self.plan.lanes, "SITES": self.plan.sites,
            "num_warps": self.plan.warps,
        }  # fmt: skip

    def outline(self) -> dict:
        """What the kernels that write sites need beside `options`."""
        return {"ROUND": self.length % 4 == 0, "CARRY": self.plan.blocks > 1}

    def scratch(self) -> Tensor:
        """Eight numbers for every segment of every lane."""
        lanes = self.grid[0] * self.plan.chains * self.plan.lanes
        return torch.empty(8 * self.plan.segments * lanes, dtype=self.internal, device=self.device)

    def planes(self, count: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.empty((count, self.cells), dtype=dtype or self.internal, device=self.device)

    def _carries(self) -> tuple[Tensor, Tensor]:
        products, columns, rows = self.planes(8), self.planes(4), self.planes(4)
        kernels.block_product[self.grid](*self.pointers(), products, **self.sizes(), **self.options())
        kernels.block_states[(self.batch,)](
            products, columns, rows, self.batch, self.plan.blocks, DTYPE=_DTYPE[self.internal], **_across(self.plan.blocks)
        )
        return columns, rows


def _across(blocks: int) -> dict[str, int]:
    lanes = 64 if blocks <= 64 else 1024
    return {"LANES": lanes, "num_warps": lanes // 32}


def _wide(x: Tensor) -> Tensor:
    """x with contiguous rows on a 16-byte boundary, as vector loads need; a copy only where it has none."""
    x = x.resolve_conj().resolve_neg()
    if x.shape[1] > 1 and x.stride(1) != 1:
        x = x.contiguous()
    return x if x.data_ptr() % 16 == 0 else x.clone(memory_format=torch.contiguous_format)


def _numbers(x: Tensor) -> Tensor:
    return torch.view_as_real(x) if x.is_complex() else x


def _kind(x: Tensor) -> str:
    return "pairs" if x.is_complex() else "real"


def _reach(x: Tensor) -> int:
    """Entries from the first to the last one of x in memory."""
    return max((x.shape[0] - 1) * x.stride(0) + x.shape[1], 0)


def _alignment(x: Tensor) -> int:
    """Where every row starts in a 16-byte vector, if that is its beginning, else -1."""
    return 0 if x.shape[0] == 1 or x.stride(0) * x.element_size() % 16 == 0 else -1


def resolvent_diagonal(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """G (B, N), and nothing saved: the gradient computes the states anew, cheaper than reading them."""
    system = _System(main, upper, lower, shift, internal, sites=8)
    result = torch.empty((system.batch, system.length), dtype=system.result_dtype, device=main.device)
    numbers = torch.view_as_real(result)
    kernels.resolvent_diagonal[system.grid](
        *system.pointers(), numbers, system.columns, system.rows, system.scratch(), numbers, numbers, numbers, numbers,
        **system.sizes(), cotangent_stride=0, cotangent_plane=0, result_plane=0, off_plane=0,
        RESULT="pairs", COTANGENT="none", **system.options(), **system.outline(),
    )  # fmt: skip
    return result, ()
