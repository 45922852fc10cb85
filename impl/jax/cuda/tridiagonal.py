"""The tridiagonal row on CUDA through jax-triton: flat batches, holomorphic (bilinear) gradients.

jax-triton knows no complex buffers, so complex arrays travel as two planes, (2, …); XLA splits and joins them.
"""

import jax
import jax.numpy as jnp
import jax_triton
import triton
import triton.language as tl
from jax import Array

from impl.triton import tridiagonal as kernels
from impl.triton.tridiagonal import plan

__all__ = ["log_determinant", "log_determinant_vjp", "resolvent_diagonal", "resolvent_diagonal_vjp"]


class _System:
    """The arrays of a flat problem as the kernels take them."""

    def __init__(self, main: Array, upper: Array, lower: Array, shift: Array, internal: jnp.dtype, sites: int):
        self.given = (main, upper, lower, shift)
        self.real = jnp.finfo(main.dtype).dtype
        self.internal = jnp.dtype(internal)
        if jnp.iscomplexobj(upper) != jnp.iscomplexobj(lower):
            upper, lower = (x.astype(jnp.result_type(x.dtype, jnp.complex64)) for x in (upper, lower))
        self.arrays = (main, upper, lower, shift)
        self.batch, self.length = main.shape
        self.plan = plan(self.batch, self.length, sites)
        self.columns = self.rows = self.planes[0]  # never read in a chain of one block
        if self.plan.blocks > 1:
            self.columns, self.rows = self._carries()

    @property
    def planes(self) -> list[Array]:
        # A chain of one site has no off-diagonals; main stands for them, and no entry of it is read.
        return [_planes(x if x.size else self.arrays[0].real) for x in self.arrays]

    @property
    def grid(self) -> int:
        return triton.cdiv(self.batch, self.plan.chains) * self.plan.blocks

    @property
    def cells(self) -> int:
        return self.batch * self.plan.blocks

    def sizes(self) -> tuple[int, ...]:
        """chains, n, blocks, segments; strides; totals; plane distances: the order of the kernels."""
        off = self.batch * (self.length - 1)
        strides = (self.length, self.length - 1, self.length - 1, 1)
        planes = (self.batch * self.length, off, off, self.batch)
        return (self.batch, self.length, self.plan.blocks, self.plan.segments, *strides, *planes[:3], *planes)

    def options(self) -> dict:
        width = jnp.finfo(self.real).bits
        entries = 128 // width
        return {
            "MAIN": _kind(self.arrays[0]), "OFF": _kind(self.arrays[1]), "SHIFT": _kind(self.arrays[3]), "BITS": width,
            "MAIN_AT": self._alignment(self.length, entries),
            "OFF_AT": self._alignment(self.length - 1, entries),
            "EVEN": not self.plan.exact and self.length == self.plan.blocks * self.plan.block,
            "DTYPE": _dtype(self.internal),
            "CHAINS": self.plan.chains, "LANES": self.plan.lanes, "SITES": self.plan.sites,
            "num_warps": self.plan.warps,
        }  # fmt: skip

    def outline(self) -> dict:
        return {"ROUND": not self.plan.exact and self.length % 4 == 0, "CARRY": self.plan.blocks > 1}

    def cotangent_at(self) -> int:
        return self.options()["MAIN_AT"]

    def scratch(self) -> jax.ShapeDtypeStruct:
        lanes = self.grid * self.plan.chains * self.plan.lanes
        return jax.ShapeDtypeStruct((8 * self.plan.segments * lanes,), self.internal)

    def space(self, count: int, dtype: jnp.dtype | None = None) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((count, self.cells), dtype or self.internal)

    def gradients(self) -> list[jax.ShapeDtypeStruct]:
        return [_space(x.shape, jnp.iscomplexobj(x), self.real) for x in self.arrays[:3]]

    def returned(self, gradients: list[Array], totals: Array) -> tuple[Array, ...]:
        found = [_joined(x, jnp.iscomplexobj(y)) for x, y in zip(gradients, self.arrays, strict=False)]
        found = [x.reshape(y.shape) if y.size else jnp.zeros_like(y) for x, y in zip(found, self.given, strict=False)]
        parts = totals.reshape(2, self.batch, self.plan.blocks).sum(2).astype(self.real)
        found.append(jax.lax.complex(parts[0], parts[1]))
        return tuple(x if jnp.iscomplexobj(y) else jnp.real(x) for x, y in zip(found, self.given, strict=True))

    def _alignment(self, row: int, entries: int) -> int:
        """0 where every row starts a 16-byte vector, else -1; -2 in an exact plan."""
        if self.plan.exact:
            return -2
        return 0 if self.batch == 1 or row % entries == 0 else -1

    def _carries(self) -> list[Array]:
        products = jax_triton.triton_call(
            *self.planes, *self.sizes(), kernel=kernels.block_product, out_shape=self.space(8), grid=self.grid,
            **self.options(),
        )  # fmt: skip
        return jax_triton.triton_call(
            products, self.batch, self.plan.blocks, kernel=kernels.block_states,
            out_shape=[self.space(4), self.space(4)], grid=self.batch, DTYPE=_dtype(self.internal),
            **kernels.across(self.plan.blocks),
        )  # fmt: skip


def _planes(x: Array) -> Array:
    return jnp.stack([x.real, x.imag]) if jnp.iscomplexobj(x) else x


def _joined(x: Array, complex_array: bool) -> Array:
    return jax.lax.complex(x[0], x[1]) if complex_array else x


def _kind(x: Array) -> str:
    return "planes" if jnp.iscomplexobj(x) else "real"


def _dtype(dtype: jnp.dtype) -> tl.dtype:
    return tl.float64 if dtype == jnp.float64 else tl.float32


def _space(shape: tuple[int, ...], complex_array: bool, dtype: jnp.dtype) -> jax.ShapeDtypeStruct:
    shape = tuple(max(size, 1) for size in shape)  # no buffer of a kernel is empty
    return jax.ShapeDtypeStruct((2, *shape) if complex_array else shape, dtype)


def resolvent_diagonal(
    main: Array, upper: Array, lower: Array, shift: Array, internal: jnp.dtype
) -> tuple[Array, tuple[Array, ...]]:
    """G (B, N), and nothing saved: the gradient computes the states anew, cheaper than reading them."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    nothing = jax.ShapeDtypeStruct((1,), system.real)
    _, result, *_ = jax_triton.triton_call(
        *system.planes, system.planes[0], system.columns, system.rows, *system.sizes(), 0, 0,
        system.batch * system.length, 0,
        kernel=kernels.resolvent_diagonal, grid=system.grid,
        out_shape=[system.scratch(), _space(main.shape, True, system.real), nothing, nothing, nothing],
        RESULT="planes", COTANGENT="none", **system.options(), **system.outline(),
    )  # fmt: skip
    return _joined(result, True), ()


def resolvent_diagonal_vjp(
    main: Array, upper: Array, lower: Array, shift: Array, saved: tuple[Array, ...], cotangent: Array,
    internal: jnp.dtype,
) -> tuple[Array, ...]:  # fmt: skip
    """Σ_i g_i ∂G_ii for main, upper, lower (like them) and shift (B,)."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    sites, off = system.batch * system.length, system.batch * (system.length - 1)
    space = [system.scratch(), *system.gradients(), system.space(2)]

    def launch(rights: Array, lefts: Array, maps: bool) -> list[Array]:
        return jax_triton.triton_call(
            *system.planes, _planes(cotangent), system.columns, system.rows, rights, lefts, *system.sizes(),
            system.length, sites, sites, sites, off,
            kernel=kernels.resolvent_diagonal_vjp, grid=system.grid, out_shape=[*space, system.space(8)],
            COTANGENT="planes", COTANGENT_AT=system.cotangent_at(), CONJUGATE=False, MAP=maps,
            **system.options(), **system.outline(),
        )  # fmt: skip

    rights = lefts = system.columns
    if system.plan.blocks > 1:
        maps = launch(rights, lefts, True)[-1]
        rights, lefts = jax_triton.triton_call(
            maps, system.batch, system.plan.blocks, kernel=kernels.block_inhomogeneities,
            out_shape=[system.space(2), system.space(2)], grid=system.batch, DTYPE=_dtype(system.internal),
            **kernels.across(system.plan.blocks),
        )  # fmt: skip
    _, *gradients, totals, _ = launch(rights, lefts, False)
    return system.returned(gradients, totals)


def log_determinant(
    main: Array, upper: Array, lower: Array, shift: Array, internal: jnp.dtype
) -> tuple[Array, tuple[Array, ...]]:
    """The sum of the principal logarithms of the pivots (B,), and nothing saved."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    growth, turns, ends = jax_triton.triton_call(
        *system.planes, system.columns, *system.sizes(), kernel=kernels.log_determinant, grid=system.grid,
        out_shape=[system.space(1), system.space(1, jnp.dtype("int32")), system.space(4)],
        CARRY=system.plan.blocks > 1, **system.options(),
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
    """g ∂ log det for main, upper, lower (like them) and shift (B,): g times the resolvent on the three diagonals."""
    system = _System(main, upper, lower, shift, internal, sites=4)
    off = system.batch * (system.length - 1)
    _, *gradients, totals = jax_triton.triton_call(
        *system.planes, _planes(cotangent), system.columns, system.rows, *system.sizes(), 1, system.batch,
        system.batch * system.length, off, kernel=kernels.resolvent_diagonal, grid=system.grid,
        out_shape=[system.scratch(), *system.gradients(), system.space(2)],
        RESULT=_kind(main), COTANGENT="planes", **system.options(), **system.outline(),
    )  # fmt: skip
    return system.returned(gradients, totals)
