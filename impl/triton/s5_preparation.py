"""What a run over a sequence reads besides it: matrices as tensor cores multiply them, and powers of the decays.

One launch writes all of it: a launch for each would take longer than the work.
"""

import triton
import triton.language as tl

from impl.triton.s5_lanes import power, product
from impl.triton.s5_products import parts_of, rounded
from impl.triton.s5_slabs import LANES
from impl.triton.s5_tiles import pair

ENTRIES = 256  # that a program writes of each table


def programs(entries: int) -> int:
    return -(-entries // ENTRIES)


@triton.jit(do_not_specialize=["channels", "states"])
def prepare(
    decay, gain, input_matrix, output_matrix, channels, states, lasting, into, out_of,
    REVERSE: tl.constexpr, STEPS: tl.constexpr, WINDOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Of x_t = λ x_{t−1} + M u_t and Re(N x), where M = γ∘B and N = 2 C, or in REVERSE M = 2 conj(Cᵀ) and N is
    conj((γ∘B)ᵀ).

    decay: λ, (states). gain: γ, (states). input_matrix: B, (states, channels). output_matrix: C, (channels, states).
    lasting: λ^STEPS, and then the powers of what that is to the power of LANES, from the zeroth, real parts and then
    imaginary parts, (2, 1 + WINDOW, states). into: the parts of M, (2, parts, channels); out_of: the real and negative
    imaginary parts of N, (2, channels, parts); both in two planes of 11 bits that add up to them.
    """
    begin = tl.program_id(0) * BLOCK
    entry = begin + tl.arange(0, BLOCK)
    _table(into, entry, gain, input_matrix, output_matrix, channels, states, True, not REVERSE)
    _table(out_of, entry, gain, input_matrix, output_matrix, channels, states, False, REVERSE)
    if begin < states:
        _powers(lasting, entry, decay, states, STEPS, WINDOW)


@triton.jit
def _table(result, entry, gain, input_matrix, output_matrix, channels, states, BY_STATE: tl.constexpr,
           DRIVING: tl.constexpr):  # fmt: skip
    parts = (states + 7) // 8 * 16
    size = channels * parts
    if BY_STATE:
        index, channel = entry // channels, entry % channels
    else:
        index, channel = entry % parts, entry // parts
    state, part = parts_of(index)
    inside = (entry < size) & (state < states)
    if DRIVING:
        gr, gi = pair(gain, state, inside)
        re, im = pair(input_matrix, state * channels + channel, inside)
        re, im = product(gr, gi, re, im, False)
    else:
        re, im = pair(output_matrix, channel * states + state, inside)
        re, im = 2 * re, -2 * im
    x = tl.where(part == 0, re, im)
    high = rounded(x)
    tl.store(result + entry, high, mask=entry < size)
    tl.store(result + size + entry, rounded(x - high), mask=entry < size)


@triton.jit
def _powers(lasting, state, decay, states, STEPS: tl.constexpr, WINDOW: tl.constexpr):
    """In double, each rounded once."""
    inside, plane = state < states, (1 + WINDOW) * states
    fr, fi = pair(decay, state, inside)
    pr, pi = power(fr.to(tl.float64), fi.to(tl.float64), STEPS, False)
    _store(lasting, state, plane, pr, pi, inside)
    wr, wi = power(pr, pi, LANES, False)
    ar, ai = tl.zeros_like(wr) + 1, tl.zeros_like(wr)
    for k in tl.static_range(WINDOW):
        _store(lasting, (1 + k) * states + state, plane, ar, ai, inside)
        ar, ai = product(wr, wi, ar, ai, False)


@triton.jit
def _store(ptr, index, plane, re, im, inside):
    tl.store(ptr + index, re.to(tl.float32), mask=inside)
    tl.store(ptr + plane + index, im.to(tl.float32), mask=inside)
