"""Sets of arrays on the device, tile by tile.

Arrays of one element type (real; a complex array is one of twice the length) are cut into tiles of TILE elements, each
a power of two so that a complex element never straddles two: tile t belongs to array owners[t], whose first tile,
address and length tables tell. Offsets are 64 bits wide.
"""

import triton
import triton.language as tl


@triton.jit
def power_below(size):
    """The power of two at or below each of these positive doubles, within [2⁻¹⁰⁰⁰, 2¹⁰⁰⁰]."""
    exponent = (size.to(tl.int64, bitcast=True) >> 52) & 2047
    exponent = tl.minimum(tl.maximum(exponent, 23), 2023)
    return (exponent << 52).to(tl.float64, bitcast=True)


@triton.jit
def inverse_of_power(power):
    """1/power for a power of two, exactly."""
    exponent = 2046 - ((power.to(tl.int64, bitcast=True) >> 52) & 2047)
    return (exponent << 52).to(tl.float64, bitcast=True)


@triton.jit
def start_of(addresses, lengths, owners, firsts, t, TILE: tl.constexpr, DTYPE: tl.constexpr):
    """The address of tile t, and how many elements its array has from there on."""
    owner = tl.load(owners + t)
    before = (t - tl.load(firsts + owner)).to(tl.int64) * TILE
    return tl.load(addresses + owner) + before * (DTYPE.primitive_bitwidth // 8), tl.load(lengths + owner) - before


@triton.jit
def _pointers(address, TILE: tl.constexpr, DTYPE: tl.constexpr, ALIGNED: tl.constexpr):
    base = address.to(tl.pointer_type(DTYPE))
    if ALIGNED:
        base = tl.multiple_of(base, 16)
    return base + tl.arange(0, TILE)


@triton.jit
def load(address, left, TILE: tl.constexpr, DTYPE: tl.constexpr, ALIGNED: tl.constexpr):
    """The tile, 0 beyond its array. Whole ones need no mask: their loads are wide."""
    pointers = _pointers(address, TILE, DTYPE, ALIGNED)
    if left >= TILE:
        x = tl.load(pointers)
    else:
        x = tl.load(pointers, mask=tl.arange(0, TILE) < left, other=0.0)
    return x


@triton.jit
def store(address, left, x, TILE: tl.constexpr, DTYPE: tl.constexpr, ALIGNED: tl.constexpr):
    pointers = _pointers(address, TILE, DTYPE, ALIGNED)
    if left >= TILE:
        tl.store(pointers, x)
    else:
        tl.store(pointers, x, mask=tl.arange(0, TILE) < left)


@triton.jit
def lanes_of(x, LANES: tl.constexpr):
    """Rows of neighbours, which one thread holds: their sum moves nothing."""
    return tl.reshape(x, (LANES, x.shape[0] // LANES))


@triton.jit
def broken(x, COMPLEX: tl.constexpr, TILE: tl.constexpr):
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
