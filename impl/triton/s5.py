"""Triton kernels for x_t = λ_t x_{t−1} + d_t in one pass: one source for PyTorch and JAX.

Arrays are (rows, times, channels), and a column is one channel of one row. A lane holds STEPS times of a column in
registers, a program CHUNKS x COLUMNS lanes: a tile. Every lane runs from zero, for its end alone; `before` says what
enters it; and it runs again from there. So each number is read and written once. Tiles and positions count in the order
of the recurrence: position s is time s, or times - 1 - s when REVERSE.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from impl.triton.s5_carries import before
from impl.triton.s5_lanes import (
    constant_factor,
    first_time,
    lanes_of,
    loaded,
    neighbours,
    places,
    product,
    read,
    step,
    write,
)


class Plan(NamedTuple):
    """How a scan is dealt out: a lane takes `steps` times, a program chunks × columns lanes, a chain of tiles all T.

    A tile looks back over at most `window` others.
    """

    steps: int
    chunks: int
    columns: int
    window: int
    tiles: int
    programs: int

    def options(self) -> dict[str, int]:
        lanes = self.chunks * self.columns
        return {
            "STEPS": self.steps, "CHUNKS": self.chunks, "COLUMNS": self.columns, "WINDOW": self.window,
            "num_warps": max(lanes // 32, 1),
        }  # fmt: skip

    def slots(self, columns: int, parts: int) -> int:
        """How many words the tiles need to meet, a map having `parts` numbers."""
        return self.tiles * columns * parts if self.tiles > 1 else 1


LARGE = 2**24  # numbers, well beyond any cache


def plan(columns: int, times: int, bytes_of_number: int, *, light: bool) -> Plan:
    """16 times of a complex number in single precision fill a quarter of a lane's registers.

    A large scan that holds nothing but its drive (light) takes 32: compilation is slower, the chain of tiles shorter.
    16 neighbouring columns are whole lines of memory, and four warps meet quickly. A tile waits about a microsecond for
    the true state at the head of its window; with few columns that would last longer than reading and writing, unless
    a window is wide. A sequence that fits one lane needs no other.
    """
    steps = 64 // bytes_of_number
    if light and columns * times >= LARGE:
        steps *= 2
    if times <= steps:
        chunks, across = 1, 64
    else:
        chunks, across = (32, 4) if columns <= 4 else (8, 16)
    tiles = -(-times // (steps * chunks))
    return Plan(steps, chunks, across, 8 if columns >= 128 else 32, tiles, tiles * -(-columns // across))


# Sizes: one compiled kernel serves them all.
SIZES = ["times", "channels", "columns", "tiles", "decay_row"]


@triton.jit(do_not_specialize=SIZES)
def states(
    decay, drive, initial,
    times, channels, columns, tiles, decay_row,
    slots, result,
    KIND: tl.constexpr, VARYING: tl.constexpr, REVERSE: tl.constexpr, DTYPE: tl.constexpr,
    STEPS: tl.constexpr, CHUNKS: tl.constexpr, COLUMNS: tl.constexpr, WINDOW: tl.constexpr,
):  # fmt: skip
    """All states, laid out like drive. decay: rows `decay_row` entries apart, of `channels`, or VARYING all times."""
    REAL: tl.constexpr = KIND == "real"
    tile, chunk, begin, column = lanes_of(columns, CHUNKS, COLUMNS, STEPS)
    row, channel, alive = (column // channels).to(tl.int64), column % channels, column < columns
    time, stride = first_time(begin, times, channels, REVERSE)
    entry = neighbours((row * times + time) * channels + channel, COLUMNS)
    left = tl.where(alive, times - begin, 0)
    d = loaded(drive, entry, stride, begin, left, KIND, False, False, DTYPE, STEPS)
    if VARYING:
        own = neighbours(row * decay_row + time * channels + channel, COLUMNS)
        f = loaded(decay, own, stride, begin, left, KIND, False, False, DTYPE, STEPS)
        wide, wide_i = f[0], f[1]
    else:
        wide, wide_i = constant_factor(decay, row * decay_row + channel, alive, KIND, False)
        f = (wide.to(DTYPE), wide_i.to(DTYPE))
    ir, ii = read(places(initial, column, KIND), 0, alive, KIND, DTYPE)
    xr, xi = before(f, d, wide, wide_i, ir, ii, slots, result, entry, stride, tile, tiles, left,
                    chunk, column, columns, KIND, VARYING, DTYPE, STEPS, CHUNKS, COLUMNS, WINDOW)  # fmt: skip
    for k in tl.static_range(STEPS):
        xr, xi = step(f, d, k, xr, xi, VARYING, REAL)
        write(places(result, entry, KIND), k * stride, xr, xi, k < left, KIND)


@triton.jit(do_not_specialize=SIZES)
def gradients(
    decay, cotangent, result, initial,
    times, channels, columns, tiles, decay_row,
    slots, drive_gradient, decay_gradient,
    KIND: tl.constexpr, VARYING: tl.constexpr, CONJUGATE: tl.constexpr, DTYPE: tl.constexpr,
    STEPS: tl.constexpr, CHUNKS: tl.constexpr, COLUMNS: tl.constexpr, WINDOW: tl.constexpr,
):  # fmt: skip
    """g_t = ḡ_t + λ_{t+1} g_{t+1} from the last time back: drive_gradient = g, decay_gradient = g_t x_{t−1}.

    result: the states x. CONJUGATE: with conj(λ) and conj(x), which is PyTorch's convention; else bilinear, which is
    JAX's. A constant decay gets the sum over each tile, (tiles, rows · channels), a varying one every term.
    """
    REAL: tl.constexpr = KIND == "real"
    tile, chunk, begin, column = lanes_of(columns, CHUNKS, COLUMNS, STEPS)
    row, channel, alive = (column // channels).to(tl.int64), column % channels, column < columns
    time, stride = first_time(begin, times, channels, True)
    entry = neighbours((row * times + time) * channels + channel, COLUMNS)
    left = tl.where(alive, times - begin, 0)
    d = loaded(cotangent, entry, stride, begin, left, KIND, False, False, DTYPE, STEPS)
    if VARYING:
        following = neighbours(row * decay_row + (time + 1) * channels + channel, COLUMNS)
        f = loaded(decay, following, stride, begin, left, KIND, CONJUGATE, True, DTYPE, STEPS)
        wide, wide_i = f[0], f[1]
    else:
        wide, wide_i = constant_factor(decay, row * decay_row + channel, alive, KIND, CONJUGATE)
        f = (wide.to(DTYPE), wide_i.to(DTYPE))
    x = loaded(result, entry - channels, stride, begin, left - 1, KIND, CONJUGATE, False, DTYPE, STEPS)
    ir, ii = read(places(initial, column, KIND), 0, alive, KIND, DTYPE)
    ii = -ii if CONJUGATE else ii
    rest = tl.zeros((1, COLUMNS), DTYPE)
    gr, gi = before(f, d, wide, wide_i, rest, rest, slots, drive_gradient, entry, stride, tile, tiles,
                    left, chunk, column, columns, KIND, VARYING, DTYPE, STEPS, CHUNKS, COLUMNS, WINDOW)  # fmt: skip
    sr = tl.zeros((CHUNKS, COLUMNS), DTYPE)
    si = sr
    for k in tl.static_range(STEPS):
        gr, gi = step(f, d, k, gr, gi, VARYING, REAL)
        write(places(drive_gradient, entry, KIND), k * stride, gr, gi, k < left, KIND)
        first = k == left - 1
        tr, ti = product(gr, gi, tl.where(first, ir, x[2 * k]), tl.where(first, ii, x[2 * k + 1]), REAL)
        if VARYING:
            write(places(decay_gradient, entry, KIND), k * stride, tr, ti, k < left, KIND)
        else:  # beyond the last position x is zero, and so is the term
            sr += tr
            si += ti
    if not VARYING:
        total = tile.to(tl.int64) * columns + column
        sr, si = tl.sum(sr, 0)[None, :], tl.sum(si, 0)[None, :]
        write(places(decay_gradient, total, KIND), 0, sr, si, alive, KIND)
