"""Gradient sets in one pass: norm, NaN and ∞ of many arrays, then the clipping.

A set is a table on the device (`impl.triton.sets`). Programs take turns at its tiles, each in order, and keep sums in
lanes until the end; their number is fixed, so the result is the same each time and on each device. The clipping
kernel adds up the programs' shares itself, every program the same way: no launch lies between. With OVERLAP it is
already there, waiting, when the last shares are stored (programmatic dependent launch).
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from impl.triton.sets import broken, inverse_of_power, lanes_of, load, power_below, start_of, store


@triton.jit
def _added(a, b, c, x, y, z):
    return a + x, b + y, c + z


@triton.jit(do_not_specialize=["tiles", "shares", "first_share"])
def measure(
    addresses, lengths, owners, firsts, tiles, doubles, integers, shares, first_share,
    DTYPE: tl.constexpr, WIDE: tl.constexpr, COMPLEX: tl.constexpr, TILE: tl.constexpr, ALIGNED: tl.constexpr,
    LANES: tl.constexpr, OVERLAP: tl.constexpr,
):  # fmt: skip
    """One program's share, at first_share + program of each row of doubles and integers (2, shares): Σ|g/s|² over
    finite elements, and its s; how many elements are NaN, and how many ∞.

    WIDE arrays (double precision) are scaled by the power of two s below the largest so far, lane by lane; the squares
    of others fit.
    """
    program = tl.program_id(0)
    total = tl.zeros((LANES,), tl.float64)
    scale = tl.full((LANES,), 1.0, tl.float64)
    if WIDE:
        scale = power_below(total)
    nan_count = tl.zeros((LANES,), tl.int32)
    bad_count = tl.zeros((LANES,), tl.int32)
    address, left = start_of(addresses, lengths, owners, firsts, program, TILE, DTYPE)
    for t in range(program, tiles, tl.num_programs(0)):
        here, count = address, left
        following = tl.minimum(t + tl.num_programs(0), tiles - 1)
        address, left = start_of(addresses, lengths, owners, firsts, following, TILE, DTYPE)
        x = load(here, count, TILE, DTYPE, ALIGNED)
        nan, bad = broken(x, COMPLEX, TILE)
        wide = lanes_of(tl.where(bad != 0, 0.0, x.to(tl.float64)), LANES)
        if WIDE:
            larger = tl.maximum(power_below(tl.max(tl.abs(wide), axis=1)), scale)
            shrink = scale * inverse_of_power(larger)
            wide = wide * inverse_of_power(larger)[:, None]
            total = total * shrink * shrink
            scale = larger
        total += tl.sum(wide * wide, axis=1)
        nan_count += tl.sum(lanes_of(nan, LANES), axis=1)
        bad_count += tl.sum(lanes_of(bad, LANES), axis=1)
    if OVERLAP:
        gdc_launch_dependents()
    common = 1.0
    if WIDE:
        common = tl.max(scale)
        shrink = scale * inverse_of_power(common)
        total = total * shrink * shrink
    total, nans, bads = tl.reduce((total, nan_count.to(tl.int64), bad_count.to(tl.int64)), 0, _added)
    each = 2 if COMPLEX else 1
    share = first_share + program
    tl.store(doubles + share, total)
    tl.store(doubles + shares + share, common)
    tl.store(integers + share, nans // each)
    tl.store(integers + shares + share, (bads - nans) // each)


@triton.jit
def _decided(doubles, integers, shares, bound_bits, SCALED: tl.constexpr, BLOCK: tl.constexpr):
    """‖g‖, the clipping factor as a ratio and the inverse of a power of two, and how many elements are NaN and ∞.

    The bound comes as the bits of a double, for scalars of a launch are single.
    """
    place = tl.arange(0, BLOCK)
    common = tl.full((), 1.0, tl.float64)
    if SCALED:
        largest = tl.zeros((BLOCK,), tl.float64)
        for start in range(0, shares, BLOCK):
            there = start + place < shares
            filled = tl.load(doubles + start + place, mask=there, other=0.0) > 0
            scale = tl.load(doubles + shares + start + place, mask=there, other=0.0)
            largest = tl.maximum(largest, tl.where(filled, scale, 0.0))
        common = tl.max(largest)
        common = tl.where(common > 0, common, 1.0)
    total = tl.zeros((BLOCK,), tl.float64)
    nans = tl.zeros((BLOCK,), tl.int64)
    infs = tl.zeros((BLOCK,), tl.int64)
    for start in range(0, shares, BLOCK):
        there = start + place < shares
        share = tl.load(doubles + start + place, mask=there, other=0.0)
        if SCALED:
            shrink = tl.load(doubles + shares + start + place, mask=there, other=0.0) * inverse_of_power(common)
            share = share * shrink * shrink
        total += share
        nans += tl.load(integers + start + place, mask=there, other=0)
        infs += tl.load(integers + shares + start + place, mask=there, other=0)
    total, nans, infs = tl.reduce((total, nans, infs), 0, _added)
    size = tl.sqrt(total)
    bound = bound_bits.to(tl.int64).to(tl.float64, bitcast=True)
    inside = size <= bound * inverse_of_power(common)
    ratio = tl.where(inside, 1.0, bound / tl.where(size == 0, 1.0, size))
    inverse = tl.where(inside, 1.0, inverse_of_power(common))
    return size * common, ratio, inverse, nans, infs


@triton.jit(do_not_specialize=["tiles", "shares", "bound_bits"])
def apply(
    addresses, targets, lengths, owners, firsts, tiles, doubles, integers, shares, bound_bits, numbers, counts,
    DTYPE: tl.constexpr, COMPLEX: tl.constexpr, TILE: tl.constexpr, ALIGNED: tl.constexpr, IN_PLACE: tl.constexpr,
    SCALED: tl.constexpr, BLOCK: tl.constexpr, OVERLAP: tl.constexpr,
):  # fmt: skip
    """target = g·(1/s)·ratio with 0 for what is not finite; in place it leaves at once where nothing changes.

    numbers = [‖g‖, factor], counts = [NaN, ∞]. The last tiles come first: they may still lie in the cache.
    """
    if OVERLAP:
        gdc_wait()
    norm, ratio, inverse, nans, infs = _decided(doubles, integers, shares, bound_bits, SCALED, BLOCK)
    program = tl.program_id(0)
    if program == 0:
        tl.store(numbers, norm)
        tl.store(numbers + 1, ratio * inverse)
        tl.store(counts, nans)
        tl.store(counts + 1, infs)
    clips = (ratio != 1.0) | (inverse != 1.0)
    if IN_PLACE and not (clips | (nans + infs > 0)):
        return
    last = tiles - 1
    for turn in range(program, tiles, tl.num_programs(0)):
        address, left = start_of(addresses, lengths, owners, firsts, last - turn, TILE, DTYPE)
        x = load(address, left, TILE, DTYPE, ALIGNED)
        _, bad = broken(x, COMPLEX, TILE)
        x = tl.where(bad != 0, 0.0, x)
        if clips:
            x = (x.to(tl.float64) * inverse * ratio).to(DTYPE)
        if not IN_PLACE:
            address, left = start_of(targets, lengths, owners, firsts, last - turn, TILE, DTYPE)
        store(address, left, x, TILE, DTYPE, ALIGNED)
