"""The tridiagonal row on CUDA: flat batches handed to the Triton kernels; gradients are holomorphic (bilinear)."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from impl.triton import tridiagonal as kernels
from impl.triton.tridiagonal import plan

__all__ = ["log_determinant", "log_determinant_vjp", "resolvent_diagonal", "resolvent_diagonal_vjp"]

_DTYPE = {torch.float32: tl.float32, torch.float64: tl.float64}


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

    def pointers(self) -> dict[str, Tensor]:
        names = ("main", "upper", "lower", "shift")
        return {name: _numbers(x) for name, x in zip(names, (*self.arrays, self.shift), strict=True)}

    def sizes(self) -> dict[str, int]:
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
            "MAIN_AT": self.alignment(main),
            "OFF_AT": min(self.alignment(upper), self.alignment(lower)),
            "EVEN": not self.plan.exact and self.length == self.plan.blocks * self.plan.block,
            "DTYPE": _DTYPE[self.internal],
            "CHAINS": self.plan.chains, "LANES": self.plan.lanes, "SITES": self.plan.sites,
            "num_warps": self.plan.warps,
        }  # fmt: skip

    def alignment(self, x: Tensor) -> int:
        """Where every row of x starts in a 16-byte vector, if that is its beginning, else -1; -2 in an exact plan."""
        if self.plan.exact:
            return -2
        return 0 if x.shape[0] == 1 or x.stride(0) * x.element_size() % 16 == 0 else -1

    def outline(self) -> dict:
        """What the kernels that write sites need beside `options`."""
        return {"ROUND": not self.plan.exact and self.length % 4 == 0, "CARRY": self.plan.blocks > 1}

    def scratch(self) -> Tensor:
        """Eight numbers for every segment of every lane."""
        lanes = self.grid[0] * self.plan.chains * self.plan.lanes
        return torch.empty(8 * self.plan.segments * lanes, dtype=self.internal, device=self.device)

    def planes(self, count: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.empty((count, self.cells), dtype=dtype or self.internal, device=self.device)

    def gradients(self) -> tuple[list[Tensor], list[Tensor]]:
        """Empty gradients of main, upper and lower, and the same as numbers."""
        gradients = [torch.empty(x.shape, dtype=x.dtype, device=self.device) for x in self.arrays]
        return gradients, [_numbers(x) for x in gradients]

    def returned(self, gradients: list[Tensor], upper: Tensor, lower: Tensor) -> list[Tensor]:
        """Gradients real for a real off-diagonal that was computed with as complex."""
        given = (gradients[0].is_complex(), upper.is_complex(), lower.is_complex())
        return [x if complex_input or not x.is_complex() else x.real.contiguous()
                for x, complex_input in zip(gradients, given, strict=True)]  # fmt: skip

    def shift_gradient(self, totals: Tensor) -> Tensor:
        parts = totals.view(2, self.batch, self.plan.blocks).sum(2).to(self.real_dtype)
        return torch.complex(parts[0], parts[1]) if self.shift.is_complex() else parts[0].contiguous()

    def _carries(self) -> tuple[Tensor, Tensor]:
        products, columns, rows = self.planes(8), self.planes(4), self.planes(4)
        kernels.block_product[self.grid](**self.pointers(), product_out=products, **self.sizes(), **self.options())
        kernels.block_states[(self.batch,)](
            products,
            self.batch,
            self.plan.blocks,
            columns,
            rows,
            DTYPE=_DTYPE[self.internal],
            **kernels.across(self.plan.blocks),
        )
        return columns, rows


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
    return (x.shape[0] - 1) * x.stride(0) + x.shape[1] if x.numel() else 0


def resolvent_diagonal(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """G (B, N), and nothing saved: the gradient computes the states anew, cheaper than reading them."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    result = torch.empty((system.batch, system.length), dtype=system.result_dtype, device=main.device)
    numbers = torch.view_as_real(result)
    kernels.resolvent_diagonal[system.grid](
        **system.pointers(), cotangent=numbers, column_carry=system.columns, row_carry=system.rows,
        scratch=system.scratch(), result=numbers, upper_gradient=numbers, lower_gradient=numbers,
        shift_gradient=numbers,
        **system.sizes(), cotangent_stride=0, cotangent_plane=0, result_plane=0, off_plane=0,
        RESULT="pairs", COTANGENT="none", **system.options(), **system.outline(),
    )  # fmt: skip
    return result, ()


def resolvent_diagonal_vjp(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, saved: tuple[Tensor, ...], cotangent: Tensor,
    internal: torch.dtype,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Σ_i g_i ∂G_ii for main, upper, lower (like them) and shift (B,); a lazily conjugated cotangent costs no copy."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    conjugate = cotangent.is_conj()
    cotangent = _wide(cotangent.conj() if conjugate else cotangent)
    gradients, numbers = system.gradients()
    totals = system.planes(2)
    scratch = system.scratch()
    rights = lefts = totals

    def launch(**flags: object) -> None:
        kernels.resolvent_diagonal_vjp[system.grid](
            **system.pointers(), cotangent=_numbers(cotangent), column_carry=system.columns, row_carry=system.rows,
            right_carry=rights, left_carry=lefts, scratch=scratch, main_gradient=numbers[0], upper_gradient=numbers[1],
            lower_gradient=numbers[2], shift_gradient=totals, map_out=maps, **system.sizes(),
            cotangent_stride=cotangent.stride(0), cotangent_total=_reach(cotangent), cotangent_plane=0,
            gradient_plane=0, off_plane=0, COTANGENT="pairs", COTANGENT_AT=system.alignment(cotangent),
            CONJUGATE=conjugate,
            **flags, **system.options(), **system.outline(),
        )  # fmt: skip

    maps = totals
    if system.plan.blocks > 1:
        maps, rights, lefts = system.planes(8), system.planes(2), system.planes(2)
        launch(MAP=True)
        kernels.block_inhomogeneities[(system.batch,)](
            maps,
            system.batch,
            system.plan.blocks,
            rights,
            lefts,
            DTYPE=_DTYPE[internal],
            **kernels.across(system.plan.blocks),
        )
    launch(MAP=False)
    return (*system.returned(gradients, upper, lower), system.shift_gradient(totals))


def log_determinant(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The sum of the principal logarithms of the pivots (B,), and nothing saved."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    growth = system.planes(1, torch.float64)
    turns = system.planes(1, torch.int32)
    ends = system.planes(4)
    kernels.log_determinant[system.grid](
        **system.pointers(),
        column_carry=system.columns,
        growth_out=growth,
        turns_out=turns,
        end_out=ends,
        **system.sizes(),
        CARRY=system.plan.blocks > 1,
        **system.options(),
    )
    by_block = (system.batch, system.plan.blocks)
    end = ends.view(4, *by_block)[:, :, -1].double()
    angle = torch.atan2(end[1], end[0]) + 2 * torch.pi * turns.view(by_block).sum(1).double()
    size = growth.view(by_block).sum(1) + torch.log(torch.hypot(end[0], end[1]) / end.abs().sum(0))
    return torch.complex(size, angle).to(system.result_dtype), ()


def log_determinant_vjp(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, saved: tuple[Tensor, ...], cotangent: Tensor,
    internal: torch.dtype,
) -> tuple[Tensor, ...]:  # fmt: skip
    """g ∂ log det for main, upper, lower (like them) and shift (B,): g times the resolvent on the three diagonals."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    cotangent = cotangent.resolve_conj()
    gradients, numbers = system.gradients()
    totals = system.planes(2)
    kernels.resolvent_diagonal[system.grid](
        **system.pointers(), cotangent=_numbers(cotangent), column_carry=system.columns, row_carry=system.rows,
        scratch=system.scratch(), result=numbers[0], upper_gradient=numbers[1], lower_gradient=numbers[2],
        shift_gradient=totals, **system.sizes(), cotangent_stride=cotangent.stride(0), cotangent_plane=0,
        result_plane=0, off_plane=0,
        RESULT=_kind(main), COTANGENT="pairs", **system.options(), **system.outline(),
    )  # fmt: skip
    return (*system.returned(gradients, upper, lower), system.shift_gradient(totals))
