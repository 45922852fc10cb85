"""Triton kernels of softmax attention in padded batches: tiles of keys beyond a row's length are never read.

Flash attention (Dao, FlashAttention-2, 2023): a program holds a tile of queries, or, for the gradients of k and v, of
keys, and walks over the tiles of the other side that count. q is (rows, times, channels), k (rows, keys, channels), v
(rows, keys, value channels), contiguous, one dtype; lengths (rows) int32. The logarithm of each row's sum of
exponentials is kept for the gradients, 0 where no key counts. No sum crosses programs: every run gives the same bits.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from impl.triton.tiles import counting, product, read_tile, write_tile


class Plan(NamedTuple):
    """Tiles of queries and of keys, and their padded channels."""

    BLOCK_T: int
    BLOCK_S: int
    D: int
    E: int
    num_warps: int
    num_stages: int

    def blocks(self, times: int) -> int:
        return -(-times // self.BLOCK_T)

    def blocks_of_keys(self, keys: int) -> int:
        return -(-keys // self.BLOCK_S)


def plan(channels: int, value_channels: int, gradient: bool) -> Plan:
    wide = [max(triton.next_power_of_2(size), 16) for size in (channels, value_channels)]
    tiles, warps = ((64, 64), 4) if gradient else ((128, 64), 8 if max(wide) > 64 else 4)
    return Plan(*tiles, *wide, warps, 2)


@triton.jit
def forward(
    q, k, v, lengths, result, log_sums, times, keys, channels, value_channels,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, D: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """One tile of queries, the last ones first: where causal they have most to do."""
    blocks = tl.cdiv(times, BLOCK_T)
    row = (tl.program_id(0) // blocks).to(tl.int64)
    first = (blocks - 1 - tl.program_id(0) % blocks) * BLOCK_T
    length = tl.minimum(tl.load(lengths + row), keys)
    queries = read_tile(q, row, first, times, channels, BLOCK_T, D)
    time = first + tl.arange(0, BLOCK_T)
    highest = tl.full((BLOCK_T,), float("-inf"), SUM)
    sums, mixed = tl.zeros((BLOCK_T,), SUM), tl.zeros((BLOCK_T, E), SUM)
    last = tl.minimum(first + BLOCK_T, length) if CAUSAL else length
    for begin in range(0, last, BLOCK_S):
        scores = product(queries, tl.trans(read_tile(k, row, begin, keys, channels, BLOCK_S, D)), SUM) * SCALE
        counts = counting(time, begin + tl.arange(0, BLOCK_S), times, length, CAUSAL)
        scores = tl.where(counts, scores, float("-inf"))
        higher = tl.maximum(highest, tl.max(scores, 1))
        shift = tl.where(higher == float("-inf"), 0.0, higher)  # no key so far: −∞ − (−∞) is not a number
        weights, fading = tl.exp(scores - shift[:, None]), tl.exp(highest - shift)
        values = read_tile(v, row, begin, keys, value_channels, BLOCK_S, E)
        mixed = mixed * fading[:, None] + product(weights.to(values.dtype), values, SUM)
        sums, highest = sums * fading + tl.sum(weights, 1), higher
    some = sums > 0
    divisor = tl.where(some, sums, 1.0)
    write_tile(result, row, first, times, value_channels, mixed / divisor[:, None], BLOCK_T, E)
    tl.store(log_sums + row * times + time, tl.where(some, highest + tl.log(divisor), 0.0), mask=time < times)


@triton.jit
def gradient_of_queries(
    q, k, v, lengths, log_sums, deltas, cotangent, by_q, times, keys, channels, value_channels,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, D: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """∂q = scale·dS k, dS = P∘(cotangent vᵀ − δ); deltas: δ = ⟨cotangent, result⟩ of each query."""
    blocks = tl.cdiv(times, BLOCK_T)
    row, first = (tl.program_id(0) // blocks).to(tl.int64), (tl.program_id(0) % blocks) * BLOCK_T
    length = tl.minimum(tl.load(lengths + row), keys)
    queries = read_tile(q, row, first, times, channels, BLOCK_T, D)
    received = read_tile(cotangent, row, first, times, value_channels, BLOCK_T, E)
    time = first + tl.arange(0, BLOCK_T)
    log_sum = tl.load(log_sums + row * times + time, mask=time < times, other=0.0)
    delta = tl.load(deltas + row * times + time, mask=time < times, other=0.0)
    total = tl.zeros((BLOCK_T, D), SUM)
    last = tl.minimum(first + BLOCK_T, length) if CAUSAL else length
    for begin in range(0, last, BLOCK_S):
        tile = read_tile(k, row, begin, keys, channels, BLOCK_S, D)
        values = read_tile(v, row, begin, keys, value_channels, BLOCK_S, E)
        scores = product(queries, tl.trans(tile), SUM) * SCALE
        counts = counting(time, begin + tl.arange(0, BLOCK_S), times, length, CAUSAL)
        weights = tl.exp(tl.where(counts, scores - log_sum[:, None], float("-inf")))
        by_score = weights * (product(received, tl.trans(values), SUM) - delta[:, None])
        total += product(by_score.to(tile.dtype), tile, SUM)
    write_tile(by_q, row, first, times, channels, total * SCALE, BLOCK_T, D)


@triton.jit
def gradient_of_keys(
    q, k, v, lengths, log_sums, deltas, cotangent, by_k, by_v, times, keys, channels, value_channels,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, D: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    """∂k = scale·dSᵀ q and ∂v = Pᵀ cotangent of one tile of keys; zeros for a tile of padding, at no cost."""
    blocks = tl.cdiv(keys, BLOCK_S)
    row, first = (tl.program_id(0) // blocks).to(tl.int64), (tl.program_id(0) % blocks) * BLOCK_S
    length = tl.minimum(tl.load(lengths + row), keys)
    tile = read_tile(k, row, first, keys, channels, BLOCK_S, D)
    values = read_tile(v, row, first, keys, value_channels, BLOCK_S, E)
    key = first + tl.arange(0, BLOCK_S)
    along_k, along_v = tl.zeros((BLOCK_S, D), SUM), tl.zeros((BLOCK_S, E), SUM)
    begin = (first // BLOCK_T) * BLOCK_T if CAUSAL else 0
    end = tl.where(first < length, times, begin)
    for start in range(begin, end, BLOCK_T):
        time = start + tl.arange(0, BLOCK_T)
        queries = read_tile(q, row, start, times, channels, BLOCK_T, D)
        received = read_tile(cotangent, row, start, times, value_channels, BLOCK_T, E)
        log_sum = tl.load(log_sums + row * times + time, mask=time < times, other=0.0)
        delta = tl.load(deltas + row * times + time, mask=time < times, other=0.0)
        scores = product(queries, tl.trans(tile), SUM) * SCALE
        counts = counting(time, key, times, length, CAUSAL)
        weights = tl.exp(tl.where(counts, scores - log_sum[:, None], float("-inf")))
        along_v += product(tl.trans(weights.to(received.dtype)), received, SUM)
        by_score = weights * (product(received, tl.trans(values), SUM) - delta[:, None])
        along_k += product(tl.trans(by_score.to(queries.dtype)), queries, SUM)
    write_tile(by_k, row, first, keys, channels, along_k * SCALE, BLOCK_S, D)
    write_tile(by_v, row, first, keys, value_channels, along_v, BLOCK_S, E)
