"""Tiles of (rows, length, channels) arrays and their products, for kernels that walk over a matrix they never form.

All arrays that are read have WIDTH channels, a power of two and 16 or more: whoever calls fills up with zeros. Where
channels were masked instead, Triton 3.6's ptxas took descriptors of tiles from a register that nothing had written.
"""

from typing import NamedTuple

import triton
import triton.language as tl

ROOMY = ((9, 0), (10, 0), (10, 3))  # CUDA capabilities whose multiprocessors lend a program 227 KiB


class Tiling(NamedTuple):
    """Tiles of queries and of keys, their channels, and how they are computed."""

    BLOCK_T: int
    BLOCK_S: int
    WIDTH: int
    num_warps: int
    num_stages: int

    def blocks(self, times: int) -> int:
        return -(-times // self.BLOCK_T)

    def blocks_of_keys(self, keys: int) -> int:
        return -(-keys // self.BLOCK_S)


def tiling(channels: int, value_channels: int, bytes_of_number: int, held: str, roomy: bool) -> Tiling:
    """The fastest tiles measured on an H100, and tiles that fit elsewhere (roomy: a capability among ROOMY).

    held: what a program keeps on chip, "queries" for the value, "queries and cotangents" or "keys" for the gradients.
    """
    size = max(triton.next_power_of_2(max(channels, value_channels)), 16)
    if bytes_of_number > 2:
        tiles, warps, stages = (32, 32) if bytes_of_number == 4 else (16, 16), 4, 2 if size <= 64 else 1
    elif size <= 64:
        tiles, warps, stages = (64, 64), 4, 3 if roomy else 2
    elif size > 128:
        tiles, warps, stages = ((64, 32), 4, 2) if roomy else ((32, 32), 4, 1)
    else:
        tiles, warps, stages = ((128, 64), 8, 3) if roomy else ((64, 32), 4, 2)
    if held == "keys" and bytes_of_number == 2 and size > 64:
        tiles, warps, stages = (32, 64), (4 if size <= 128 else 8), (4 if size <= 128 else 3) if roomy else 2
    return Tiling(*tiles, size, warps, stages)


@triton.jit
def row_of(ptr, row, length, channels):
    """Where a row of (rows, length, channels) begins."""
    return ptr + tl.cast(row, tl.int64) * length * channels


@triton.jit
def read_tile(ptr, first, end, BLOCK: tl.constexpr, WIDTH: tl.constexpr, INSIDE: tl.constexpr = False):
    """Places first … first + BLOCK of the row that begins at ptr, (BLOCK, WIDTH), zeros from `end` on.

    INSIDE: no place reaches the end, and nothing is masked.
    """
    source, place, _ = _addresses(ptr, first, WIDTH, BLOCK, WIDTH)
    if INSIDE:
        return tl.load(source)
    else:
        return tl.load(source, mask=place < end, other=0.0)


@triton.jit
def write_tile(ptr, first, end, channels, tile, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """Of places first … first + BLOCK of the row that begins at ptr those before `end`, and of WIDTH channels as many
    as it has."""
    target, place, channel = _addresses(ptr, first, channels, BLOCK, WIDTH)
    tl.store(target, tile.to(ptr.dtype.element_ty), mask=(place < end) & (channel < channels))


@triton.jit
def _addresses(ptr, first, channels, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """The offsets within a tile do not depend on where it lies, so that a loop over tiles moves one pointer."""
    place, channel = tl.arange(0, BLOCK)[:, None], tl.arange(0, WIDTH)[None, :]
    return ptr + tl.cast(first, tl.int64) * channels + (place * channels + channel), first + place, channel


@triton.jit
def product(a, b, SUM: tl.constexpr):
    """IEEE products: tf32 would round single precision to 11 bits."""
    return tl.dot(a, b, input_precision="ieee", out_dtype=SUM)


@triton.jit
def counting(time, key, times, keys, CAUSAL: tl.constexpr):
    """Which keys count for which query; time and key broadcast, (T, 1) and (1, S) or (1, T) and (S, 1)."""
    found = (time < times) & (key < keys)
    if CAUSAL:
        found = found & (key <= time)
    return found


@triton.jit
def reach_of_queries(first, keys, CAUSAL: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr):
    """Where the keys end that count for every query of a tile, in whole tiles, and where those end that may count."""
    if CAUSAL:
        inside, last = tl.minimum(first + 1, keys), tl.minimum(first + BLOCK_T, keys)
    else:
        inside, last = keys, keys
    return inside // BLOCK_S * BLOCK_S, last
