"""How the sites of tridiagonal matrices are dealt out to lanes, read and written.

A lane holds SITES consecutive sites in registers; LANES lanes, within one warp, are a row, and ROWS rows a block of one
chain. A program takes one block of CHAINS chains: its arrays are (CHAINS·ROWS, LANES). KIND of an array: "real", or
"pairs" (re, im, re, im …).
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

from typing import NamedTuple

import triton
import triton.language as tl


class Plan(NamedTuple):
    """How a batch is dealt out. small: one compiled kernel, on complex data, for every shape."""

    chains: int
    rows: int
    lanes: int
    sites: int
    blocks: int
    small: bool = False

    @property
    def options(self) -> dict[str, int]:
        warps = max(self.chains * self.rows * self.lanes // 32, 1)
        return {"CHAINS": self.chains, "ROWS": self.rows, "LANES": self.lanes, "SITES": self.sites, "num_warps": warps}


SMALL = Plan(2, 1, 16, 4, 1, small=True)
WHOLE = 512  # lanes: of the longest chain that a program takes whole
PART = 256  # lanes: of a block of a longer chain
LARGE = 1 << 19  # sites: enough to keep every lane of a GPU busy
REGISTERS, MOST = 1 << 16, 255  # of a multiprocessor, and of a thread


def plan(batch: int, length: int, sites: int) -> Plan:
    """A lane takes `sites` sites, half of them where lanes are more welcome than a cheap exchange between them.

    A small problem costs its launch, however it is read; what it must not cost is compilation.
    """
    if length <= SMALL.lanes * SMALL.sites and batch * length <= 1 << 16:
        return SMALL
    if batch * length < LARGE:
        sites //= 2
    lanes = min(_power_of_two(-(-length // sites)), 32)
    if length > WHOLE * sites:
        return Plan(1, PART // lanes, lanes, sites, -(-length // (PART * sites)))
    rows = _power_of_two(-(-length // (lanes * sites)))
    return Plan(max(64 // (rows * lanes), 1), rows, lanes, sites, 1)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def rows_of_blocks(blocks: int) -> dict[str, int]:
    """How the kernels that scan the blocks of a chain take them: 32 a warp, one warp or at most 512 at a time."""
    rows = min((rows for rows in (1, 8, 16) if rows * 32 >= blocks), default=16)
    return {"ROWS": rows, "num_warps": rows}


def registers(warps: int) -> dict[str, int]:
    """All the registers that a program may have; left to itself, the assembler may spill most of them for nothing."""
    return {"maxnreg": min(REGISTERS // (32 * warps), MOST)}


# Sizes and strides: one compiled kernel serves them all.
SIZES = [
    "chains", "n", "blocks", "main_stride", "upper_stride", "lower_stride", "shift_stride", "cotangent_stride",
]  # fmt: skip


@triton.jit
def lanes_of(chains, n, blocks, CHAINS: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr):
    """Of this program: each row's chain, whether it exists, the block's first site, how many sites the chain has left
    there, each lane's first site in the block, and, (CHAINS, 1), which block of all it is and whether it exists."""
    program = tl.program_id(0)
    block = program % blocks
    first = (program // blocks).to(tl.int64) * CHAINS
    row = tl.arange(0, CHAINS * ROWS)[:, None]
    own = first + row // ROWS
    start = block.to(tl.int64) * (ROWS * LANES * SITES)
    left = tl.minimum(n - start, ROWS * LANES * SITES + 1).to(tl.int32)
    at = ((row % ROWS) * LANES + tl.arange(0, LANES)[None, :]) * SITES
    whole = first + tl.arange(0, CHAINS)[:, None]
    index = tl.minimum(whole, chains - 1) * blocks + block
    return tl.minimum(own, chains - 1), own < chains, start, left, at, index, whole < chains


@triton.jit
def apart(x, COUNT: tl.constexpr):
    """The last axis of x (rows, lanes, COUNT), COUNT a power of two, as a tuple."""
    rows: tl.constexpr = x.shape[0]
    lanes: tl.constexpr = x.shape[1]
    parts = (x,)
    for level in tl.static_range(COUNT.bit_length() - 1):
        evens, odds = (), ()
        for k in tl.static_range(len(parts)):
            even, odd = tl.split(tl.reshape(parts[k], (rows, lanes, COUNT >> (level + 1), 2)))
            evens, odds = evens + (even,), odds + (odd,)
        parts = evens + odds
    out = ()
    for k in tl.static_range(COUNT):
        out = out + (tl.reshape(parts[k], (rows, lanes)),)
    return out


@triton.jit
def side_by_side(parts, COUNT: tl.constexpr):
    """(rows, lanes, COUNT), COUNT a power of two: the parts become the last axis."""
    rows: tl.constexpr = parts[0].shape[0]
    lanes: tl.constexpr = parts[0].shape[1]
    for level in tl.static_range(COUNT.bit_length() - 1):
        joined = ()
        for k in tl.static_range(COUNT >> (level + 1)):
            pair = tl.join(parts[k], parts[k + (COUNT >> (level + 1))])
            joined = joined + (tl.reshape(pair, (rows, lanes, 2 << level)),)
        parts = joined
    return parts[0]


@triton.jit
def numbers(ptr, row, at, low, high, COUNT: tl.constexpr, ALIGNED: tl.constexpr):
    """Numbers row + at … row + at + COUNT - 1 of each lane, as a tuple; zero unless low <= at + j < high.

    ALIGNED: row, low and high are multiples of 16 bytes, and each lane reads vectors; else lanes read side by side and
    exchange what they read. One load an array, whose parts are apart: Triton's compilation goes through the whole
    kernel for every load.
    """
    width: tl.constexpr = 128 // ptr.dtype.element_ty.primitive_bitwidth
    parts: tl.constexpr = COUNT // width
    rows: tl.constexpr = at.shape[0]
    lanes: tl.constexpr = at.shape[1]
    if ALIGNED:
        row = (row >> (width >> 1)) * width  # x >> (width >> 1) is ⌊x / width⌋ for 2 and 4
        high = (high >> (width >> 1)) * width
    part = tl.arange(0, parts)[:, None, None, None] * width + tl.arange(0, width)[None, None, None, :]
    position = at[None, :, :, None] + part
    inside = position < high
    if not ALIGNED:
        inside = inside & (position >= low)
    x = tl.load(ptr + row[None, :, :, None] + position, mask=inside, other=0)
    return apart(tl.reshape(tl.permute(x, (1, 2, 0, 3)), (rows, lanes, COUNT)), COUNT)


@triton.jit
def entries(ptr, row, at, low, high, KIND: tl.constexpr, SITES: tl.constexpr, ALIGNED: tl.constexpr):
    """SITES consecutive entries of each lane from row + at, (re,) or (re, im); zero unless low <= at + j < high."""
    out = ()
    if KIND == "pairs":
        flat = numbers(ptr, row * 2, at * 2, low * 2, high * 2, 2 * SITES, ALIGNED)
        for j in tl.static_range(SITES):
            out = out + ((flat[2 * j], flat[2 * j + 1]),)
    else:
        re = numbers(ptr, row, at, low, high, SITES, ALIGNED)
        for j in tl.static_range(SITES):
            out = out + ((re[j],),)
    return out


@triton.jit
def of_chain(ptr, stride, chain):
    """A complex number of each chain."""
    return tl.load(ptr + 2 * chain * stride), tl.load(ptr + 2 * chain * stride + 1)


@triton.jit
def read_sites(main, upper, lower, strides, z, chain, start, left, at, MAIN: tl.constexpr, OFF: tl.constexpr,
               SITES: tl.constexpr, ALIGNED: tl.constexpr):  # fmt: skip
    """(m, upper_{i-1}, lower_i) of the SITES sites of each lane; beyond the chain m ≠ 0 and no bonds, which is neutral.

    `left` is how many sites the chain still has at the block's start.
    """
    m = entries(main, chain * strides[0] + start, at, 0, left, MAIN, SITES, ALIGNED)
    first = first_bond(start)
    u = entries(upper, chain * strides[1] + start - 1, at, first, left, OFF, SITES, False)
    low = entries(lower, chain * strides[2] + start, at, 0, left - 1, OFF, SITES, False)
    out = ()
    for j in tl.static_range(SITES):
        re = tl.where(at + j < left, m[j][0] - z[0], 1.0)
        im = (m[j][1] if MAIN != "real" else tl.zeros_like(re)) - z[1]
        out = out + (((re, im), u[j], low[j]),)
    return out


@triton.jit
def first_bond(start):
    """The first site of a block that has a bond to the left."""
    return tl.where(start > 0, 0, 1).to(tl.int32)


@triton.jit
def write(ptr, row, at, values, low, high, alive, KIND: tl.constexpr, SITES: tl.constexpr,
          ALIGNED: tl.constexpr):  # fmt: skip
    """Write SITES entries of each lane, of the sites low <= at + j < high of living chains; "real": their real parts.

    ALIGNED: row, low and high are multiples of 16 bytes, and each lane stores vectors; else all of a row's lanes store
    side by side.
    """
    flat = ()
    for j in tl.static_range(SITES):
        flat = flat + (values[j][0],)
        if KIND == "pairs":
            flat = flat + (values[j][1],)
    if KIND == "pairs":
        write_numbers(ptr, row * 2, at * 2, flat, low * 2, high * 2, alive, 2 * SITES, ALIGNED)
    else:
        write_numbers(ptr, row, at, flat, low, high, alive, SITES, ALIGNED)


@triton.jit
def write_numbers(ptr, row, at, flat, low, high, alive, COUNT: tl.constexpr, ALIGNED: tl.constexpr):
    """The reverse of `numbers`."""
    width: tl.constexpr = 128 // ptr.dtype.element_ty.primitive_bitwidth
    parts: tl.constexpr = COUNT // width
    rows: tl.constexpr = at.shape[0]
    lanes: tl.constexpr = at.shape[1]
    if ALIGNED:
        row = (row >> (width >> 1)) * width
        high = (high >> (width >> 1)) * width
    x = tl.permute(tl.reshape(side_by_side(flat, COUNT), (rows, lanes, parts, width)), (2, 0, 1, 3))
    part = tl.arange(0, parts)[:, None, None, None] * width + tl.arange(0, width)[None, None, None, :]
    position = at[None, :, :, None] + part
    inside = alive[None, :, :, None] & (position < high)
    if not ALIGNED:
        inside = inside & (position >= low)
    tl.store(ptr + row[None, :, :, None] + position, x, mask=inside)


@triton.jit
def write_gradients(arrays, values, n, chain, start, left, at, alive, MAIN: tl.constexpr, OFF: tl.constexpr,
                    SITES: tl.constexpr, ALIGNED: tl.constexpr):  # fmt: skip
    """Gradients at site i of main_i, upper_{i-1} and lower_i."""
    off = n - 1
    write(arrays[0], chain * n + start, at, values[0], 0, left, alive, MAIN, SITES, ALIGNED)
    first = first_bond(start)
    write(arrays[1], chain * off + start - 1, at, values[1], first, left, alive, OFF, SITES, False)
    write(arrays[2], chain * off + start, at, values[2], 0, left - 1, alive, OFF, SITES, False)


@triton.jit
def chain_total(v, ROWS: tl.constexpr):
    """(CHAINS, 1): the sum over the lanes of each chain."""
    return tl.sum(tl.reshape(tl.sum(v, 1), (v.shape[0] // ROWS, ROWS)), 1, keep_dims=True)
