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
def places(row, SLABS: tl.constexpr, SUMMED: tl.constexpr):
    """Where in a tile the rows of its slabs stand. Of eight columns of a product tensor cores deal each thread two that
    are neighbours, and of eight that are SUMMED two that are four apart."""
    if SUMMED:
        lane, later = row % 4, row // 4 % 2
    else:
        lane, later = row // 2 % 4, row % 2
    return (lane * SLABS + row // SLAB) * STEPS + row % SLAB // 8 * 2 + later


@triton.jit
def driven(tile, left, into, first, parts, channels, EXACT: tl.constexpr, SLABS: tl.constexpr, STATES: tl.constexpr,
           WIDE: tl.constexpr, DEPTH: tl.constexpr, AHEAD: tl.constexpr):  # fmt: skip
    """M u for a tile: lanes of real, and of imaginary parts; 11 bits hold u when EXACT. AHEAD − 1 pieces of M are on
    their way while one is multiplied by, and one of u."""
    part, channel = 2 * first + tl.arange(0, 2 * STATES)[:, None], tl.arange(0, DEPTH)[None, :]
    place = places(tl.arange(0, SLABS * SLAB)[:, None], SLABS, False)
    u = times_at(tile, place, left, channel, channels)
    if WIDE == DEPTH:
        total = _product(into, part, channel, parts, channels, u, EXACT)
    else:
        total = tl.zeros((2 * STATES, SLABS * SLAB), tl.float32)
        for begin in tl.range(0, WIDE, DEPTH, num_stages=AHEAD):
            following = times_at(tile, place, left, begin + DEPTH + channel, channels)
            total += _product(into, part, begin + channel, parts, channels, u, EXACT)
            u = following
    return in_lanes(total, STATES, SLABS * STEPS)


@triton.jit
def _product(into, part, channel, parts, channels, u, EXACT: tl.constexpr):
    """What these channels add to M u, (parts, times)."""
    high, low = planes(into, part, channel, parts, channels)
    whole, rest = in_two(tl.trans(u), EXACT)
    return multiplied(high, low, whole, rest, EXACT)


@triton.jit
def in_lanes(x, STATES: tl.constexpr, COUNT: tl.constexpr):
    """(parts, times) as the lanes of real, and of imaginary parts: COUNT times of (LANES, STATES)."""
    x = tl.reshape(x, (STATES // 8, 2, 8, COUNT // 2, LANES, 2))
    x = tl.reshape(tl.permute(x, (4, 0, 2, 3, 5, 1)), (LANES, STATES, COUNT, 2))
    re, im = tl.split(x)
    return _leaves(re, STATES, COUNT), _leaves(im, STATES, COUNT)


@triton.jit
def _leaves(x, STATES: tl.constexpr, COUNT: tl.constexpr):
    parts = (x,)
    for level in tl.static_range(_bits(COUNT)):
        halves = ()
        for k in tl.static_range(1 << level):
            even, odd = tl.split(tl.reshape(parts[k], (LANES, STATES, COUNT >> (level + 1), 2)))
            halves = halves + (even, odd)
        parts = halves
    lanes = ()
    for k in tl.static_range(COUNT):
        lanes = lanes + (tl.reshape(parts[_reversed(k, _bits(COUNT))], (LANES, STATES)),)
    return lanes


@triton.jit
def _joined(lanes, begin: tl.constexpr, STATES: tl.constexpr):
    """(LANES, STATES, STEPS) of the steps that begin there."""
    parts = ()
    for k in tl.static_range(STEPS):
        parts = parts + (tl.reshape(lanes[begin + _reversed(k, 4)], (LANES, STATES, 1)),)
    for level in tl.static_range(4):
        joined = ()
        for k in tl.static_range(STEPS >> (level + 1)):
            pair = tl.join(parts[2 * k], parts[2 * k + 1])
            joined = joined + (tl.reshape(pair, (LANES, STATES, 2 << level)),)
        parts = joined
    return parts[0]


@triton.constexpr_function
def _bits(count):
    return count.bit_length() - 1


@triton.constexpr_function
def _reversed(k, bits):
    return sum((k >> bit & 1) << (bits - 1 - bit) for bit in range(bits))


@triton.jit
def out_of_lanes(xr, xi, slab: tl.constexpr, STATES: tl.constexpr, SUMMED: tl.constexpr):
    """(SLAB, parts), or (parts, SLAB) if times are to be SUMMED, at `places`."""
    re, im = _joined(xr, slab * STEPS, STATES), _joined(xi, slab * STEPS, STATES)
    x = tl.reshape(tl.join(re, im), (LANES, STATES // 8, 8, STEPS // 2, 2, 2))
    if SUMMED:
        return tl.reshape(tl.permute(x, (1, 5, 2, 3, 4, 0)), (2 * STATES, SLAB))
    else:
        return tl.reshape(tl.permute(x, (3, 0, 4, 1, 5, 2)), (SLAB, 2 * STATES))
