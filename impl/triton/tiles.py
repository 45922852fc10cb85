"""Tiles of (rows, length, channels) arrays and their products, for kernels that walk over a matrix they never form."""

import triton
import triton.language as tl


@triton.jit
def read_tile(ptr, row, first, length, channels, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """Places first … first + BLOCK of one row, (BLOCK, WIDTH), zeros outside."""
    place, channel = first + tl.arange(0, BLOCK)[:, None], tl.arange(0, WIDTH)[None, :]
    inside = (place < length) & (channel < channels)
    return tl.load(ptr + row * length * channels + place.to(tl.int64) * channels + channel, mask=inside, other=0.0)


@triton.jit
def write_tile(ptr, row, first, length, channels, tile, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    place, channel = first + tl.arange(0, BLOCK)[:, None], tl.arange(0, WIDTH)[None, :]
    inside = (place < length) & (channel < channels)
    target = ptr + row * length * channels + place.to(tl.int64) * channels + channel
    tl.store(target, tile.to(ptr.dtype.element_ty), mask=inside)


@triton.jit
def product(a, b, SUM: tl.constexpr):
    """IEEE products: tf32 would round single precision to 11 bits."""
    return tl.dot(a, b, input_precision="ieee", out_dtype=SUM)


@triton.jit
def counting(time, key, times, keys, CAUSAL: tl.constexpr):
    """Which keys count for which query, (T, S)."""
    found = (time[:, None] < times) & (key[None, :] < keys)
    if CAUSAL:
        found = found & (key[None, :] <= time[:, None])
    return found
