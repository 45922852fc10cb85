"""Triton kernel of a whole S5 layer whose states stay on chip: one source for PyTorch and JAX.

u → B̄ u → x_t = λ x_{t−1} + B̄ u_t → Re(C x) + D u, a tile of times a program: two products, between them a scan along
the tile and a look-back over earlier tiles. The adjoint runs through the same kernel, from the last time back and with
the matrices exchanged. What the gradients of the matrices need is in `s5_correlations`.

Complex arrays are pairs (re, im); sequences (rows, times, channels) hold any float of up to 32 bits,
all else is float32.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from impl.triton.s5_carries import awaited, publish, scaled
from impl.triton.s5_lanes import product
from impl.triton.s5_products import planes
from impl.triton.s5_read_out import AHEAD, before, read_out
from impl.triton.s5_slabs import LANES, SLAB, STEPS, driven, known, places, tile_of
from impl.triton.s5_tiles import added, end_from_rest, entering, found, pair, reached, run, store_pair

WIDEST = 128  # channels that a tile holds on chip
PROGRAMS = 264  # that sum gradients at a time: two for each multiprocessor of the largest devices


class Plan(NamedTuple):
    """Tiles of SLABS × STATES, channels padded to WIDE, DEPTH at a time; a tile looks back over WINDOW others.

    ALIGNED: channels and states are multiples of 16.
    """

    SLABS: int
    STATES: int
    WIDE: int
    DEPTH: int
    WINDOW: int
    num_warps: int
    num_stages: int
    ALIGNED: bool

    def tiles(self, times: int) -> int:
        return -(-times // (self.SLABS * SLAB.value))

    def carries(self, times: int) -> int:
        """Slabs: the state that enters each is stored for the gradient."""
        return self.tiles(times) * self.SLABS

    def slots(self, times: int, columns: int) -> int:
        return 2 * self.tiles(times) * columns

    def blocks(self, states: int) -> int:
        return -(-states // self.STATES)

    def shares(self, tiles: int, states: int) -> int:
        """Among how many programs the tiles of all rows are dealt for each block of states."""
        return min(tiles, max(PROGRAMS // self.blocks(states), 1))

    def lane(self) -> int:
        """Times of a lane."""
        return self.SLABS * STEPS.value

    def registers(self) -> int | None:
        """A thread's, at most: with 168 a multiprocessor runs three programs, where that many are nearly enough."""
        return 168 if self.ALIGNED and self.DEPTH == self.WIDE else None

    def passes(self) -> tuple[tuple[bool, bool], ...]:
        """What the runs over all tiles behind the gradients sum up, with u and with ȳ: registers hold 64 channels' sums
        of both."""
        return ((True, True),) if self.WIDE <= 64 else ((True, False), (False, True))


def plan(channels: int, states: int, *, gradient: bool) -> Plan:
    """32 states are as many rows as a product on tensor cores has. A second slab saves loads of the matrices, as far as
    registers last: a gradient needs them itself, and loads of single numbers need many."""
    wide, aligned = max(triton.next_power_of_2(channels), 16), channels % 16 == states % 16 == 0
    slabs = 2 if not gradient and (aligned or wide <= 32) else 1
    return Plan(slabs, 32, wide, min(wide, 32), 16, 4, 1, aligned)


SIZES = ["times", "rows", "tiles", "shares", "channels", "states"]  # one compiled kernel serves them all


@triton.jit(do_not_specialize=SIZES)
def response(
    sequence, into, decay, lasting, out_of, through, start,
    times, rows, tiles, channels, states,
    slots, result, carries, final,
    REVERSE: tl.constexpr, EXACT: tl.constexpr,
    SLABS: tl.constexpr, STATES: tl.constexpr, WIDE: tl.constexpr, DEPTH: tl.constexpr, WINDOW: tl.constexpr,
    ALIGNED: tl.constexpr,
):  # fmt: skip
    """One tile of x_t = λ x_{t−1} + M u_t, from the last time back with λ̄ when REVERSE, and of Re(N x) + D∘u.

    sequence: u; EXACT if 11 bits hold it. into: the `table` of M by state. decay: λ, (states). lasting: its
    `decays`, (2, states). out_of: the table of N by channel, of its real and negative imaginary parts. through: D
    (channels). start: x before the first time, or in REVERSE what is added to M u at the last, (rows, states). carries:
    the states entering the slabs, (tiles × SLABS, rows, states). final: the last position's, (rows, states).
    """
    channels, states = known(channels, ALIGNED), known(states, ALIGNED)
    tile, row = tl.program_id(0) // rows, (tl.program_id(0) % rows).to(tl.int64)
    TIMES: tl.constexpr = SLABS * SLAB
    of_time = tiles - 1 - tile if REVERSE else tile
    left = times - of_time * TIMES
    u = tile_of(sequence, row, of_time, times, channels, TIMES)
    y = tile_of(result, row, of_time, times, channels, TIMES)
    lane, place = tl.arange(0, LANES)[:, None], places(tl.arange(0, SLAB)[:, None], SLABS, False)
    part, channel = tl.arange(0, 2 * STATES)[None, :], tl.arange(0, DEPTH)
    columns, parts = rows * states, (states + 7) // 8 * 16
    for first in tl.range(0, states, STATES, disable_licm=True):
        state = first + tl.arange(0, STATES)[None, :]
        inside, column = state < states, (row * states + state).to(tl.int32)
        fr, fi = pair(decay, state, inside)
        pr, pi = pair(lasting, state, inside)
        wr, wi = pair(lasting, states + state, inside)
        if REVERSE:
            fi, pi, wi = -fi, -pi, -wi
        matrix = planes(out_of, channel[:, None], 2 * first + part, channels, parts) if WIDE == DEPTH else ()
        dr, di = driven(u, left, into, first, parts, channels, EXACT, SLABS, STATES, WIDE, DEPTH, AHEAD)
        sr, si = pair(start, column, state < tl.where(tile == 0, states, 0))
        if REVERSE:
            if tile == 0:
                dr, di = added(dr, di, sr, si, left - 1, lane)
            sr, si = tl.zeros_like(sr), tl.zeros_like(si)
        er, ei = end_from_rest(fr, fi, dr, di, REVERSE)
        re, im = reached(pr, pi, er, ei, sr, si, REVERSE)
        cr, ci = _entering(slots, tile, tiles, re[4], im[4], wr, wi, column, columns, inside, WINDOW)
        cr, ci = cr + sr, ci + si
        begun = of_time * SLABS + (SLABS - 1) * REVERSE  # the slab that is met first
        at = begun * columns + column
        store_pair(carries, at, cr, ci, inside)
        tl.debug_barrier()  # from memory c takes on the layout of the lanes, and does not force its own upon them
        cr, ci = pair(carries, at, inside)
        re, im = reached(pr, pi, er, ei, cr, ci, REVERSE)
        for slab in tl.static_range(1, SLABS):
            at += -columns if REVERSE else columns
            store_pair(carries, at, re[slab * 4 // SLABS], im[slab * 4 // SLABS], inside)
        former = before(u, y, first, place, left, channel, channels) if WIDE == DEPTH else ()
        xr, xi = run(fr, fi, dr, di, entering(re, REVERSE), entering(im, REVERSE), REVERSE)
        if tile == tiles - 1:
            tr, ti = found(xr, xi, lane, 0 if REVERSE else left - 1)
            store_pair(final, column, tr, ti, inside)
        read_out(
            xr, xi, former, matrix, out_of, u, through, y, first, left, parts, channels, SLABS, STATES, WIDE, DEPTH
        )


@triton.jit
def _entering(slots, tile, tiles, er, ei, wr, wi, column, columns, inside, WINDOW: tl.constexpr):
    """The state that enters the tile, zero for the first, whose own end is e and whose decay is w; the following tiles
    are told."""
    following, part = tile + 1, tiles * columns
    index = following * columns + column
    if (following < tiles) & (following % WINDOW > 0):
        publish(slots, index, part, wr, wi, er, ei, inside, False, False, tl.float32)
    cr, ci = _looked_back(slots, part, tile, wr, wi, column, columns, inside, WINDOW)
    if (following < tiles) & (following % WINDOW == 0):
        mr, mi = scaled(wr, wi, cr, ci, False)
        publish(slots, index, part, wr, wi, mr + er, mi + ei, inside, False, False, tl.float32)
    return cr, ci


@triton.jit
def _looked_back(slots, part, tile, wr, wi, column, columns, inside, WINDOW: tl.constexpr):
    """Σ w^(tile − slot) times what is in the slots of this tile's window up to its own."""
    slot = tile // WINDOW * WINDOW + tl.arange(0, WINDOW)[:, None]
    wanted, distance = (slot > 0) & (slot <= tile) & inside, tile - slot
    xr, xi = awaited(slots, slot * columns + column, part, wanted, False, tl.float32)
    ar, ai = tl.zeros_like(xr) + 1, tl.zeros_like(xr)
    for bit in tl.static_range(16):
        if (1 << bit) < WINDOW:
            mr, mi = product(wr, wi, ar, ai, False)
            taken = (distance >> bit) % 2 == 1
            ar, ai = tl.where(taken, mr, ar), tl.where(taken, mi, ai)
            wr, wi = product(wr, wi, wr, wi, False)
    mr, mi = scaled(ar, ai, xr, xi, False)
    return tl.sum(tl.where(wanted, mr, 0.0), 0)[None, :], tl.sum(tl.where(wanted, mi, 0.0), 0)[None, :]
