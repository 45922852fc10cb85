"""The full gradient of the diagonal of the resolvent, Σ_i g_i ∂G_ii, in two recursions along the chain.

With columns and rows of norm one, leaving site i scaled by c_i and k_i, and Δ_i = r_{i+1} M_i s_{i-1}, these are, free
of pivots,

    Λ_i = -g_i (x_{i+1}/Δ_i)² + lower_i c_i² Υ_{i+1},    Υ_i = upper_{i-1} Λ_i    (right to left),
    M_i = -g_i (p_{i-1}/Δ_i)² + upper_{i-1} k_i² V_{i-1},    V_i = lower_i M_i    (left to right),

and ∂main_i = p_{i-1}² Λ_i + x_{i+1}² upper_{i-1} k_i² V_{i-1}, ∂shift = -Σ ∂main.

In terms of Schur complements dL, dR and λ_i = p_{i-1}² Λ_i, μ_i = x_{i+1}² M_i they are the adjoints
λ_i = -g_i G_ii² + w_i/dL_i² λ_{i+1}, μ_i = -g_i G_ii² + w_{i-1}/dR_i² μ_{i-1} of the two eliminations.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.complex_pairs import minus, norm, plus, reciprocal, scaled, times, unit
from impl.triton.tridiagonal_blocks import carried, chain_end, emit
from impl.triton.tridiagonal_states import (
    column_step,
    entering,
    inner,
    lane_product,
    row_step,
    total,
)
from impl.triton.tridiagonal_tiles import (
    SIZES,
    chain_total,
    entries,
    lanes_of,
    of_chain,
    read_sites,
    write_gradients,
)


@triton.jit
def unit_rows(r, data, SITES: tl.constexpr):
    """The rows that enter the sites of a lane from the right, in the order of the sites, and the factors k_i."""
    rows, factors = (), ()
    for i in tl.static_range(SITES):
        rows = (r,) + rows
        r = row_step(r, data[SITES - 1 - i])
        k = 1.0 / norm(r)
        factors = (k,) + factors
        r = scaled(r, k)
    return rows, factors


@triton.jit
def left_behind(rows, data, factors, SITES: tl.constexpr):
    """-x_i of the row that leaves each site to the left, which is what enters the site before."""
    out = ()
    for j in tl.static_range(SITES):
        if j > 0:
            out = out + ((-rows[j - 1][0], -rows[j - 1][1]),)
        else:
            left = scaled(row_step(rows[0], data[0]), factors[0])
            out = out + ((-left[0], -left[1]),)
    return out


@triton.jit
def sources(s, rows, data, g, SITES: tl.constexpr):
    """From left to right: the columns that enter, the factors c_i, and both inhomogeneities of every site."""
    columns, factors, of_right, of_left = (), (), (), ()
    for j in tl.static_range(SITES):
        leaving = column_step(s, data[j])
        inverse = reciprocal(inner(rows[j], leaving))
        x = times((rows[j][0], rows[j][1]), inverse)
        p = times((s[0], s[1]), inverse)
        minus_g = (-g[j][0], -g[j][1])
        of_right = of_right + (times(minus_g, times(x, x)),)
        of_left = of_left + (times(minus_g, times(p, p)),)
        c = 1.0 / norm(leaving)
        columns, factors = columns + (s,), factors + (c,)
        s = scaled(leaving, c)
    return columns, factors, of_right, of_left


@triton.jit
def map_from_right(data, factors, of_right, SITES: tl.constexpr):
    """Υ at a lane's first site as an affine map of Υ beyond its last."""
    one = tl.zeros_like(factors[0]) + 1.0
    f = (one, one - one, one - one, one - one)
    for j in tl.static_range(SITES - 1, -1, -1):
        slope = times(data[j][1], scaled(data[j][2], factors[j] * factors[j]))
        f = times(slope, (f[0], f[1])) + plus(times(slope, (f[2], f[3])), times(data[j][1], of_right[j]))
    return f


@triton.jit
def map_from_left(data, factors, of_left, SITES: tl.constexpr):
    """V at a lane's last site as an affine map of V before its first."""
    one = tl.zeros_like(factors[0]) + 1.0
    f = (one, one - one, one - one, one - one)
    for j in tl.static_range(SITES):
        slope = times(data[j][2], scaled(data[j][1], factors[j] * factors[j]))
        f = times(slope, (f[0], f[1])) + plus(times(slope, (f[2], f[3])), times(data[j][2], of_left[j]))
    return f


@triton.jit
def from_left(V, data, rows, row_factors, before, of_left, SITES: tl.constexpr):
    """What the recursion from left to right gives to main_i, upper_{i-1} and lower_i. `before`: -x_i."""
    mains, uppers, lowers = (), (), ()
    for j in tl.static_range(SITES):
        x, y, k = (rows[j][0], rows[j][1]), (rows[j][2], rows[j][3]), row_factors[j]
        V = scaled(V, k)
        inflow = scaled(times(data[j][1], V), k)
        own = plus(of_left[j], inflow)
        mains = mains + (times(times(x, x), inflow),)
        uppers = uppers + (times(times(before[j], x), V),)
        lowers = lowers + (times(times(x, y), own),)
        V = times(data[j][2], own)
    return mains, uppers, lowers


@triton.jit
def from_right(U, data, columns, factors, of_right, partial, last, SITES: tl.constexpr):
    """The gradients, once what the recursion from right to left gives joins `partial`. `last`: the last p_i c_i."""
    mains, uppers, lowers = (), (), ()
    after_p = last
    for j in tl.static_range(SITES - 1, -1, -1):
        p, q, c = (columns[j][0], columns[j][1]), (columns[j][2], columns[j][3]), factors[j]
        U = scaled(U, c)
        lowers = (minus(partial[2][j], times(times(after_p, p), U)),) + lowers
        own = plus(of_right[j], scaled(times(data[j][2], U), c))
        mains = (plus(partial[0][j], times(times(p, p), own)),) + mains
        uppers = (minus(partial[1][j], times(times(p, q), own)),) + uppers
        U = times(data[j][1], own)
        after_p = p
    return mains, uppers, lowers


@triton.jit(do_not_specialize=SIZES)
def resolvent_diagonal_vjp(
    main, upper, lower, shift, column_carry, row_carry, cotangent, right_carry, left_carry,
    chains, n, blocks, main_stride, upper_stride, lower_stride, shift_stride, cotangent_stride,
    main_gradient, upper_gradient, lower_gradient, shift_gradient, map_out,
    MAIN: tl.constexpr, OFF: tl.constexpr, ALIGNED: tl.constexpr, CARRY: tl.constexpr,
    MAP: tl.constexpr, CHAINS: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """The gradient of every input. MAP: instead what each block does to Υ (four planes) and to V (four more)."""
    chain, alive, start, left, at, index, exists = lanes_of(chains, n, blocks, CHAINS, ROWS, LANES, SITES)
    cells = chains * blocks
    z = of_chain(shift, shift_stride, chain)
    data = read_sites(main, upper, lower, (main_stride, upper_stride, lower_stride), z, chain, start, left, at,
                      MAIN, OFF, SITES, ALIGNED)  # fmt: skip
    t = lane_product(data, SITES)
    s = unit(entering(t, chain_end(column_carry, index, cells, CARRY), ROWS, False))
    r = unit(entering(t, chain_end(row_carry, index, cells, CARRY), ROWS, True))
    g = entries(cotangent, chain * cotangent_stride + start, at, 0, left, "pairs", SITES,
                ALIGNED)  # fmt: skip
    rows, row_factors = unit_rows(r, data, SITES)
    columns, factors, of_right, of_left = sources(s, rows, data, g, SITES)
    f = map_from_right(data, factors, of_right, SITES)
    h = map_from_left(data, row_factors, of_left, SITES)
    if MAP:
        emit(map_out, index, cells, total(f, ROWS, True), exists)
        emit(map_out + 4 * cells, index, cells, total(h, ROWS, False), exists)
    else:
        o = tl.zeros((CHAINS, 1), r[0].dtype)
        U, V = (o, o), (o, o)
        if CARRY:
            U, V = carried(right_carry, index, cells, 2), carried(left_carry, index, cells, 2)
        U = entering(f, U, ROWS, True)
        V = entering(h, V, ROWS, False)
        before = left_behind(rows, data, row_factors, SITES)
        partial = from_left(V, data, rows, row_factors, before, of_left, SITES)
        last = scaled(column_step(columns[SITES - 1], data[SITES - 1]), factors[SITES - 1])
        mains, uppers, lowers = from_right(U, data, columns, factors, of_right, partial, (last[0], last[1]), SITES)
        sum_re, sum_im = tl.zeros_like(r[0]), tl.zeros_like(r[0])
        for j in tl.static_range(SITES):
            sum_re += mains[j][0]
            sum_im += mains[j][1]
        write_gradients((main_gradient, upper_gradient, lower_gradient), (mains, uppers, lowers), n, chain,
                        start, left, at, alive, MAIN, OFF, SITES, ALIGNED)  # fmt: skip
        tl.store(shift_gradient + index, -chain_total(sum_re, ROWS), mask=exists)
        tl.store(shift_gradient + cells + index, -chain_total(sum_im, ROWS), mask=exists)
