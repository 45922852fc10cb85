"""Chains of many blocks: what the blocks do to states and to adjoints, and what therefore enters each of them.

These kernels exchange planes of chains·blocks numbers: eight for a matrix, four for a state or an affine map.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.complex_pairs import unit
from impl.triton.tridiagonal_states import (
    entering,
    image,
    lane_product,
    matrix_times_column,
    row_times_matrix,
    total,
)
from impl.triton.tridiagonal_tiles import SIZES, lanes_of, of_chain, read_sites


@triton.jit
def carried(ptr, index, cells, COUNT: tl.constexpr):
    """COUNT planes of `cells` numbers each, at `index`."""
    out = ()
    for k in tl.static_range(COUNT):
        out = out + (tl.load(ptr + k * cells + index),)
    return out


@triton.jit
def emit(ptr, index, cells, v, inside):
    for k in tl.static_range(len(v)):
        tl.store(ptr + k * cells + index, v[k], mask=inside)


@triton.jit
def chain_end(ptr, index, cells, CARRY: tl.constexpr):
    """The state that enters a block, (CHAINS, 1): (1, 0), the end of the chain, or carried."""
    if CARRY:
        return carried(ptr, index, cells, 4)
    else:
        o = tl.zeros((index.shape[0], 1), ptr.dtype.element_ty)
        return (o + 1.0, o, o, o)


@triton.jit(do_not_specialize=SIZES)
def block_product(
    main, upper, lower, shift, chains, n, blocks, main_stride, upper_stride, lower_stride, shift_stride, product_out,
    MAIN: tl.constexpr, OFF: tl.constexpr, ALIGNED: tl.constexpr,
    CHAINS: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """The rescaled product of the M of every block."""
    chain, _, start, left, at, index, exists = lanes_of(chains, n, blocks, CHAINS, ROWS, LANES, SITES)
    z = of_chain(shift, shift_stride, chain)
    data = read_sites(main, upper, lower, (main_stride, upper_stride, lower_stride), z, chain, start, left, at,
                      MAIN, OFF, SITES, ALIGNED)  # fmt: skip
    emit(product_out, index, chains * blocks, total(lane_product(data, SITES), ROWS, False),
         exists)  # fmt: skip


@triton.jit
def blocks_of(turn, blocks, BACK: tl.constexpr, ROWS: tl.constexpr):
    """The blocks that a program takes at once: 32 a row."""
    if BACK:
        turn = tl.cdiv(blocks, ROWS * 32) - 1 - turn
    return (turn * ROWS + tl.arange(0, ROWS)[:, None]) * 32 + tl.arange(0, 32)[None, :]


@triton.jit
def read_maps(ptr, block, blocks, cells, COUNT: tl.constexpr):
    """COUNT planes at `block`; beyond the last block the identity, of matrices or of affine maps."""
    out = ()
    for k in tl.static_range(COUNT):
        neutral = 1.0 if k == 0 or k == 6 else 0.0
        out = out + (tl.load(ptr + k * cells + block, mask=block < blocks, other=neutral),)
    return out


@triton.jit(do_not_specialize=SIZES)
def block_states(product_in, chains, blocks, column_out, row_out, ROWS: tl.constexpr):
    """The states that enter every block of a chain from either side; one program a chain."""
    cells = chains * blocks
    base = tl.program_id(0).to(tl.int64) * blocks
    o = tl.zeros((1, 1), product_in.dtype.element_ty)
    s0, s1, s2, s3 = o + 1.0, o, o, o
    for i in range(tl.cdiv(blocks, ROWS * 32)):
        block = blocks_of(i, blocks, False, ROWS)
        t = read_maps(product_in + base, block, blocks, cells, 8)
        s = (s0, s1, s2, s3)
        emit(column_out + base, block, cells, unit(entering(t, s, ROWS, False)), block < blocks)
        s0, s1, s2, s3 = unit(matrix_times_column(total(t, ROWS, False), s))
    s0, s1, s2, s3 = o + 1.0, o, o, o
    for i in range(tl.cdiv(blocks, ROWS * 32)):
        block = blocks_of(i, blocks, True, ROWS)
        t = read_maps(product_in + base, block, blocks, cells, 8)
        s = (s0, s1, s2, s3)
        emit(row_out + base, block, cells, unit(entering(t, s, ROWS, True)), block < blocks)
        s0, s1, s2, s3 = unit(row_times_matrix(total(t, ROWS, True), s))


@triton.jit(do_not_specialize=SIZES)
def block_inflows(map_in, chains, blocks, right_out, left_out, ROWS: tl.constexpr):
    """What the adjoint recursions bring into every block: from the right (map planes 0-3), from the left (4-7)."""
    cells = chains * blocks
    base = tl.program_id(0).to(tl.int64) * blocks
    o = tl.zeros((1, 1), map_in.dtype.element_ty)
    v0, v1 = o, o
    for i in range(tl.cdiv(blocks, ROWS * 32)):
        block = blocks_of(i, blocks, True, ROWS)
        f = read_maps(map_in + base, block, blocks, cells, 4)
        emit(right_out + base, block, cells, entering(f, (v0, v1), ROWS, True), block < blocks)
        v0, v1 = image(total(f, ROWS, True), (v0, v1))
    v0, v1 = o, o
    for i in range(tl.cdiv(blocks, ROWS * 32)):
        block = blocks_of(i, blocks, False, ROWS)
        f = read_maps(map_in + base + 4 * cells, block, blocks, cells, 4)
        emit(left_out + base, block, cells, entering(f, (v0, v1), ROWS, False), block < blocks)
        v0, v1 = image(total(f, ROWS, False), (v0, v1))
