"""Triton kernel of the sums over all times behind the gradients of an S5 layer, whose states stay on chip.

States and their adjoints are found once more, from those that entered the slabs, which are all that is ever stored.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.s5_lanes import product
from impl.triton.s5_layer import SIZES
from impl.triton.s5_products import in_two, multiplied, parts_of
from impl.triton.s5_slabs import LANES, SLAB, STEPS, driven, known, out_of_lanes, places, tile_of, times_at
from impl.triton.s5_tiles import added, pair, rounded_power, states_of, store_pair

AHEAD = tl.constexpr(2)  # a piece of a matrix is on its way while one is multiplied by: registers are short


@triton.jit(do_not_specialize=SIZES)
def correlations(
    sequence, cotangent, into, decay, out_of, end, carries, adjoints,
    times, rows, tiles, shares, channels, states,
    on_matrices, on_decay, on_through,
    EXACT: tl.constexpr, WITH_U: tl.constexpr, WITH_Y: tl.constexpr,
    SLABS: tl.constexpr, STATES: tl.constexpr, WIDE: tl.constexpr, DEPTH: tl.constexpr, WINDOW: tl.constexpr,
    ALIGNED: tl.constexpr,
):  # fmt: skip
    """This program's share of the sums over rows and times behind the gradients of a layer, for a block of states.

    sequence: u. cotangent: ȳ. into, decay as in `response`; out_of here is what ȳ enters the adjoint by, laid out like
    into, and end what is added to it at the last time. carries and adjoints: what `response` left of u, with the
    initial state in the first slab, and of ȳ in REVERSE; a tile is one slab. With g the adjoint states and x the
    states, WITH_U: on_matrices[:, 0] = Σ g u, (shares, channels, states, re and im), and on_through = Σ ȳ u,
    (shares, channels); WITH_Y: on_matrices[:, 1] = Σ x ȳ and on_decay = Σ g_t conj(x_{t−1}), (shares, states).
    """
    channels, states = known(channels, ALIGNED), known(states, ALIGNED)
    share, first = tl.program_id(0) % shares, tl.program_id(0) // shares * STATES
    state, lane = first + tl.arange(0, STATES)[None, :], tl.arange(0, LANES)[:, None]
    inside, columns = state < states, rows * states
    parts = (states + 7) // 8 * 16
    fr, fi = pair(decay, state, inside)
    pr, pi = rounded_power(fr, fi, SLABS * STEPS)
    PIECES: tl.constexpr = WIDE // DEPTH
    with_u, with_y = _nothing(2 * STATES, DEPTH, PIECES), _nothing(2 * STATES, DEPTH, PIECES)
    lr, li = tl.zeros((LANES, STATES), tl.float32), tl.zeros((LANES, STATES), tl.float32)
    through = _nothing(1, DEPTH, PIECES)
    for number in range(share, tiles * rows, shares):
        row, tile = (number // tiles).to(tl.int64), number % tiles
        column = (row * states + state).to(tl.int32)
        at, left = tile * columns + column, times - tile * (SLABS * SLAB)
        ours = tile_of(sequence, row, tile, times, channels, SLABS * SLAB)
        back = tile_of(cotangent, row, tile, times, channels, SLABS * SLAB)
        dr, di = driven(back, left, out_of, first, parts, channels, EXACT, SLABS, STATES, WIDE, DEPTH, AHEAD)
        if tile == tiles - 1:
            er, ei = pair(end, column, inside)
            dr, di = added(dr, di, er, ei, left - 1, lane)
        gr, gi, br, bi = states_of(fr, -fi, pr, -pi, dr, di, adjoints, at, inside, True)
        if WITH_U:
            with_u = _correlated(gr, gi, ours, left, channels, with_u, EXACT, SLABS, STATES, DEPTH)
        if WITH_Y:
            dr, di = driven(ours, left, into, first, parts, channels, EXACT, SLABS, STATES, WIDE, DEPTH, AHEAD)
            xr, xi, br, bi = states_of(fr, fi, pr, pi, dr, di, carries, at, inside, False)
            lr, li = _correlated_with_former(gr, gi, (br,) + xr, (bi,) + xi, lr, li)
            with_y = _correlated(xr, xi, back, left, channels, with_y, EXACT, SLABS, STATES, DEPTH)
        if WITH_U and first == 0:
            through = _summed_products(ours, back, left, channels, through, SLABS, DEPTH)
    plane = 2 * channels * states
    whose, part = parts_of(2 * first + tl.arange(0, 2 * STATES)[:, None])
    for piece in tl.static_range(PIECES):
        channel = piece * DEPTH + tl.arange(0, DEPTH)[None, :]
        entry = share.to(tl.int64) * 2 * plane + (channel * states + whose) * 2 + part
        kept = (channel < channels) & (whose < states)
        if WITH_U:
            tl.store(on_matrices + entry, with_u[piece], mask=kept)
            here = channel < tl.where(first == 0, channels, 0)
            tl.store(on_through + share * channels + channel, through[piece], mask=here)
        if WITH_Y:
            tl.store(on_matrices + plane + entry, with_y[piece], mask=kept)
    if WITH_Y:
        lr, li = tl.sum(lr, 0)[None, :], tl.sum(li, 0)[None, :]
        store_pair(on_decay, share * states + state, lr, li, inside)


@triton.jit
def _correlated(xr, xi, tile, left, channels, totals, EXACT: tl.constexpr, SLABS: tl.constexpr, STATES: tl.constexpr,
                DEPTH: tl.constexpr):  # fmt: skip
    """totals + x u over a tile, DEPTH channels each; 11 bits hold u when EXACT."""
    for slab in tl.static_range(SLABS):
        xh, xl = in_two(out_of_lanes(xr, xi, slab, STATES, True), False)
        place, sums = places(slab * SLAB + tl.arange(0, SLAB)[:, None], SLABS, True), ()
        for piece in tl.static_range(len(totals)):
            channel = piece * DEPTH + tl.arange(0, DEPTH)[None, :]
            uh, ul = in_two(times_at(tile, place, left, channel, channels), EXACT)
            sums = sums + (totals[piece] + multiplied(xh, xl, uh, ul, EXACT),)
        totals = sums
    return totals


@triton.jit
def _correlated_with_former(gr, gi, xr, xi, lr, li):
    """l + Σ g conj(x) over what lanes hold: lists of steps, x having one more in front."""
    for k in tl.static_range(len(gr)):
        qr, qi = product(gr[k], gi[k], xr[k], -xi[k], False)
        lr += qr
        li += qi
    return lr, li


@triton.jit
def _nothing(ROWS: tl.constexpr, COLUMNS: tl.constexpr, PIECES: tl.constexpr):
    found = ()
    for _ in tl.static_range(PIECES):
        found = found + (tl.zeros((ROWS, COLUMNS), tl.float32),)
    return found


@triton.jit
def _summed_products(one, other, left, channels, totals, SLABS: tl.constexpr, DEPTH: tl.constexpr):
    """totals + Σ of the products of two sequences over a tile."""
    sums = ()
    for piece in tl.static_range(len(totals)):
        channel, total = piece * DEPTH + tl.arange(0, DEPTH)[None, :], totals[piece]
        for slab in tl.static_range(SLABS):
            place = places(slab * SLAB + tl.arange(0, SLAB)[:, None], SLABS, True)
            x = times_at(one, place, left, channel, channels) * times_at(other, place, left, channel, channels)
            total += tl.sum(x, 0)[None, :]
        sums = sums + (total,)
    return sums
