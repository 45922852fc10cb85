"""A tile of a sequence as slabs, that tensor cores multiply, and as lanes, along which a recurrence runs.

A slab is as wide as one product. Its columns are dealt to threads two in eight: the times stand so that every thread
holds 16 in a row of one state in each slab, a lane, and that none of them moves from thread to thread in between.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.s5_products import in_two, multiplied, planes

SLAB = tl.constexpr(64)  # times of one product
LANES = tl.constexpr(4)
STEPS = tl.constexpr(16)  # times of a slab that a lane holds


@triton.jit
def known(size, ALIGNED: tl.constexpr):
    """The size, of which the compiler then knows that it is a multiple of 16: numbers are loaded four at a time."""
    return size // 16 * 16 if ALIGNED else size


@triton.jit
def tile_of(ptr, row, tile, times, channels, TIMES: tl.constexpr):
    """Where a tile of a sequence begins."""
    return ptr + (row * times + tile * TIMES) * channels


@triton.jit
def times_at(tile, place, left, channel, channels):
    """Part of a tile in single precision, zero outside."""
    inside = (place < left) & (channel < channels)
    return tl.load(tile + place * channels + channel, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def places(slab: tl.constexpr, SLABS: tl.constexpr, SUMMED: tl.constexpr):
    """Where in a tile the rows of a slab stand. Of eight columns of a product tensor cores deal each thread two that
    are neighbours, and of eight that are SUMMED two that are four apart."""
    row = tl.arange(0, SLAB)[:, None]
    if SUMMED:
        lane, later = row % 4, row // 4 % 2
    else:
        lane, later = row // 2 % 4, row % 2
    return (lane * SLABS + slab) * STEPS + row // 8 * 2 + later


@triton.jit
def driven(tile, left, into, first, parts, channels, EXACT: tl.constexpr, SLABS: tl.constexpr, STATES: tl.constexpr,
           WIDE: tl.constexpr, DEPTH: tl.constexpr):  # fmt: skip
    """M u for a tile: lanes of real, and of imaginary parts; 11 bits hold u when EXACT."""
    part = 2 * first + tl.arange(0, 2 * STATES)[:, None]
    totals = _products(tile, left, into, part, 0, parts, channels, (), EXACT, SLABS, DEPTH)
    for begin in range(DEPTH, WIDE, DEPTH):
        totals = _products(tile, left, into, part, begin, parts, channels, totals, EXACT, SLABS, DEPTH)
    dr, di = (), ()
    for slab in tl.static_range(SLABS):
        re, im = in_lanes(totals[slab], STATES)
        dr, di = dr + re, di + im
    return dr, di


@triton.jit
def _products(tile, left, into, part, begin, parts, channels, totals, EXACT: tl.constexpr, SLABS: tl.constexpr,
              DEPTH: tl.constexpr):  # fmt: skip
    """totals, if there are any, and what DEPTH channels add to M u: (parts, SLAB) for each slab."""
    channel, u, sums = begin + tl.arange(0, DEPTH)[None, :], (), ()
    for slab in tl.static_range(SLABS):  # all are under way before the first is used
        u = u + (times_at(tile, places(slab, SLABS, False), left, channel, channels),)
    high, low = planes(into, part, channel, parts, channels)
    for slab in tl.static_range(SLABS):
        whole, rest = in_two(tl.trans(u[slab]), EXACT)
        own = multiplied(high, low, whole, rest, EXACT)
        if len(totals) > 0:
            own += totals[slab]
        sums = sums + (own,)
    return sums


@triton.jit
def in_lanes(x, STATES: tl.constexpr):
    """(parts, SLAB) as the lanes of real, and of imaginary parts: STEPS of (LANES, STATES) in the order of their
    reversed bits."""
    x = tl.reshape(x, (STATES // 8, 2, 8, STEPS // 2, LANES, 2))
    x = tl.reshape(tl.permute(x, (4, 0, 2, 3, 5, 1)), (LANES, STATES, STEPS, 2))
    re, im = tl.split(x)
    return _leaves(re, STATES), _leaves(im, STATES)


@triton.jit
def _leaves(x, STATES: tl.constexpr):
    parts = (x,)
    for level in tl.static_range(4):
        halves = ()
        for k in tl.static_range(1 << level):
            even, odd = tl.split(tl.reshape(parts[k], (LANES, STATES, STEPS >> (level + 1), 2)))
            halves = halves + (even, odd)
        parts = halves
    lanes = ()
    for k in tl.static_range(STEPS):
        lanes = lanes + (tl.reshape(parts[_reversed(k)], (LANES, STATES)),)
    return lanes


@triton.jit
def _joined(lanes, begin: tl.constexpr, STATES: tl.constexpr):
    """(LANES, STATES, STEPS) of the steps that begin there."""
    parts = ()
    for k in tl.static_range(STEPS):
        parts = parts + (tl.reshape(lanes[begin + _reversed(k)], (LANES, STATES, 1)),)
    for level in tl.static_range(4):
        joined = ()
        for k in tl.static_range(STEPS >> (level + 1)):
            pair = tl.join(parts[2 * k], parts[2 * k + 1])
            joined = joined + (tl.reshape(pair, (LANES, STATES, 2 << level)),)
        parts = joined
    return parts[0]


@triton.constexpr_function
def _reversed(k):
    """Four bits."""
    return (k & 1) << 3 | (k & 2) << 1 | (k & 4) >> 1 | (k & 8) >> 3


@triton.jit
def out_of_lanes(xr, xi, slab: tl.constexpr, STATES: tl.constexpr, SUMMED: tl.constexpr):
    """(SLAB, parts), or (parts, SLAB) if times are to be SUMMED, at `_places`."""
    re, im = _joined(xr, slab * STEPS, STATES), _joined(xi, slab * STEPS, STATES)
    x = tl.reshape(tl.join(re, im), (LANES, STATES // 8, 8, STEPS // 2, 2, 2))
    if SUMMED:
        return tl.reshape(tl.permute(x, (1, 5, 2, 3, 4, 0)), (2 * STATES, SLAB))
    else:
        return tl.reshape(tl.permute(x, (3, 0, 4, 1, 5, 2)), (SLAB, 2 * STATES))
