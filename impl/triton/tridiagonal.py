"""Triton kernels for the tridiagonal row, one source for PyTorch and JAX: the diagonal of the resolvent.

A lane multiplies the matrices of its sites, the lanes of a chain exchange what enters them from either side, and each
walks its sites again, all from registers: the arrays are read once.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.complex_pairs import reciprocal, rescaled, times, unit
from impl.triton.tridiagonal_blocks import chain_end
from impl.triton.tridiagonal_states import (
    column_step,
    entering,
    inner,
    lane_product,
    row_step,
)
from impl.triton.tridiagonal_tiles import SIZES, lanes_of, of_chain, read_sites, write


@triton.jit
def columns_through(s, data, SITES: tl.constexpr):
    """The columns that enter the sites of a lane and those that leave them, rescaled between every second site."""
    entered, left = (), ()
    for j in tl.static_range(SITES):
        entered = entered + (s,)
        s = column_step(s, data[j])
        left = left + (s,)
        if j % 2 == 1:
            s = rescaled(s)
    return entered, left


@triton.jit(do_not_specialize=SIZES)
def resolvent_diagonal(
    main, upper, lower, shift, column_carry, row_carry,
    chains, n, blocks, main_stride, upper_stride, lower_stride, shift_stride,
    result,
    MAIN: tl.constexpr, OFF: tl.constexpr, ALIGNED: tl.constexpr, CARRY: tl.constexpr,
    CHAINS: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """G of every site. CARRY: column_carry and row_carry hold the states that enter each block."""
    chain, alive, start, left, at, index, _ = lanes_of(chains, n, blocks, CHAINS, ROWS, LANES, SITES)
    z = of_chain(shift, shift_stride, chain)
    data = read_sites(main, upper, lower, (main_stride, upper_stride, lower_stride), z, chain, start, left, at,
                      MAIN, OFF, SITES, ALIGNED)  # fmt: skip
    t = lane_product(data, SITES)
    s = entering(t, chain_end(column_carry, index, chains * blocks, CARRY), ROWS, False)
    r = unit(entering(t, chain_end(row_carry, index, chains * blocks, CARRY), ROWS, True))
    entered, leaving = columns_through(unit(s), data, SITES)
    found = ()
    for j in tl.static_range(SITES - 1, -1, -1):
        p = (entered[j][0], entered[j][1])
        found = (times(times(p, (r[0], r[1])), reciprocal(inner(r, leaving[j]))),) + found
        r = row_step(r, data[j])
        if j % 2 == 0:
            r = rescaled(r)
    write(result, chain * n + start, at, found, 0, left, alive, "pairs", SITES, ALIGNED)
