"""The tridiagonal row on CUDA: flat batches handed to the Triton kernels; gradients are holomorphic (bilinear)."""

import torch
import triton
from torch import Tensor

from impl.triton import tridiagonal as resolvent
from impl.triton import tridiagonal_adjoint as adjoint
from impl.triton import tridiagonal_blocks as between
from impl.triton import tridiagonal_determinant as determinant
from impl.triton.tridiagonal_tiles import Plan, plan, registers, rows_of_blocks

__all__ = ["log_determinant", "log_determinant_vjp", "resolvent_diagonal", "resolvent_diagonal_vjp"]

VECTOR = 16  # bytes
SITES = {torch.float32: 16, torch.float64: 8}  # what a lane's registers hold of the arrays
SITES_OF_GRADIENT = {torch.float32: 8, torch.float64: 8}


class _System:
    """The arrays of a flat problem as the kernels take them, in the precision to compute in."""

    def __init__(self, arrays: tuple[Tensor, ...], internal: torch.dtype, sites: dict[torch.dtype, int]):
        self.given = arrays
        self.internal, self.complex = internal, internal.to_complex()
        self.batch, self.length = arrays[0].shape
        self.plan: Plan = plan(self.batch, self.length, sites[internal])
        bonds = any(x.is_complex() for x in arrays[1:3]) or self.plan.small
        kinds = (arrays[0].is_complex() or self.plan.small, bonds, bonds, True)
        self.arrays = [_wide(x.to(self.complex if kind else internal)) for x, kind in zip(arrays, kinds, strict=True)]
        self.cells = self.batch * self.plan.blocks
        self.columns = self.rows = _numbers(self.arrays[3])  # never read in a chain of one block
        if self.plan.blocks > 1:
            self.columns, self.rows = self._carries()

    @property
    def grid(self) -> tuple[int]:
        return (triton.cdiv(self.batch, self.plan.chains) * self.plan.blocks,)

    def cotangent(self, x: Tensor) -> Tensor:
        return _wide(x.to(self.complex))

    def inputs(self) -> dict:
        names = ("main", "upper", "lower", "shift")
        pointers = {name: _numbers(x) for name, x in zip(names, self.arrays, strict=True)}
        strides = {f"{name}_stride": x.stride(0) for name, x in zip(names, self.arrays, strict=True)}
        return {**pointers, **strides, "chains": self.batch, "n": self.length, "blocks": self.plan.blocks}

    def carries(self) -> dict:
        return {"column_carry": self.columns, "row_carry": self.rows, "CARRY": self.plan.blocks > 1}

    def options(self, *rows: Tensor) -> dict:
        """What the kernels are compiled for. Main and the `rows` that go with it may all be aligned."""
        main, upper, _, _ = self.arrays
        return {
            "MAIN": _kind(main), "OFF": _kind(upper),
            "ALIGNED": not self.plan.small and self.length % 4 == 0 and all(map(_aligned, (main, *rows))),
            **self.plan.options, **registers(self.plan.options["num_warps"]),
        }  # fmt: skip

    def planes(self, count: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.empty((count, self.cells), dtype=dtype or self.internal, device=self.arrays[0].device)

    def gradients(self) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Empty gradients of main, upper and lower, and the same as the kernels' arguments."""
        gradients = [torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in self.arrays[:3]]
        names = ("main_gradient", "upper_gradient", "lower_gradient")
        return gradients, {name: _numbers(x) for name, x in zip(names, gradients, strict=True)}

    def returned(self, gradients: list[Tensor], totals: Tensor) -> tuple[Tensor, ...]:
        """Gradients as the given arrays: real for real ones, in their precision."""
        shift = torch.complex(*totals.view(2, self.batch, self.plan.blocks).sum(2))
        found = zip((*gradients, shift), self.given, strict=True)
        return tuple((x if y.is_complex() or not x.is_complex() else x.real).to(y.dtype) for x, y in found)

    def _carries(self) -> tuple[Tensor, Tensor]:
        products, columns, rows = self.planes(8), self.planes(4), self.planes(4)
        between.block_product[self.grid](**self.inputs(), product_out=products, **self.options())
        between.block_states[(self.batch,)](
            products, self.batch, self.plan.blocks, columns, rows, **_across(self.plan.blocks)
        )
        return columns, rows


def _across(blocks: int) -> dict[str, int]:
    rows = rows_of_blocks(blocks)
    return {**rows, **registers(rows["num_warps"])}


def _wide(x: Tensor) -> Tensor:
    """x with contiguous rows on a 16-byte boundary, as vector loads need; a copy only where it has none."""
    x = x.resolve_conj().resolve_neg()
    if x.ndim > 1 and x.shape[1] > 1 and x.stride(1) != 1:
        x = x.contiguous()
    return x if x.data_ptr() % VECTOR == 0 else x.clone(memory_format=torch.contiguous_format)


def _aligned(x: Tensor) -> bool:
    return x.shape[0] == 1 or x.stride(0) * x.element_size() % VECTOR == 0


def _numbers(x: Tensor) -> Tensor:
    return torch.view_as_real(x) if x.is_complex() else x


def _kind(x: Tensor) -> str:
    return "pairs" if x.is_complex() else "real"


def resolvent_diagonal(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """G (B, N), and nothing saved: the gradient computes the states anew, cheaper than reading them."""
    with torch.cuda.device_of(main):
        system = _System((main, upper, lower, shift), internal, SITES)
        result = torch.empty((system.batch, system.length), dtype=system.complex, device=main.device)
        resolvent.resolvent_diagonal[system.grid](
            **system.inputs(), **system.carries(), result=_numbers(result), **system.options()
        )
    return result.to(main.dtype.to_complex()), ()


def resolvent_diagonal_vjp(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, saved: tuple[Tensor, ...], cotangent: Tensor,
    internal: torch.dtype,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Σ_i g_i ∂G_ii for main, upper, lower and shift (B,), like them."""
    with torch.cuda.device_of(main):
        system = _System((main, upper, lower, shift), internal, SITES_OF_GRADIENT)
        g = system.cotangent(cotangent)
        gradients, outputs = system.gradients()
        totals = system.planes(2)

        def launch(maps: Tensor, rights: Tensor, lefts: Tensor, only_maps: bool) -> None:
            adjoint.resolvent_diagonal_vjp[system.grid](
                **system.inputs(), **system.carries(), cotangent=_numbers(g), cotangent_stride=g.stride(0),
                right_carry=rights, left_carry=lefts, **outputs, shift_gradient=totals, map_out=maps, MAP=only_maps,
                **system.options(g),
            )  # fmt: skip

        maps = rights = lefts = totals  # never read in a chain of one block
        if system.plan.blocks > 1:
            maps, rights, lefts = system.planes(8), system.planes(2), system.planes(2)
            launch(maps, rights, lefts, True)
            between.block_inflows[(system.batch,)](
                maps, system.batch, system.plan.blocks, rights, lefts, **_across(system.plan.blocks)
            )
        launch(maps, rights, lefts, False)
        return system.returned(gradients, totals)


def log_determinant(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The sum of the principal logarithms of the pivots (B,), and nothing saved."""
    with torch.cuda.device_of(main):
        system = _System((main, upper, lower, shift), internal, SITES_OF_GRADIENT)
        growth, turns, ends = system.planes(1, torch.float64), system.planes(1, torch.int32), system.planes(4)
        carries = system.carries()
        determinant.log_determinant[system.grid](
            **system.inputs(), column_carry=carries["column_carry"], CARRY=carries["CARRY"], growth_out=growth,
            turns_out=turns, end_out=ends, **system.options(),
        )  # fmt: skip
        by_block = (system.batch, system.plan.blocks)
        end = ends.view(4, *by_block)[:, :, -1].double()
        angle = torch.atan2(end[1], end[0]) + 2 * torch.pi * turns.view(by_block).sum(1).double()
        size = growth.view(by_block).sum(1) + torch.log(torch.hypot(end[0], end[1]) / end.abs().sum(0))
        return torch.complex(size, angle).to(main.dtype.to_complex()), ()


def log_determinant_vjp(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, saved: tuple[Tensor, ...], cotangent: Tensor,
    internal: torch.dtype,
) -> tuple[Tensor, ...]:  # fmt: skip
    """g ∂ log det for main, upper, lower and shift (B,), like them: g times the resolvent on the three diagonals."""
    with torch.cuda.device_of(main):
        system = _System((main, upper, lower, shift), internal, SITES_OF_GRADIENT)
        g = system.cotangent(cotangent)
        gradients, outputs = system.gradients()
        totals = system.planes(2)
        determinant.log_determinant_vjp[system.grid](
            **system.inputs(), **system.carries(), cotangent=_numbers(g), cotangent_stride=g.stride(0), **outputs,
            shift_gradient=totals, **system.options(),
        )  # fmt: skip
        return system.returned(gradients, totals)
