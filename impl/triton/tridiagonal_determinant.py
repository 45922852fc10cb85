"""log det of tridiagonal matrices and its gradient, the resolvent on the three diagonals."""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.complex_pairs import binary_exponent, norm, power_of_two, reciprocal, rescaled, scaled, times, unit
from impl.triton.tridiagonal import columns_through
from impl.triton.tridiagonal_blocks import chain_end
from impl.triton.tridiagonal_states import (
    column_step,
    entering,
    inner,
    lane_product,
    row_step,
)
from impl.triton.tridiagonal_tiles import SIZES, chain_total, lanes_of, of_chain, read_sites, write_gradients


@triton.jit
def turn(a, b):
    """(arg a + arg(b/a) - arg b) / 2π for principal arguments: 1, 0 or -1.

    Going counter-clockwise the cut is crossed from above to below, clockwise from below to above; the negative real
    axis belongs to the upper side, so that half a turn from it to the positive one crosses too.
    """
    cross = a[0] * b[1] - a[1] * b[0]
    half_turn = (a[1] == 0) & (b[1] == 0) & (a[0] < 0) & (b[0] > 0)
    forward = ((cross > 0) & (a[1] >= 0) & (b[1] < 0)) | half_turn
    backward = (cross < 0) & (a[1] < 0) & (b[1] >= 0)
    return forward.to(tl.int32) - backward.to(tl.int32)


@triton.jit(do_not_specialize=SIZES)
def log_determinant(
    main, upper, lower, shift, column_carry,
    chains, n, blocks, main_stride, upper_stride, lower_stride, shift_stride,
    growth_out, turns_out, end_out,
    MAIN: tl.constexpr, OFF: tl.constexpr, ALIGNED: tl.constexpr, CARRY: tl.constexpr,
    CHAINS: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """Per block: log of the growth of the column's norm, turns of its phase past ±π, and the column that leaves it.

    log p_{N-1} is the sum of the growths, plus the logarithm of the last column's p over its norm; the principal
    logarithms of the pivots p_i / p_{i-1} sum to it plus 2πi a turn. growth (chains·blocks) in float64, turns in int32,
    end: four planes.
    """
    chain, _, start, left, at, index, exists = lanes_of(chains, n, blocks, CHAINS, ROWS, LANES, SITES)
    z = of_chain(shift, shift_stride, chain)
    data = read_sites(main, upper, lower, (main_stride, upper_stride, lower_stride), z, chain, start, left, at,
                      MAIN, OFF, SITES, ALIGNED)  # fmt: skip
    t = lane_product(data, SITES)
    s = unit(entering(t, chain_end(column_carry, index, chains * blocks, CARRY), ROWS, False))
    entered = norm(s)
    exponent = tl.zeros(at.shape, tl.int32)
    turns = exponent
    for j in tl.static_range(SITES):
        inside = at + j < left
        moved = column_step(s, data[j])
        turns += tl.where(inside, turn((s[0], s[1]), (moved[0], moved[1])), 0)
        s = (tl.where(inside, moved[0], s[0]), tl.where(inside, moved[1], s[1]),
             tl.where(inside, moved[2], s[2]), tl.where(inside, moved[3], s[3]))  # fmt: skip
        if j % 2 == 1:
            size = norm(s)
            exponent += binary_exponent(size)
            s = scaled(s, power_of_two(size))
    ratio = (norm(s) / entered).to(tl.float64)
    growth = tl.log(ratio) + exponent.to(tl.float64) * tl.full((1, 1), 0.6931471805599453, tl.float64)  # ln 2
    tl.store(growth_out + index, chain_total(growth, ROWS), mask=exists)
    tl.store(turns_out + index, chain_total(turns, ROWS), mask=exists)
    last = tl.minimum(left, ROWS * LANES * SITES) - 1
    holder = (at <= last) & (last < at + SITES)
    for k in tl.static_range(4):
        end = chain_total(tl.where(holder, s[k], 0.0), ROWS)
        tl.store(end_out + k * (chains * blocks) + index, end, mask=exists)


@triton.jit(do_not_specialize=SIZES)
def log_determinant_vjp(
    main, upper, lower, shift, column_carry, row_carry, cotangent,
    chains, n, blocks, main_stride, upper_stride, lower_stride, shift_stride, cotangent_stride,
    main_gradient, upper_gradient, lower_gradient, shift_gradient,
    MAIN: tl.constexpr, OFF: tl.constexpr, ALIGNED: tl.constexpr, CARRY: tl.constexpr,
    CHAINS: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """The gradient of log det: the cotangent of each chain times the resolvent on the three diagonals."""
    chain, alive, start, left, at, index, exists = lanes_of(chains, n, blocks, CHAINS, ROWS, LANES, SITES)
    z = of_chain(shift, shift_stride, chain)
    g = of_chain(cotangent, cotangent_stride, chain)
    data = read_sites(main, upper, lower, (main_stride, upper_stride, lower_stride), z, chain, start, left, at,
                      MAIN, OFF, SITES, ALIGNED)  # fmt: skip
    t = lane_product(data, SITES)
    s = entering(t, chain_end(column_carry, index, chains * blocks, CARRY), ROWS, False)
    r = unit(entering(t, chain_end(row_carry, index, chains * blocks, CARRY), ROWS, True))
    entered, leaving = columns_through(unit(s), data, SITES)
    mains, uppers, lowers = (), (), ()
    sum_re, sum_im = tl.zeros_like(r[0]), tl.zeros_like(r[0])
    for j in tl.static_range(SITES - 1, -1, -1):
        p, q, x, y = (entered[j][0], entered[j][1]), (entered[j][2], entered[j][3]), (r[0], r[1]), (r[2], r[3])
        c = times(g, reciprocal(inner(r, leaving[j])))
        own = times(times(p, x), c)
        mains = (own,) + mains
        lowers = (times(times(y, p), c),) + lowers
        uppers = (times(times((-x[0], -x[1]), q), c),) + uppers
        sum_re += tl.where(at + j < left, own[0], 0.0)
        sum_im += tl.where(at + j < left, own[1], 0.0)
        r = row_step(r, data[j])
        if j % 2 == 0:
            r = rescaled(r)
    write_gradients((main_gradient, upper_gradient, lower_gradient), (mains, uppers, lowers), n, chain, start,
                    left, at, alive, MAIN, OFF, SITES, ALIGNED)  # fmt: skip
    tl.store(shift_gradient + index, -chain_total(sum_re, ROWS), mask=exists)
    tl.store(shift_gradient + chains * blocks + index, -chain_total(sum_im, ROWS), mask=exists)
