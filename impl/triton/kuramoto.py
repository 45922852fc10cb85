"""Triton kernels of sine attention, out_i = Σ_j sin(scale·⟨q_i, k_j⟩ + lag) v_j: one source for PyTorch and JAX.

Flash tiling without a softmax: a program holds a tile of queries (or, for the gradients of k and v, of keys), walks
over the tiles of the other side, and forms the phases on chip. Arrays are q (rows, times, channels), k (rows, keys,
channels), v (rows, keys, value channels), contiguous, one dtype; lag (rows) in the dtype of the sums, SUM. Masks come
after the sine: the sine of a masked phase is not zero. No sum crosses programs, so every run gives the same bits.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from impl.triton.tiles import counting, product, read_tile, write_tile


class Plan(NamedTuple):
    """Tiles of queries and of keys, their padded channels, and how fast the sine may be."""

    BLOCK_T: int
    BLOCK_S: int
    D: int
    E: int
    FAST: bool
    num_warps: int
    num_stages: int

    def blocks(self, times: int) -> int:
        return -(-times // self.BLOCK_T)

    def blocks_of_keys(self, keys: int) -> int:
        return -(-keys // self.BLOCK_S)


def plan(channels: int, value_channels: int, bytes_of_number: int, gradient: bool) -> Plan:
    """The hardware sine errs by 2⁻²⁰·⁵: too much for single precision, nothing beside the rounding of halves."""
    wide = [max(triton.next_power_of_2(size), 16) for size in (channels, value_channels)]
    if bytes_of_number == 2:
        tiles, warps = ((64, 64), 4) if gradient else ((128, 64), 8 if max(wide) > 64 else 4)
    else:
        tiles, warps = ((32, 32) if bytes_of_number == 4 else (16, 16)), 4
    return Plan(*tiles, *wide, bytes_of_number == 2, warps, 2)


@triton.jit
def _turned(phase, FAST: tl.constexpr):
    """The phase less whole turns, for the hardware's sine, which knows one turn only.

    2π comes in two parts, the first of 8 bits: its multiples are exact.
    """
    if FAST:
        turns = tl.floor(phase * 0.15915494309189535 + 0.5)
        phase = (phase - turns * 6.28125) - turns * 1.9353071795864769e-3
    return phase


@triton.jit
def _sine(phase, FAST: tl.constexpr):
    if FAST:
        return tl.inline_asm_elementwise("sin.approx.f32 $0, $1;", "=f,f", [phase], tl.float32, True, 1)
    else:
        return tl.sin(phase)


@triton.jit
def _cosine(phase, FAST: tl.constexpr):
    if FAST:
        return tl.inline_asm_elementwise("cos.approx.f32 $0, $1;", "=f,f", [phase], tl.float32, True, 1)
    else:
        return tl.cos(phase)


@triton.jit
def _phase(q, k, lag, SCALE: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr):
    return _turned(product(q, tl.trans(k), SUM) * SCALE + lag, FAST)


@triton.jit
def forward(
    q, k, v, lag, result, times, keys, channels, value_channels,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, D: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """One tile of queries; the last tiles, the longest where causal, begin first."""
    blocks = tl.cdiv(times, BLOCK_T)
    row = (tl.program_id(0) // blocks).to(tl.int64)
    first = (blocks - 1 - tl.program_id(0) % blocks) * BLOCK_T
    behind = tl.load(lag + row)
    queries = read_tile(q, row, first, times, channels, BLOCK_T, D)
    time = first + tl.arange(0, BLOCK_T)
    total = tl.zeros((BLOCK_T, E), SUM)
    last = tl.minimum(first + BLOCK_T, keys) if CAUSAL else keys
    for begin in range(0, last, BLOCK_S):
        phase = _phase(queries, read_tile(k, row, begin, keys, channels, BLOCK_S, D), behind, SCALE, SUM, FAST)
        counts = counting(time, begin + tl.arange(0, BLOCK_S), times, keys, CAUSAL)
        weights = tl.where(counts, _sine(phase, FAST), 0.0)
        values = read_tile(v, row, begin, keys, value_channels, BLOCK_S, E)
        total += product(weights.to(values.dtype), values, SUM)
    write_tile(result, row, first, times, value_channels, total, BLOCK_T, E)


@triton.jit
def gradient_of_queries(
    q, k, v, lag, cotangent, by_q, by_lag, times, keys, channels, value_channels,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, D: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """∂q of one tile, and its share of ∂lag, (rows, tiles): dS = (cotangent vᵀ)∘cos S, ∂q = scale·dS k, ∂lag = Σ dS."""
    blocks = tl.cdiv(times, BLOCK_T)
    row, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    first = block * BLOCK_T
    behind = tl.load(lag + row)
    queries = read_tile(q, row, first, times, channels, BLOCK_T, D)
    received = read_tile(cotangent, row, first, times, value_channels, BLOCK_T, E)
    time = first + tl.arange(0, BLOCK_T)
    total, along_lag = tl.zeros((BLOCK_T, D), SUM), tl.zeros((BLOCK_T,), SUM)
    last = tl.minimum(first + BLOCK_T, keys) if CAUSAL else keys
    for begin in range(0, last, BLOCK_S):
        tile = read_tile(k, row, begin, keys, channels, BLOCK_S, D)
        phase = _phase(queries, tile, behind, SCALE, SUM, FAST)
        values = read_tile(v, row, begin, keys, value_channels, BLOCK_S, E)
        counts = counting(time, begin + tl.arange(0, BLOCK_S), times, keys, CAUSAL)
        by_phase = tl.where(counts, product(received, tl.trans(values), SUM) * _cosine(phase, FAST), 0.0)
        along_lag += tl.sum(by_phase, 1)
        total += product(by_phase.to(tile.dtype), tile, SUM)
    write_tile(by_q, row, first, times, channels, total * SCALE, BLOCK_T, D)
    tl.store(by_lag + row * blocks + block, tl.sum(along_lag, 0))


@triton.jit
def gradient_of_keys(
    q, k, v, lag, cotangent, by_k, by_v, times, keys, channels, value_channels,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, D: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """∂k = scale·dSᵀ q and ∂v = (sin S)ᵀ cotangent of one tile of keys."""
    blocks = tl.cdiv(keys, BLOCK_S)
    row, first = (tl.program_id(0) // blocks).to(tl.int64), (tl.program_id(0) % blocks) * BLOCK_S
    behind = tl.load(lag + row)
    tile = read_tile(k, row, first, keys, channels, BLOCK_S, D)
    values = read_tile(v, row, first, keys, value_channels, BLOCK_S, E)
    key = first + tl.arange(0, BLOCK_S)
    along_k, along_v = tl.zeros((BLOCK_S, D), SUM), tl.zeros((BLOCK_S, E), SUM)
    begin = (first // BLOCK_T) * BLOCK_T if CAUSAL else 0
    for start in range(begin, times, BLOCK_T):
        queries = read_tile(q, row, start, times, channels, BLOCK_T, D)
        received = read_tile(cotangent, row, start, times, value_channels, BLOCK_T, E)
        phase = _phase(queries, tile, behind, SCALE, SUM, FAST)
        counts = counting(start + tl.arange(0, BLOCK_T), key, times, keys, CAUSAL)
        weights = tl.where(counts, _sine(phase, FAST), 0.0)
        along_v += product(tl.trans(weights.to(received.dtype)), received, SUM)
        by_phase = tl.where(counts, product(received, tl.trans(values), SUM) * _cosine(phase, FAST), 0.0)
        along_k += product(tl.trans(by_phase.to(queries.dtype)), queries, SUM)
    write_tile(by_k, row, first, keys, channels, along_k * SCALE, BLOCK_S, D)
    write_tile(by_v, row, first, keys, value_channels, along_v, BLOCK_S, E)
