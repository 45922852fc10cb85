"""Gradient sets in one pass: norm, NaN and ∞ of many arrays, then the clipping.

A set is a table on the device. Arrays of one element type (real; a complex array is one of twice the length) are cut
into tiles of TILE elements, each a power of two so that a complex element never straddles two: tile t belongs to array
owner[t], whose address and length the table tells. Offsets are 64 bits wide. Programs take turns at the tiles, each in
order, so the result is the same each time.
"""

import triton
import triton.language as tl


@triton.jit
def _significand(size):
    """The power of two at or below each of these positive doubles, within [2⁻¹⁰⁰⁰, 2¹⁰⁰⁰]."""
    exponent = (size.to(tl.int64, bitcast=True) >> 52) & 2047
    exponent = tl.minimum(tl.maximum(exponent, 23), 2023)
    return (exponent << 52).to(tl.float64, bitcast=True)


@triton.jit
def _inverse(power):
    """1/power for a power of two, exactly."""
    exponent = 2046 - ((power.to(tl.int64, bitcast=True) >> 52) & 2047)
    return (exponent << 52).to(tl.float64, bitcast=True)


@triton.jit
def _tile(addresses, lengths, owners, firsts, t, TILE: tl.constexpr, DTYPE: tl.constexpr, ALIGNED: tl.constexpr):
    """Pointers into tile t of its array, which are inside, and whether all are: then loads are wide."""
    owner = tl.load(owners + t).to(tl.int64)
    start = (t - tl.load(firsts + owner)).to(tl.int64) * TILE
    place = start + tl.arange(0, TILE)
    address = tl.load(addresses + owner)
    if ALIGNED:
        address = tl.multiple_of(address, 16)
    base = address.to(tl.pointer_type(DTYPE))
    if ALIGNED:
        base = tl.multiple_of(base, 16)
    length = tl.load(lengths + owner)
    return base + place, place < length, start + TILE <= length


@triton.jit
def _load(pointers, inside, full):
    if full:
        x = tl.load(pointers)
    else:
        x = tl.load(pointers, mask=inside, other=0.0)
    return x


@triton.jit
def _broken(x, COMPLEX: tl.constexpr, TILE: tl.constexpr):
    """Whether each element is NaN and whether it is not finite; a complex one as a whole, in both parts."""
    nan = (x != x).to(tl.int32)
    bad = (tl.abs(x) == float("inf")).to(tl.int32) | nan
    if COMPLEX:
        nan = _of_pairs(nan, TILE)
        bad = _of_pairs(bad, TILE)
    return nan, bad


@triton.jit
def _of_pairs(flag, TILE: tl.constexpr):
    pairs = tl.max(tl.reshape(flag, (TILE // 2, 2)), axis=1)
    return tl.reshape(tl.join(pairs, pairs), (TILE,))


@triton.jit(do_not_specialize=["tiles", "first_share"])
def measure(
    addresses, lengths, owners, firsts, tiles, sizes, scales, nans, infs, first_share,
    DTYPE: tl.constexpr, WIDE: tl.constexpr, COMPLEX: tl.constexpr, TILE: tl.constexpr, ALIGNED: tl.constexpr,
):  # fmt: skip
    """One program's share, stored at first_share + program: Σ|g/s|² over finite elements in double, its s, and how
    many elements are NaN and ∞.

    WIDE arrays (double precision) are scaled by the power of two s below the largest of each tile; others need none.
    """
    program = tl.program_id(0)
    total = tl.full((), 0.0, tl.float64)
    scale = tl.full((), 1.0, tl.float64)
    if WIDE:
        scale = _significand(tl.full((), 0.0, tl.float64))
    nan_count = tl.full((), 0, tl.int64)
    bad_count = tl.full((), 0, tl.int64)
    for t in range(program, tiles, tl.num_programs(0)):
        pointers, inside, full = _tile(addresses, lengths, owners, firsts, t, TILE, DTYPE, ALIGNED)
        x = _load(pointers, inside, full)
        nan, bad = _broken(x, COMPLEX, TILE)
        wide = tl.where(bad != 0, 0.0, x.to(tl.float64))
        if WIDE:
            tile_scale = tl.maximum(_significand(tl.max(tl.abs(wide))), scale)
            shrink = scale * _inverse(tile_scale)
            wide = wide * _inverse(tile_scale)
            total = total * shrink * shrink
            scale = tile_scale
        total += tl.sum(wide * wide)
        nan_count += tl.sum(nan).to(tl.int64)
        bad_count += tl.sum(bad).to(tl.int64)
    each = 2 if COMPLEX else 1
    share = first_share + program
    tl.store(sizes + share, total)
    tl.store(scales + share, scale)
    tl.store(nans + share, nan_count // each)
    tl.store(infs + share, (bad_count - nan_count) // each)


@triton.jit(do_not_specialize=["shares", "bound_bits"])
def decide(sizes, scales, nans, infs, shares, bound_bits, numbers, counts, BLOCK: tl.constexpr):
    """From all shares: numbers = [‖g‖, factor, ratio, 1/s], the last two its factors; counts = [NaN, ∞].

    The bound comes as the bits of a double, for scalars of a launch are single.
    """
    place = tl.arange(0, BLOCK)
    largest = tl.full((BLOCK,), 0.0, tl.float64)
    for start in range(0, shares, BLOCK):
        there = start + place < shares
        filled = tl.load(sizes + start + place, mask=there, other=0.0) > 0
        scale = tl.load(scales + start + place, mask=there, other=0.0)
        largest = tl.maximum(largest, tl.where(filled, scale, 0.0))
    common = tl.max(largest)
    common = tl.where(common > 0, common, 1.0)
    total = tl.full((BLOCK,), 0.0, tl.float64)
    nan_count = tl.full((BLOCK,), 0, tl.int64)
    inf_count = tl.full((BLOCK,), 0, tl.int64)
    for start in range(0, shares, BLOCK):
        there = start + place < shares
        share = tl.load(scales + start + place, mask=there, other=0.0) * _inverse(common)
        total += tl.load(sizes + start + place, mask=there, other=0.0) * share * share
        nan_count += tl.load(nans + start + place, mask=there, other=0)
        inf_count += tl.load(infs + start + place, mask=there, other=0)
    size = tl.sqrt(tl.sum(total))
    bound = bound_bits.to(tl.int64).to(tl.float64, bitcast=True)
    inside = size <= bound * _inverse(common)
    ratio = tl.where(inside, 1.0, bound / tl.where(size == 0, 1.0, size))
    inverse = tl.where(inside, 1.0, _inverse(common))
    tl.store(numbers, size * common)
    tl.store(numbers + 1, ratio * inverse)
    tl.store(numbers + 2, ratio)
    tl.store(numbers + 3, inverse)
    tl.store(counts, tl.sum(nan_count))
    tl.store(counts + 1, tl.sum(inf_count))


@triton.jit(do_not_specialize=["tiles"])
def apply(
    addresses, targets, lengths, owners, firsts, tiles, numbers, counts,
    DTYPE: tl.constexpr, COMPLEX: tl.constexpr, TILE: tl.constexpr, ALIGNED: tl.constexpr, IN_PLACE: tl.constexpr,
):  # fmt: skip
    """target = g·(1/s)·ratio with 0 for what is not finite; in place it leaves at once where nothing changes."""
    inverse = tl.load(numbers + 3)
    ratio = tl.load(numbers + 2)
    clips = (ratio != 1.0) | (inverse != 1.0)
    if IN_PLACE and not (clips | (tl.load(counts) + tl.load(counts + 1) > 0)):
        return
    for t in range(tl.program_id(0), tiles, tl.num_programs(0)):
        pointers, inside, full = _tile(addresses, lengths, owners, firsts, t, TILE, DTYPE, ALIGNED)
        x = _load(pointers, inside, full)
        _, bad = _broken(x, COMPLEX, TILE)
        x = tl.where(bad != 0, 0.0, x)
        if clips:
            x = (x.to(tl.float64) * inverse * ratio).to(DTYPE)
        written, inside, full = _tile(targets, lengths, owners, firsts, t, TILE, DTYPE, ALIGNED)
        if full:
            tl.store(written, x)
        else:
            tl.store(written, x, mask=inside)
