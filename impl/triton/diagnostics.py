"""Magnitudes of every array of a set in one pass, through the set's table.

Arrays are cut into pieces; `measure` takes one piece a program, `gather` then one array a program. Sizes are in double.
Arrays that are themselves in double (WIDE) are summed in units of a power of two s near the largest element so far,
lane by lane.
"""

import triton
import triton.language as tl

from impl.triton.sets import inverse_of_power, lanes_of, load, power_below, start_of


@triton.jit
def _gathered(a, b, c, d, e, v, w, x, y, z):
    """Sums, sums of squares, largest, zeros and non-finite."""
    return a + v, b + w, tl.maximum(c, x), d + y, e + z


@triton.jit
def _moduli(x, WIDE: tl.constexpr, COMPLEX: tl.constexpr, TILE: tl.constexpr):
    """|x| of each element in double, 0 where it is not finite, and whether it is not."""
    bad = ((x != x) | (tl.abs(x) == float("inf"))).to(tl.int32)
    size = tl.abs(tl.where(bad != 0, 0.0, x.to(tl.float64)))
    if COMPLEX:
        bad = tl.max(tl.reshape(bad, (TILE // 2, 2)), axis=1)
        real, imaginary = tl.split(tl.reshape(size, (TILE // 2, 2)))
        if WIDE:
            near = power_below(tl.maximum(real, imaginary))
            real, imaginary = real * inverse_of_power(near), imaginary * inverse_of_power(near)
            size = tl.sqrt(real * real + imaginary * imaginary) * near
        else:
            size = tl.sqrt(real * real + imaginary * imaginary)
        size = tl.where(bad != 0, 0.0, size)
    return size, bad


@triton.jit(do_not_specialize=["pieces"])
def measure(
    addresses, lengths, owners, firsts, pieces, doubles, integers,
    DTYPE: tl.constexpr, WIDE: tl.constexpr, COMPLEX: tl.constexpr, TILE: tl.constexpr, PIECE: tl.constexpr,
    ALIGNED: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Of each piece doubles (4, pieces): Σ|x|/s, Σ|x/s|², largest |x|, s; integers (2, pieces): zeros, non-finite."""
    piece = tl.program_id(0)
    address, left = start_of(addresses, lengths, owners, firsts, piece, PIECE, DTYPE)
    left = tl.minimum(left, PIECE).to(tl.int32)
    total = tl.zeros((LANES,), tl.float64)
    squares = tl.zeros((LANES,), tl.float64)
    largest = tl.zeros((LANES,), tl.float64)
    scale = tl.full((LANES,), 1.0, tl.float64)
    if WIDE:
        scale = power_below(largest)
    zeros = tl.zeros((LANES,), tl.int32)
    broken = tl.zeros((LANES,), tl.int32)
    for start in range(0, left, TILE):
        x = load(address, left - start, TILE, DTYPE, ALIGNED)
        address += TILE * (DTYPE.primitive_bitwidth // 8)
        size, bad = _moduli(x, WIDE, COMPLEX, TILE)
        size, bad = lanes_of(size, LANES), lanes_of(bad, LANES)
        most = tl.max(size, axis=1)
        largest = tl.maximum(largest, most)
        zeros += tl.sum(((size == 0) & (bad == 0)).to(tl.int32), axis=1)
        broken += tl.sum(bad, axis=1)
        if WIDE:
            larger = tl.maximum(power_below(most), scale)
            shrink = scale * inverse_of_power(larger)
            size = size * inverse_of_power(larger)[:, None]
            total = total * shrink
            squares = squares * shrink * shrink
            scale = larger
        total += tl.sum(size, axis=1)
        squares += tl.sum(size * size, axis=1)
    common = 1.0
    if WIDE:
        common = tl.max(scale)
        shrink = scale * inverse_of_power(common)
        total = total * shrink
        squares = squares * shrink * shrink
    total, squares, largest, zeros, broken = tl.reduce((total, squares, largest, zeros, broken), 0, _gathered)
    each = 2 if COMPLEX else 1
    beyond = (tl.cdiv(left, TILE) * TILE - left) // each
    tl.store(doubles + piece, total)
    tl.store(doubles + pieces + piece, squares)
    tl.store(doubles + 2 * pieces + piece, largest)
    tl.store(doubles + 3 * pieces + piece, common)
    tl.store(integers + piece, (zeros - beyond).to(tl.int64))
    tl.store(integers + pieces + piece, broken.to(tl.int64))


@triton.jit(do_not_specialize=["pieces", "arrays"])
def gather(
    lengths, firsts, pieces, arrays, doubles, integers, sizes, counts,
    WIDE: tl.constexpr, COMPLEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """From its pieces, for each array, sizes (3, arrays): largest, mean, root mean square; counts (2, arrays): not
    finite, zeros."""
    array = tl.program_id(0)
    begin, end = tl.load(firsts + array), tl.load(firsts + array + 1)
    common = tl.full((), 1.0, tl.float64)
    if WIDE:
        scale = power_below(tl.zeros((BLOCK,), tl.float64))
        for start in range(begin, end, BLOCK):
            place = start + tl.arange(0, BLOCK)
            scale = tl.maximum(scale, tl.load(doubles + 3 * pieces + place, mask=place < end, other=0.0))
        common = tl.max(scale)
    total = tl.zeros((BLOCK,), tl.float64)
    squares = tl.zeros((BLOCK,), tl.float64)
    largest = tl.zeros((BLOCK,), tl.float64)
    zeros = tl.zeros((BLOCK,), tl.int64)
    broken = tl.zeros((BLOCK,), tl.int64)
    for start in range(begin, end, BLOCK):
        place = start + tl.arange(0, BLOCK)
        there = place < end
        sums = tl.load(doubles + place, mask=there, other=0.0)
        of_squares = tl.load(doubles + pieces + place, mask=there, other=0.0)
        if WIDE:
            shrink = tl.load(doubles + 3 * pieces + place, mask=there, other=0.0) * inverse_of_power(common)
            sums = sums * shrink
            of_squares = of_squares * shrink * shrink
        total += sums
        squares += of_squares
        largest = tl.maximum(largest, tl.load(doubles + 2 * pieces + place, mask=there, other=0.0))
        zeros += tl.load(integers + place, mask=there, other=0)
        broken += tl.load(integers + pieces + place, mask=there, other=0)
    total, squares, largest, zeros, broken = tl.reduce((total, squares, largest, zeros, broken), 0, _gathered)
    each = 2 if COMPLEX else 1
    finite = tl.maximum(tl.load(lengths + array) // each - broken, 1).to(tl.float64)
    tl.store(sizes + array, largest)
    tl.store(sizes + arrays + array, common * (total / finite))
    tl.store(sizes + 2 * arrays + array, common * tl.sqrt(squares / finite))
    tl.store(counts + array, broken)
    tl.store(counts + arrays + array, zeros)
