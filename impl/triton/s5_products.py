"""Products in single precision on tensor cores of 11 bits, and the tables of matrices that they are given.

A number is the sum of two of 11 bits up to its 23rd, and of the four products of two such sums three count.
Tensor cores truncate what they accumulate, 8 numbers at a time: long sums add few such products where sums are rounded.
"""

import triton
import triton.language as tl

GROUP = 8  # states whose real parts are followed by their imaginary parts: a thread gets a row of the one and the other


def parts(states: int) -> int:
    """Rows of a table: real and imaginary parts of states in whole groups."""
    return -(-states // GROUP) * 2 * GROUP


@triton.jit
def rounded(x):
    """To the 11 bits of tf32."""
    return ((x.to(tl.int32, bitcast=True) + 0x1000) & -0x2000).to(tl.float32, bitcast=True)


@triton.jit
def parts_of(index):
    """The state and the part, 0 or 1, that stand at an index of a table."""
    return index // 16 * 8 + index % 8, index // 8 % 2


@triton.jit
def planes(ptr, row, column, rows, columns):
    """Part of a (rows, columns) matrix as the two planes that it is the sum of."""
    inside, index = (row < rows) & (column < columns), row * columns + column
    high = tl.load(ptr + index, mask=inside, other=0.0)
    return high, tl.load(ptr + rows * columns + index, mask=inside, other=0.0)


@triton.jit
def in_two(x, EXACT: tl.constexpr):
    """x as the sum of two numbers of 11 bits, the second of which is not needed where 11 bits hold it, EXACT."""
    if EXACT:
        return x, x
    else:
        high = rounded(x)
        return high, rounded(x - high)


@triton.jit
def multiplied(ah, al, bh, bl, EXACT: tl.constexpr):
    """a b of sums of two; b has no second when EXACT."""
    own = tl.dot(al, bh, input_precision="tf32")
    if not EXACT:
        own = tl.dot(ah, bl, own, input_precision="tf32")
    return tl.dot(ah, bh, own, input_precision="tf32")
