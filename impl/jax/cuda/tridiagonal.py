"""The tridiagonal row on CUDA through jax-triton: flat batches, holomorphic (bilinear) gradients."""

import jax
import jax.numpy as jnp
import triton
from jax import Array

from impl.jax.cuda.calls import triton_call
from impl.triton import tridiagonal as resolvent
from impl.triton import tridiagonal_adjoint as adjoint
from impl.triton import tridiagonal_blocks as between
from impl.triton import tridiagonal_determinant as determinant
from impl.triton.tridiagonal_tiles import Plan, plan, rows_of_blocks

__all__ = ["log_determinant", "log_determinant_vjp", "resolvent_diagonal", "resolvent_diagonal_vjp"]

SITES = {"float32": 16, "float64": 8}  # what a lane's registers hold of the arrays
SITES_OF_GRADIENT = {"float32": 8, "float64": 8}


class _System:
    """The arrays of a flat problem as the kernels take them, in the precision to compute in."""

    def __init__(self, arrays: tuple[Array, ...], internal: jnp.dtype, sites: dict[str, int]):
        self.given = arrays
        self.internal = jnp.dtype(internal)
        self.complex = jnp.result_type(self.internal, jnp.complex64)
        self.batch, self.length = arrays[0].shape
        self.plan: Plan = plan(self.batch, self.length, sites[self.internal.name])
        bonds = any(map(jnp.iscomplexobj, arrays[1:3])) or self.plan.small
        self.kinds = (jnp.iscomplexobj(arrays[0]) or self.plan.small, bonds, bonds, True)
        self.arrays = [self.numbers(x, kind) for x, kind in zip(arrays, self.kinds, strict=True)]
        self.columns = self.rows = self.arrays[3]  # never read in a chain of one block
        if self.plan.blocks > 1:
            self.columns, self.rows = self._carries()

    def numbers(self, x: Array, complex_array: bool) -> Array:
        """x as the kernels read it; one number for an empty array, which they do not read."""
        if x.size == 0:
            x = jnp.zeros(1, self.internal)
        return x.astype(self.complex if complex_array else self.internal)

    def call(self, kernel: triton.JITFunction, *arrays: Array, out: list, cotangent: bool = False, **flags: bool):
        """`kernel` on the system, `arrays` and the sizes, for the arrays of `out`."""
        off = self.length - 1
        sizes = (self.batch, self.length, self.plan.blocks, self.length, off, off, 1)
        last = () if not cotangent else (self.length if kernel is adjoint.resolvent_diagonal_vjp else 1,)
        return triton_call(
            *self.arrays, *arrays, *sizes, *last, kernel=kernel, out_shape=out, grid=self.grid,
            MAIN=_kind(self.kinds[0]), OFF=_kind(self.kinds[1]),
            ALIGNED=not self.plan.small and self.length % 4 == 0, **flags, **self.plan.options,
        )  # fmt: skip

    def between(self, kernel: triton.JITFunction, maps: Array, planes: int) -> list[Array]:
        """`kernel` on what the blocks of a chain do, for two arrays of `planes`: what enters them from either side."""
        return triton_call(
            maps, self.batch, self.plan.blocks, kernel=kernel, out_shape=[self.space(planes), self.space(planes)],
            grid=self.batch, **rows_of_blocks(self.plan.blocks),
        )  # fmt: skip

    @property
    def grid(self) -> int:
        return triton.cdiv(self.batch, self.plan.chains) * self.plan.blocks

    @property
    def carry(self) -> bool:
        return self.plan.blocks > 1

    def space(self, count: int, dtype: jnp.dtype | None = None) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((count, self.batch * self.plan.blocks), dtype or self.internal)

    def gradients(self) -> list[jax.ShapeDtypeStruct]:
        return [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self.arrays[:3]]

    def returned(self, gradients: list[Array], totals: Array) -> tuple[Array, ...]:
        """Gradients as the given arrays: real for real ones, in their precision."""
        shift = totals.reshape(2, self.batch, self.plan.blocks).sum(2)
        found = []
        for x, y in zip((*gradients, jax.lax.complex(*shift)), self.given, strict=True):
            alike = x if jnp.iscomplexobj(y) else jnp.real(x)
            found.append(alike.astype(y.dtype).reshape(y.shape) if y.size else jnp.zeros_like(y))
        return tuple(found)

    def _carries(self) -> list[Array]:
        (products,) = self.call(between.block_product, out=[self.space(8)])
        return self.between(between.block_states, products, 4)


def _kind(complex_array: bool) -> str:
    return "pairs" if complex_array else "real"


def resolvent_diagonal(
    main: Array, upper: Array, lower: Array, shift: Array, internal: jnp.dtype
) -> tuple[Array, tuple[Array, ...]]:
    """G (B, N), and nothing saved: the gradient computes the states anew, cheaper than reading them."""
    system = _System((main, upper, lower, shift), internal, SITES)
    (result,) = system.call(
        resolvent.resolvent_diagonal, system.columns, system.rows, CARRY=system.carry,
        out=[jax.ShapeDtypeStruct(main.shape, system.complex)],
    )  # fmt: skip
    return result.astype(jnp.result_type(main.dtype, jnp.complex64)), ()


def resolvent_diagonal_vjp(
    main: Array, upper: Array, lower: Array, shift: Array, saved: tuple[Array, ...], cotangent: Array,
    internal: jnp.dtype,
) -> tuple[Array, ...]:  # fmt: skip
    """Σ_i g_i ∂G_ii for main, upper, lower and shift (B,), like them."""
    system = _System((main, upper, lower, shift), internal, SITES_OF_GRADIENT)
    g = system.numbers(cotangent, True)

    def launch(rights: Array, lefts: Array, only_maps: bool) -> list[Array]:
        return system.call(
            adjoint.resolvent_diagonal_vjp, system.columns, system.rows, g, rights, lefts, cotangent=True,
            out=[*system.gradients(), system.space(2), system.space(8)], CARRY=system.carry, MAP=only_maps,
        )  # fmt: skip

    rights = lefts = system.columns  # never read in a chain of one block
    if system.carry:
        maps = launch(rights, lefts, True)[-1]
        rights, lefts = system.between(between.block_inflows, maps, 2)
    *gradients, totals, _ = launch(rights, lefts, False)
    return system.returned(gradients, totals)


def log_determinant(
    main: Array, upper: Array, lower: Array, shift: Array, internal: jnp.dtype
) -> tuple[Array, tuple[Array, ...]]:
    """The sum of the principal logarithms of the pivots (B,), and nothing saved."""
    system = _System((main, upper, lower, shift), internal, SITES_OF_GRADIENT)
    growth, turns, ends = system.call(
        determinant.log_determinant, system.columns, CARRY=system.carry,
        out=[system.space(1), system.space(1, jnp.dtype("int32")), system.space(4)],
    )  # fmt: skip
    by_block = (system.batch, system.plan.blocks)
    end = ends.reshape(4, *by_block)[:, :, -1]
    angle = jnp.arctan2(end[1], end[0]) + 2 * jnp.pi * turns.reshape(by_block).sum(1)
    size = growth.reshape(by_block).sum(1) + jnp.log(jnp.hypot(end[0], end[1]) / jnp.abs(end).sum(0))
    return jax.lax.complex(size, angle.astype(size.dtype)).astype(jnp.result_type(main.dtype, jnp.complex64)), ()


def log_determinant_vjp(
    main: Array, upper: Array, lower: Array, shift: Array, saved: tuple[Array, ...], cotangent: Array,
    internal: jnp.dtype,
) -> tuple[Array, ...]:  # fmt: skip
    """g ∂ log det for main, upper, lower and shift (B,), like them: g times the resolvent on the three diagonals."""
    system = _System((main, upper, lower, shift), internal, SITES_OF_GRADIENT)
    *gradients, totals = system.call(
        determinant.log_determinant_vjp, system.columns, system.rows, system.numbers(cotangent, True),
        cotangent=True, out=[*system.gradients(), system.space(2)], CARRY=system.carry,
    )  # fmt: skip
    return system.returned(gradients, totals)
