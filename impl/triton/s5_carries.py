"""What enters each lane of a scan: the scan of maps x → a x + b within a tile, and the look-back over earlier tiles.

Tiles of one chain meet in `slots`, zero at first: slot i holds what tile i − 1 adds, its decays' product a and its end
from zero b, and in every WINDOW-th slot the true state, on which a tile need not look back further. The order of all
operations is fixed by the sizes, so that a repeated call gives the same bits. A slot's word is the complement of the
number's bits: zero while nothing is there, and never zero afterwards, so that the word is its own flag.
"""

import triton
import triton.language as tl

from impl.triton.s5_lanes import places, power, product, read, step, write


@triton.jit
def scaled(ar, ai, xr, xi, REAL: tl.constexpr):
    """a x; a product of many decays may be infinite, and nothing times that is nothing."""
    at_rest = (xr == 0) if REAL else (xr == 0) & (xi == 0)
    yr, yi = product(ar, ai, xr, xi, REAL)
    return tl.where(at_rest, 0.0, yr), tl.where(at_rest, 0.0, yi)


@triton.jit
def then_real(a, x, b, y):
    """x → a x + …, then x → b x + y."""
    return b * a, tl.where(x == 0, 0.0, b * x) + y


@triton.jit
def then_complex(ar, ai, xr, xi, br, bi, yr, yi):
    pr, pi = product(br, bi, ar, ai, False)
    mr, mi = scaled(br, bi, xr, xi, False)
    return pr, pi, mr + yr, mi + yi


@triton.jit
def composed(ar, ai, xr, xi, REAL: tl.constexpr):
    """Every map with all before it on its axis of chunks."""
    if REAL:
        a, x = tl.associative_scan((ar, xr), 0, then_real)
        return a, a, x, x
    else:
        return tl.associative_scan((ar, ai, xr, xi), 0, then_complex)


@triton.jit
def last(x, chunk, CHUNKS: tl.constexpr):
    return tl.sum(tl.where(chunk == CHUNKS - 1, x, 0.0), 0)[None, :]


@triton.jit
def put(slots, index, x, inside, DTYPE: tl.constexpr):
    WORD: tl.constexpr = tl.int64 if DTYPE.primitive_bitwidth == 64 else tl.int32
    word = ~x.to(WORD, bitcast=True)
    tl.atomic_xchg(slots + index, tl.where(word == 0, 1, word), mask=inside, sem="relaxed")


@triton.jit
def publish(slots, index, part, ar, ai, xr, xi, inside, REAL: tl.constexpr, VARYING: tl.constexpr,
            DTYPE: tl.constexpr):  # fmt: skip
    """Put a map, of which a constant decay needs b alone, into slots whose parts are `part` words apart."""
    put(slots, index, xr, inside, DTYPE)
    if not REAL:
        put(slots, part + index, xi, inside, DTYPE)
    if VARYING:
        put(slots, 2 * part + index, ar, inside, DTYPE)
        if not REAL:
            put(slots, 3 * part + index, ai, inside, DTYPE)


@triton.jit
def peek(slots, index, wanted):
    return tl.load(slots + index, mask=wanted, other=1, volatile=True)


@triton.jit
def nothing(word):
    return tl.max((word == 0).to(tl.int32)) > 0


@triton.jit
def number(word, wanted, DTYPE: tl.constexpr):
    return tl.where(wanted, (~word).to(DTYPE, bitcast=True), 0.0)


@triton.jit
def awaited(slots, index, part, wanted, REAL: tl.constexpr, DTYPE: tl.constexpr):
    """One part or two, once they are there."""
    re = peek(slots, index, wanted)
    if REAL:
        while nothing(re):
            re = peek(slots, index, wanted)
        return number(re, wanted, DTYPE), number(re, wanted, DTYPE)
    else:
        im = peek(slots, part + index, wanted)
        while nothing(tl.where(re == 0, re, im)):
            re = peek(slots, index, wanted)
            im = peek(slots, part + index, wanted)
        return number(re, wanted, DTYPE), number(im, wanted, DTYPE)


@triton.jit
def looked_back(slots, part, tile, ir, ii, fr, fi, column, columns, REAL: tl.constexpr, VARYING: tl.constexpr,
                DTYPE: tl.constexpr, WINDOW: tl.constexpr):  # fmt: skip
    """The state that enters this tile, (1, COLUMNS): its window of slots, scanned like the chunks of a tile.

    ir, ii: the initial state, in slot 0; fr, fi: the decay of a whole tile, unless that is in the slots.
    """
    place = tl.arange(0, WINDOW)[:, None]
    slot = tile // WINDOW * WINDOW + place
    wanted = (slot > 0) & (slot <= tile) & (column < columns)
    xr, xi = awaited(slots, slot * columns + column, part, wanted, REAL, DTYPE)
    if VARYING:
        fr, fi = awaited(slots, 2 * part + slot * columns + column, part, wanted, REAL, DTYPE)
    later = slot > tile  # these change nothing
    ar, ai = tl.where(later, 1.0, fr), tl.where(later, 0.0, fi)
    _, _, xr, xi = composed(ar, ai, tl.where(slot == 0, ir, xr), tl.where(slot == 0, ii, xi), REAL)
    return last(xr, place, WINDOW), last(xi, place, WINDOW)


@triton.jit
def leaving(ar, ai, xr, xi, ir, ii, fr, fi, slots, tile, tiles, chunk, column, columns, REAL: tl.constexpr,
            VARYING: tl.constexpr, DTYPE: tl.constexpr, CHUNKS: tl.constexpr, WINDOW: tl.constexpr):  # fmt: skip
    """The state that enters the tile, (1, COLUMNS), and those that leave its lanes, (CHUNKS, COLUMNS).

    ar, ai: the product of each lane's decays; xr, xi: its end from zero; ir, ii and fr, fi as in `looked_back`.
    """
    ar, ai, xr, xi = composed(ar, ai, xr, xi, REAL)
    er, ei = last(xr, chunk, CHUNKS), last(xi, chunk, CHUNKS)
    if VARYING:
        fr, fi = last(ar, chunk, CHUNKS), last(ai, chunk, CHUNKS)
    following, inside = tile + 1, column < columns
    part, index = tiles * columns, following * columns + column
    if (following < tiles) & (following % WINDOW > 0):
        publish(slots, index, part, fr, fi, er, ei, inside, REAL, VARYING, DTYPE)
    ir, ii = looked_back(slots, part, tile, ir, ii, fr, fi, column, columns, REAL, VARYING, DTYPE, WINDOW)
    if (following < tiles) & (following % WINDOW == 0):  # the true state; its map's product is not used
        sr, si = scaled(fr, fi, ir, ii, REAL)
        publish(slots, index, part, fr, fi, sr + er, si + ei, inside, REAL, VARYING, DTYPE)
    sr, si = scaled(ar, ai, ir, ii, REAL)
    return ir, ii, sr + xr, si + xi


@triton.jit
def before(f, d, wide, wide_i, ir, ii, slots, result, entry, stride, tile, tiles, left, chunk, column,
           columns, KIND: tl.constexpr, VARYING: tl.constexpr, DTYPE: tl.constexpr,
           STEPS: tl.constexpr, CHUNKS: tl.constexpr, COLUMNS: tl.constexpr, WINDOW: tl.constexpr):  # fmt: skip
    """The state before each lane's first position. wide: a constant decay in double; entry: the lane's in `result`,
    where `left` positions are left."""
    if CHUNKS == 1:
        return ir, ii
    else:
        REAL: tl.constexpr = KIND == "real"
        xr = tl.zeros((CHUNKS, COLUMNS), DTYPE)
        xi, pr, pi, ar, ai = xr, xr + 1, xr, ir, ii
        for k in tl.static_range(STEPS):
            xr, xi = step(f, d, k, xr, xi, VARYING, REAL)
            if VARYING:
                pr, pi = product(f[2 * k], f[2 * k + 1], pr, pi, REAL)
        if not VARYING:
            wide, wide_i = power(wide, wide_i, STEPS, REAL)
            pr, pi = pi + wide.to(DTYPE), pi + wide_i.to(DTYPE)
            wide, wide_i = power(wide, wide_i, CHUNKS, REAL)
            ar, ai = wide.to(DTYPE), wide_i.to(DTYPE)
        ir, ii, xr, xi = leaving(pr, pi, xr, xi, ir, ii, ar, ai, slots, tile, tiles, chunk, column, columns, REAL,
                                 VARYING, DTYPE, CHUNKS, WINDOW)  # fmt: skip
        # Lanes hand on what leaves them through the result, where it is the state at the end of their chunk.
        inside = (left >= STEPS) & (chunk + 1 < CHUNKS)
        write(places(result, entry, KIND), (STEPS - 1) * stride, xr, xi, inside, KIND)
        tl.debug_barrier()
        inside = (left > 0) & (chunk > 0)
        xr, xi = read(places(result, entry, KIND), -stride, inside, KIND, DTYPE)
        tl.debug_barrier()  # before anyone writes there again
        return tl.where(chunk == 0, ir, xr), tl.where(chunk == 0, ii, xi)
