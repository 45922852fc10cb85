"""What an S5 layer's states, in the lanes of a tile, give its result: Re(N x) + D∘u."""

import triton
import triton.language as tl

from impl.triton.s5_products import in_two, multiplied, planes
from impl.triton.s5_slabs import SLAB, out_of_lanes, places, times_at

AHEAD = tl.constexpr(3)  # two pieces of a matrix are on their way while one is multiplied by


@triton.jit
def read_out(xr, xi, former, matrix, out_of, u, through, result, first, left, parts, channels, SLABS: tl.constexpr,
             STATES: tl.constexpr, WIDE: tl.constexpr, DEPTH: tl.constexpr):  # fmt: skip
    """result = D∘u, for the first block of states, plus the real part of N x. former, matrix: what is `before`, and N,
    of the first slab, if that is one piece."""
    part, channel = 2 * first + tl.arange(0, 2 * STATES)[None, :], tl.arange(0, DEPTH)
    for slab in tl.static_range(SLABS):
        place = places(slab * SLAB + tl.arange(0, SLAB)[:, None], SLABS, False)
        whole, rest = in_two(out_of_lanes(xr, xi, slab, STATES, False), False)
        if WIDE == DEPTH:
            if slab > 0:
                former = before(u, result, first, place, left, channel, channels)
            _add_up(former, matrix, whole, rest, through, result, first, place, left, channel, channels)
        else:
            for begin in tl.range(0, WIDE, DEPTH, num_stages=AHEAD):
                whose = begin + channel
                y = before(u, result, first, place, left, whose, channels)
                table = planes(out_of, whose[:, None], part, channels, parts)
                _add_up(y, table, whole, rest, through, result, first, place, left, whose, channels)
    tl.debug_barrier()


@triton.jit
def before(u, result, first, place, left, channel, channels):
    """u for the first block of states, and then what the others have left."""
    if first == 0:
        y = times_at(u, place, left, channel[None, :], channels)
    else:
        y = times_at(result, place, left, channel[None, :], channels)
    return y


@triton.jit
def _add_up(y, matrix, whole, rest, through, result, first, place, left, channel, channels):
    """What the states give some channels of a slab, added to D∘y if they are the first, and else to y."""
    high, low = matrix
    own = multiplied(whole, rest, tl.trans(high), tl.trans(low), False)
    scale = tl.load(through + channel, mask=(channel < channels) & (first == 0), other=1.0).to(tl.float32)
    y *= scale[None, :]
    SHAPE: tl.constexpr = y.shape
    # In pairs: otherwise y takes on the layout of the product, and is waited for, before the product begins.
    PAIRS: tl.constexpr = (SHAPE[0], SHAPE[1] // 2, 2)
    y = tl.reshape(tl.reshape(y, PAIRS) + tl.reshape(own, PAIRS), SHAPE)
    inside = (place < left) & (channel[None, :] < channels)
    tl.store(result + place * channels + channel[None, :], y.to(result.dtype.element_ty), mask=inside)
