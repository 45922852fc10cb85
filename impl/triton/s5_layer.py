"""Triton kernels of a whole S5 layer whose states stay on chip: one source for PyTorch and JAX.

u → B̄ u → x_t = λ x_{t−1} + B̄ u_t → Re(C x) + D u, a tile of times a program: two products, between them a scan along
the tile and a look-back over earlier tiles. The adjoint runs through the same kernel, from the last time back and with
the matrices exchanged. The gradients of the matrices need the states again, and a pass of their own: it finds them from
the states that entered the tiles, which are all that is ever stored.

Complex arrays are pairs (re, im); sequences (rows, times, channels) hold any float of up to 32 bits,
all else is float32.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from impl.triton.s5_carries import last, looked_back, publish, scaled, then_complex
from impl.triton.s5_lanes import advanced, power, product

STEPS = tl.constexpr(16)  # times that a lane holds
WIDEST = 128  # channels that a tile holds on chip
PROGRAMS = 264  # that sum gradients at a time: two for each multiprocessor of the largest devices


class Plan(NamedTuple):
    """Tiles of CHUNKS lanes × STATES, channels padded to WIDE, DEPTH at a time; a tile looks back over WINDOW others.

    ALIGNED: channels and states are multiples of 16.
    """

    CHUNKS: int
    STATES: int
    WIDE: int
    DEPTH: int
    WINDOW: int
    num_warps: int
    num_stages: int
    ALIGNED: bool
    maxnreg: int | None

    def tiles(self, times: int) -> int:
        """Those of a row; the time after the last one has a tile, too: what enters there is the final state."""
        return times // (self.CHUNKS * STEPS.value) + 1

    def slots(self, times: int, columns: int) -> int:
        return 2 * self.tiles(times) * columns

    def blocks(self, states: int) -> int:
        return -(-states // self.STATES)

    def shares(self, tiles: int, states: int) -> int:
        """Among how many programs the tiles of all rows are dealt for each block of states."""
        return min(tiles, max(PROGRAMS // self.blocks(states), 1))


ENTRIES = 256  # of a table, that a program writes


def blocks_of_table(channels: int, states: int) -> int:
    return -(-2 * channels * states // ENTRIES)


def plan(channels: int, states: int, *, gradient: bool) -> Plan:
    """Four lanes of 16 times. With few channels more programs fit on a multiprocessor than registers would let."""
    wide, across = (max(triton.next_power_of_2(size), 16) for size in (channels, states))
    small = wide <= 64 and not gradient
    stages, aligned = 2 if wide > 64 and not gradient else 1, channels % 16 == states % 16 == 0
    return Plan(4, min(across, 32), wide, min(wide, 32), 16, 4, stages, aligned, 168 if small else None)


SIZES = ["times", "rows", "tiles", "shares", "channels", "states"]  # one compiled kernel serves them all


@triton.jit
def _known(size, ALIGNED: tl.constexpr):
    """The size, of which the compiler then knows that it is a multiple of 16: numbers are loaded four at a time."""
    return size // 16 * 16 if ALIGNED else size


@triton.jit
def _rounded(x):
    """To the 11 bits of tf32."""
    return ((x.to(tl.int32, bitcast=True) + 0x1000) & -0x2000).to(tl.float32, bitcast=True)


@triton.jit
def _multiplied(a, high, low, total, EXACT: tl.constexpr):
    """total + a b in single precision, b being high + low of 11 bits each; a has no more than that when EXACT.

    Tensor cores truncate what they accumulate, 8 numbers at a time: the total is added where sums are rounded.
    """
    if EXACT:
        own = tl.dot(a, low, input_precision="tf32")
    else:
        whole = _rounded(a)
        own = tl.dot(whole, low, input_precision="tf32")
        own = tl.dot(_rounded(a - whole), high, own, input_precision="tf32")
        a = whole
    return total + tl.dot(a, high, own, input_precision="tf32")


@triton.jit(do_not_specialize=["state_stride", "channel_stride", "real", "imaginary", "channels", "states"])
def table(source, result, state_stride, channel_stride, real, imaginary, channels, states,
          BY_STATE: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """A complex matrix as `response` multiplies by it: its parts times `real` and `imaginary`, each as the sum of two
    numbers of 11 bits, (2, states, re and im, channels) if BY_STATE, else (2, channels, re and im, states)."""
    size = 2 * channels * states
    entry = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if BY_STATE:
        state, part, channel = entry // (2 * channels), entry // channels % 2, entry % channels
    else:
        state, part, channel = entry % states, entry // states % 2, entry // (2 * states)
    place = source + 2 * (state * state_stride + channel * channel_stride) + part
    x = tl.load(place, mask=entry < size, other=0.0) * tl.where(part == 0, real, imaginary)
    high = _rounded(x)
    tl.store(result + entry, high, mask=entry < size)
    tl.store(result + size + entry, _rounded(x - high), mask=entry < size)


@triton.jit
def _table(ptr, row, column, rows, columns):
    """Part of a (rows, columns) matrix, transposed, as the two planes that it is the sum of."""
    inside, index = (row < rows) & (column < columns), row * columns + column
    high = tl.load(ptr + index, mask=inside, other=0.0)
    return tl.trans(high), tl.trans(tl.load(ptr + rows * columns + index, mask=inside, other=0.0))


@triton.jit
def _times(ptr, row, time, times, channel, channels):
    """Part of a sequence in single precision, zero outside."""
    inside = (time < times) & (channel < channels)
    return tl.load(ptr + (row * times + time) * channels + channel, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _pair(ptr, index, inside):
    re = tl.load(ptr + 2 * index, mask=inside, other=0.0)
    return re, tl.load(ptr + 2 * index + 1, mask=inside, other=0.0)


@triton.jit
def _store_pair(ptr, index, re, im, inside):
    tl.store(ptr + 2 * index, re, mask=inside)
    tl.store(ptr + 2 * index + 1, im, mask=inside)


@triton.jit
def _in_lanes(x, CHUNKS: tl.constexpr, STATES: tl.constexpr):
    """(TIMES, STATES) as STEPS times (CHUNKS, STATES), in the order of their reversed bits."""
    x = tl.permute(tl.reshape(x, (CHUNKS, STEPS, STATES)), (0, 2, 1))
    parts = (x,)
    for level in tl.static_range(4):
        halves = ()
        for k in tl.static_range(1 << level):
            even, odd = tl.split(tl.reshape(parts[k], (CHUNKS, STATES, STEPS >> (level + 1), 2)))
            halves = halves + (even, odd)  # noqa: RUF005 (Triton compiles this, not a starred tuple)
        parts = halves
    lanes = ()
    for k in tl.static_range(STEPS):
        lanes = lanes + (tl.reshape(parts[k], (CHUNKS, STATES)),)  # noqa: RUF005
    return lanes


@triton.jit
def _out_of_lanes(lanes, CHUNKS: tl.constexpr, STATES: tl.constexpr):
    parts = ()
    for k in tl.static_range(STEPS):
        parts = parts + (tl.reshape(lanes[k], (CHUNKS, STATES, 1)),)  # noqa: RUF005
    for level in tl.static_range(4):
        joined = ()
        for k in tl.static_range(STEPS >> (level + 1)):
            pair = tl.join(parts[2 * k], parts[2 * k + 1])
            joined = joined + (tl.reshape(pair, (CHUNKS, STATES, 2 << level)),)  # noqa: RUF005
        parts = joined
    return tl.reshape(tl.permute(parts[0], (0, 2, 1)), (CHUNKS * STEPS, STATES))


@triton.jit
def _drive(lanes, k: tl.constexpr, REVERSE: tl.constexpr):
    """The k-th drive to be met, of lanes in the order of reversed bits."""
    at: tl.constexpr = STEPS - 1 - k if REVERSE else k
    return lanes[((at & 1) << 3) | ((at & 2) << 1) | ((at & 4) >> 1) | ((at & 8) >> 3)]


@triton.jit
def _reached(lanes, k: tl.constexpr, REVERSE: tl.constexpr):
    """The other way: of states as they were reached, behind what entered, the k-th in the order of reversed bits."""
    at: tl.constexpr = ((k & 1) << 3) | ((k & 2) << 1) | ((k & 4) >> 1) | ((k & 8) >> 3)
    return lanes[STEPS - at if REVERSE else at + 1]


@triton.jit
def _driven(sequence, into, row, time, times, first, states, channels, EXACT: tl.constexpr, CHUNKS: tl.constexpr,
            STATES: tl.constexpr, WIDE: tl.constexpr, DEPTH: tl.constexpr):  # fmt: skip
    """M u for a tile: lanes of real, and of imaginary parts."""
    total = tl.zeros((CHUNKS * STEPS, 2 * STATES), tl.float32)
    part = 2 * first + tl.arange(0, 2 * STATES)[:, None]
    for begin in range(0, WIDE, DEPTH):
        channel = begin + tl.arange(0, DEPTH)[None, :]
        high, low = _table(into, part, channel, 2 * states, channels)
        total = _multiplied(_times(sequence, row, time, times, channel, channels), high, low, total, EXACT)
    dr, di = tl.split(tl.reshape(total, (CHUNKS * STEPS, STATES, 2)))
    return dr, di


@triton.jit
def _end(fr, fi, dr, di, REVERSE: tl.constexpr):
    """The state at the end of each lane that begins at zero."""
    xr = tl.zeros_like(dr[0])
    xi = xr
    for k in tl.static_range(STEPS):
        xr, xi = advanced(fr, fi, xr, xi, _drive(dr, k, REVERSE), _drive(di, k, REVERSE), False)
    return xr, xi


@triton.jit
def _composed(fr, fi, xr, xi, REVERSE: tl.constexpr):
    """Products of decays, and states from zero, at the ends of lanes of decay f and ends x."""
    one = tl.zeros_like(xr)
    return tl.associative_scan((one + fr, one + fi, xr, xi), 0, then_complex, reverse=REVERSE)


@triton.jit
def _before(ar, ai, er, ei, cr, ci, chunk, REVERSE: tl.constexpr, CHUNKS: tl.constexpr, STATES: tl.constexpr):
    """The state that enters each lane of a tile that is entered by c."""
    mr, mi = scaled(ar, ai, cr, ci, False)
    er, ei = er + mr, ei + mi
    if REVERSE:
        earlier, first = tl.minimum(chunk + 1, CHUNKS - 1), chunk == CHUNKS - 1
    else:
        earlier, first = tl.maximum(chunk - 1, 0), chunk == 0
    earlier = tl.broadcast_to(earlier, (CHUNKS, STATES))
    return tl.where(first, cr, tl.gather(er, earlier, 0)), tl.where(first, ci, tl.gather(ei, earlier, 0))


@triton.jit
def _run(fr, fi, dr, di, xr, xi, REVERSE: tl.constexpr):
    """What enters each lane and then its states, in the order in which they are reached."""
    re, im = (xr,), (xi,)
    for k in tl.static_range(STEPS):
        xr, xi = advanced(fr, fi, xr, xi, _drive(dr, k, REVERSE), _drive(di, k, REVERSE), False)
        re, im = re + (xr,), im + (xi,)  # noqa: RUF005
    return re, im


@triton.jit
def _tile_of(re, im, REVERSE: tl.constexpr, CHUNKS: tl.constexpr, STATES: tl.constexpr):
    """Lanes in the order in which they were reached, as (TIMES, STATES), real and imaginary parts."""
    sr, si = (), ()
    for k in tl.static_range(STEPS):
        sr, si = sr + (_reached(re, k, REVERSE),), si + (_reached(im, k, REVERSE),)  # noqa: RUF005
    return _out_of_lanes(sr, CHUNKS, STATES), _out_of_lanes(si, CHUNKS, STATES)


@triton.jit
def _side_by_side(re, im):
    """(TIMES, 2 STATES), a state's two parts next to each other."""
    return tl.reshape(tl.join(re, im), (re.shape[0], 2 * re.shape[1]))


@triton.jit
def _states(fr, fi, pr, pi, dr, di, carries, at, inside, chunk, REVERSE: tl.constexpr, CHUNKS: tl.constexpr,
            STATES: tl.constexpr):  # fmt: skip
    """The states of a tile whose entering one is known; p is the decay of a lane."""
    lr, li = _in_lanes(dr, CHUNKS, STATES), _in_lanes(di, CHUNKS, STATES)
    er, ei = _end(fr, fi, lr, li, REVERSE)
    ar, ai, er, ei = _composed(pr, pi, er, ei, REVERSE)
    cr, ci = _pair(carries, at, inside)
    xr, xi = _before(ar, ai, er, ei, cr, ci, chunk, REVERSE, CHUNKS, STATES)
    return _run(fr, fi, lr, li, xr, xi, REVERSE)


@triton.jit
def _powers(fr, fi, EXPONENT: tl.constexpr):
    """λ^EXPONENT, rounded once."""
    wr, wi = power(fr.to(tl.float64), fi.to(tl.float64), EXPONENT, False)
    return wr.to(tl.float32), wi.to(tl.float32)


@triton.jit(do_not_specialize=SIZES)
def response(
    sequence, into, decay, out_of, through, start,
    times, rows, tiles, channels, states,
    slots, result, carries, final,
    REVERSE: tl.constexpr, EXACT: tl.constexpr,
    CHUNKS: tl.constexpr, STATES: tl.constexpr, WIDE: tl.constexpr, DEPTH: tl.constexpr, WINDOW: tl.constexpr,
    ALIGNED: tl.constexpr,
):  # fmt: skip
    """One tile of x_t = λ x_{t−1} + M u_t, from the last time back with λ̄ when REVERSE, and of Re(N x) + D∘u.

    Matrices come as two planes of 11 bits each, that add up to them. sequence: u; EXACT if 11 bits hold it. into: M,
    (2, states, re and im, channels). decay: λ, (states). out_of: N's real and negative imaginary part, (2, channels,
    re and im, states). through: D (channels). start: what is added to M u at the first position, (rows, states).
    carries: the states entering the tiles, (tiles, rows, states). final: the last position's, (rows, states).
    """
    channels, states = _known(channels, ALIGNED), _known(states, ALIGNED)
    tile, row = tl.program_id(0) // rows, (tl.program_id(0) % rows).to(tl.int64)
    if REVERSE:
        of_time, begins, ends = tiles - 1 - tile, times - 1, 0
    else:
        of_time, begins, ends = tile, 0, times - 1
    place, chunk = tl.arange(0, CHUNKS * STEPS)[:, None], tl.arange(0, CHUNKS)[:, None]
    time = of_time * (CHUNKS * STEPS) + place
    columns, rest = rows * states, tl.zeros((1, STATES), tl.float32)
    for first in range(0, states, STATES):
        state = first + tl.arange(0, STATES)[None, :]
        inside, column = state < states, (row * states + state).to(tl.int32)
        fr, fi = _pair(decay, state, inside)
        if REVERSE:
            fi = -fi
        dr, di = _driven(sequence, into, row, time, times, first, states, channels, EXACT, CHUNKS, STATES, WIDE, DEPTH)
        sr, si = _pair(start, column, inside)
        dr += tl.where(time == begins, sr, 0.0)
        di += tl.where(time == begins, si, 0.0)
        lr, li = _in_lanes(dr, CHUNKS, STATES), _in_lanes(di, CHUNKS, STATES)
        er, ei = _end(fr, fi, lr, li, REVERSE)
        pr, pi = _powers(fr, fi, STEPS)
        ar, ai, er, ei = _composed(pr, pi, er, ei, REVERSE)
        place_of_end = CHUNKS - 1 - chunk if REVERSE else chunk
        tr, ti = last(er, place_of_end, CHUNKS), last(ei, place_of_end, CHUNKS)
        wr, wi = _powers(fr, fi, CHUNKS * STEPS)
        cr, ci = _entering(slots, tile, tiles, tr, ti, wr, wi, rest, column, columns, inside, WINDOW)
        _store_pair(carries, of_time * columns + column, cr, ci, inside)
        br, bi = _before(ar, ai, er, ei, cr, ci, chunk, REVERSE, CHUNKS, STATES)
        xr, xi = _run(fr, fi, lr, li, br, bi, REVERSE)
        sr, si = _tile_of(xr, xi, REVERSE, CHUNKS, STATES)
        _store_last(sr, si, final, column, inside, time == ends)
        _read_out(sr, si, out_of, sequence, through, result, first, row, time, times, states, channels,
                  WIDE, DEPTH, STATES)  # fmt: skip


@triton.jit
def _store_last(xr, xi, final, column, inside, found):
    """The row of the tile that is found, if it is in this one."""
    re, im = tl.sum(tl.where(found, xr, 0.0), 0)[None, :], tl.sum(tl.where(found, xi, 0.0), 0)[None, :]
    there = inside & (tl.sum(found.to(tl.int32), 0)[None, :] > 0)
    _store_pair(final, column, re, im, there)


@triton.jit
def _read_out(xr, xi, out_of, sequence, through, result, first, row, time, times, states, channels,
              WIDE: tl.constexpr, DEPTH: tl.constexpr, STATES: tl.constexpr):  # fmt: skip
    """result = D∘u, for the first block of states, plus the real part of N x."""
    state = first + tl.arange(0, STATES)[None, :]
    for begin in range(0, WIDE, DEPTH):
        channel = begin + tl.arange(0, DEPTH)[None, :]
        if first == 0:
            y = _times(sequence, row, time, times, channel, channels)
            y *= tl.load(through + channel, mask=channel < channels, other=0.0).to(tl.float32)
        else:
            y = _times(result, row, time, times, channel, channels)
        whose = begin + tl.arange(0, DEPTH)[:, None]
        high, low = _table(out_of, 2 * whose, state, 2 * channels, states)
        y = _multiplied(xr, high, low, y, False)
        high, low = _table(out_of, 2 * whose + 1, state, 2 * channels, states)
        y = _multiplied(xi, high, low, y, False)
        inside = (time < times) & (channel < channels)
        tl.store(result + (row * times + time) * channels + channel, y.to(result.dtype.element_ty), mask=inside)
    tl.debug_barrier()


@triton.jit
def _entering(slots, tile, tiles, er, ei, wr, wi, rest, column, columns, inside, WINDOW: tl.constexpr):
    """The state that enters the tile, whose own end from zero is e and whose decay is w; told to the following ones."""
    following, part = tile + 1, tiles * columns
    index = following * columns + column
    if (following < tiles) & (following % WINDOW > 0):
        publish(slots, index, part, wr, wi, er, ei, inside, False, False, tl.float32)
    past = tl.where(inside, column, columns)
    cr, ci = looked_back(slots, part, tile, rest, rest, wr, wi, past, columns, False, False, tl.float32, WINDOW)
    if (following < tiles) & (following % WINDOW == 0):
        mr, mi = scaled(wr, wi, cr, ci, False)
        publish(slots, index, part, wr, wi, mr + er, mi + ei, inside, False, False, tl.float32)
    return cr, ci


@triton.jit(do_not_specialize=SIZES)
def correlations(
    sequence, cotangent, into, decay, out_of, end, carries, adjoints,
    times, rows, tiles, shares, channels, states,
    on_matrices, on_decay, on_through,
    EXACT: tl.constexpr,
    CHUNKS: tl.constexpr, STATES: tl.constexpr, WIDE: tl.constexpr, DEPTH: tl.constexpr, WINDOW: tl.constexpr,
    ALIGNED: tl.constexpr,
):  # fmt: skip
    """This program's share of the sums over rows and times behind the gradients of a layer, for a block of states.

    sequence: u. cotangent: ȳ. into, decay as in `response`; out_of here is what ȳ enters the adjoint by, laid out like
    into, and end what is added to it at the last time. carries and adjoints: what `response` left of u, with the
    initial state in the first tile, and of ȳ in REVERSE. With g the adjoint states and x the states,
    on_matrices: Σ g u and Σ x ȳ, (shares, 2, channels, states, re and im). on_decay: Σ g_t conj(x_{t−1}), (shares,
    states). on_through: Σ ȳ u, (shares, channels).
    """
    channels, states = _known(channels, ALIGNED), _known(states, ALIGNED)
    share, first = tl.program_id(0) % shares, tl.program_id(0) // shares * STATES
    state, chunk = first + tl.arange(0, STATES)[None, :], tl.arange(0, CHUNKS)[:, None]
    place, channel = tl.arange(0, CHUNKS * STEPS)[:, None], tl.arange(0, WIDE)[None, :]
    inside, columns = state < states, rows * states
    fr, fi = _pair(decay, state, inside)
    pr, pi = _powers(fr, fi, STEPS)
    with_u, with_y = tl.zeros((WIDE, 2 * STATES), tl.float32), tl.zeros((WIDE, 2 * STATES), tl.float32)
    lr, li = tl.zeros((CHUNKS, STATES), tl.float32), tl.zeros((CHUNKS, STATES), tl.float32)
    through = tl.zeros((1, WIDE), tl.float32)
    for number in range(share, tiles * rows, shares):
        row, tile = (number // tiles).to(tl.int64), number % tiles
        time, column = tile * (CHUNKS * STEPS) + place, (row * states + state).to(tl.int32)
        at = tile * columns + column
        dr, di = _driven(cotangent, out_of, row, time, times, first, states, channels, EXACT, CHUNKS, STATES, WIDE,
                         DEPTH)  # fmt: skip
        er, ei = _pair(end, column, inside)
        dr += tl.where(time == times - 1, er, 0.0)
        di += tl.where(time == times - 1, ei, 0.0)
        gr, gi = _states(fr, -fi, pr, -pi, dr, di, adjoints, at, inside, chunk, True, CHUNKS, STATES)
        re, im = _tile_of(gr, gi, True, CHUNKS, STATES)
        high = _side_by_side(re, im)
        whole = _rounded(high)
        u = _times(sequence, row, time, times, channel, channels)
        with_u = _multiplied(tl.trans(u), whole, _rounded(high - whole), with_u, EXACT)
        dr, di = _driven(sequence, into, row, time, times, first, states, channels, EXACT, CHUNKS, STATES, WIDE, DEPTH)
        xr, xi = _states(fr, fi, pr, pi, dr, di, carries, at, inside, chunk, False, CHUNKS, STATES)
        for k in tl.static_range(STEPS):  # g runs back, and its first entry, like that of x, is what enters
            qr, qi = product(gr[STEPS - k], gi[STEPS - k], xr[k], -xi[k], False)
            lr += qr
            li += qi
        re, im = _tile_of(xr, xi, False, CHUNKS, STATES)
        x = _side_by_side(re, im)
        whole = _rounded(x)
        received = _times(cotangent, row, time, times, channel, channels)
        with_y = _multiplied(tl.trans(received), whole, _rounded(x - whole), with_y, EXACT)
        through += tl.sum(u * received, 0)[None, :]
    plane = 2 * channels * states
    part = 2 * first + tl.arange(0, 2 * STATES)[None, :]
    entry = share.to(tl.int64) * 2 * plane + tl.trans(channel) * (2 * states) + part
    kept = (tl.trans(channel) < channels) & (part < 2 * states)
    tl.store(on_matrices + entry, with_u, mask=kept)
    tl.store(on_matrices + plane + entry, with_y, mask=kept)
    lr, li = tl.sum(lr, 0)[None, :], tl.sum(li, 0)[None, :]
    _store_pair(on_decay, share * states + state, lr, li, inside)
    whose = tl.where(first == 0, channels, 0)  # every block of states finds the same
    tl.store(on_through + share * channels + channel, through, mask=channel < whose)
