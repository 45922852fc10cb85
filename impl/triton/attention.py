"""Triton kernels of softmax attention in padded batches: tiles beyond a row's lengths are never read.

Flash attention (Dao, FlashAttention-2, 2023): a program holds a tile of queries, or, for the gradients of k and v, of
keys, and walks over the tiles of the other side that count; only tiles at the diagonal or at the row's end are masked.
q is (rows, times, channels), k (rows, keys, channels), v (rows, keys, value channels), contiguous, one dtype; lengths
and query_lengths (rows) int32: queries from the latter on give 0 and may hold anything. Scores are in units of ln 2.
The binary logarithm of each query's sum of exponentials is kept for the gradients, 0 where no key counts. No sum
crosses programs: every run gives the same bits.
"""

import triton
import triton.language as tl

from impl.triton.tiles import counting, product, reach_of_queries, read_tile, row_of, write_tile

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def forward(
    q, k, v, lengths, query_lengths, times, keys, result, log_sums,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """One tile of queries, the last ones first: where causal they have most to do. Zeros for a tile of padding.

    The scores of the next tile of keys are on their way while the weights of this one are formed.
    """
    UNIT: tl.constexpr = SCALE * LOG2_E
    blocks = tl.cdiv(times, BLOCK_T)
    row = (tl.program_id(0) // blocks).to(tl.int64)
    first = (blocks - 1 - tl.program_id(0) % blocks) * BLOCK_T
    stop = tl.minimum(tl.load(query_lengths + row), times)
    length = tl.where(first < stop, tl.minimum(tl.load(lengths + row), keys), 0)
    q = row_of(q, row, times, WIDTH)
    result = row_of(result, row, times, WIDTH)
    log_sums += row * times
    k = row_of(k, row, keys, WIDTH)
    v = row_of(v, row, keys, WIDTH)
    queries = read_tile(q, first, stop, BLOCK_T, WIDTH)
    time = first + tl.arange(0, BLOCK_T)
    highest = tl.full((BLOCK_T,), float("-inf"), SUM)
    sums, mixed = tl.zeros((BLOCK_T,), SUM), tl.zeros((BLOCK_T, WIDTH), SUM)
    inside, last = reach_of_queries(first, length, CAUSAL, BLOCK_T, BLOCK_S)
    ahead = product(queries, tl.trans(read_tile(k, 0, length, BLOCK_S, WIDTH)), SUM)
    for begin in range(0, inside, BLOCK_S):
        later = tl.minimum(begin, inside - 2 * BLOCK_S) + BLOCK_S
        following = read_tile(k, later, length, BLOCK_S, WIDTH, True)
        found, ahead = ahead, product(queries, tl.trans(following), SUM)
        top = tl.max(found, 1) * UNIT if SCALE >= 0 else tl.min(found, 1) * UNIT
        values = read_tile(v, begin, length, BLOCK_S, WIDTH, True)
        highest, sums, mixed = _mixed(highest, sums, mixed, top, found * UNIT, values, SUM)
    for begin in range(inside, last, BLOCK_S):
        tile = read_tile(k, begin, length, BLOCK_S, WIDTH)
        key = begin + tl.arange(0, BLOCK_S)
        counts = counting(time[:, None], key[None, :], times, length, CAUSAL)
        scores = tl.where(counts, product(queries, tl.trans(tile), SUM) * UNIT, float("-inf"))
        values = read_tile(v, begin, length, BLOCK_S, WIDTH)
        highest, sums, mixed = _mixed(highest, sums, mixed, tl.max(scores, 1), scores, values, SUM)
    some = sums > 0
    divisor = tl.where(some, sums, 1.0)
    mixed = tl.where((time < stop)[:, None], mixed / divisor[:, None], 0.0)
    write_tile(result, first, times, WIDTH, mixed, BLOCK_T, WIDTH)
    tl.store(log_sums + time, tl.where(some, highest + tl.log2(divisor), 0.0), mask=time < times)


@triton.jit
def _mixed(highest, sums, mixed, top, scores, values, SUM: tl.constexpr):
    """The running maximum, sums and mixtures of values, with the scores of one more tile and their maximum, top."""
    higher = tl.maximum(highest, top)
    shift = tl.where(higher == float("-inf"), 0.0, higher)  # no key so far: −∞ − (−∞) is not a number
    weights, fading = tl.exp2(scores - shift[:, None]), tl.exp2(highest - shift)
    mixed = mixed * fading[:, None] + product(weights.to(values.dtype), values, SUM)
    return higher, sums * fading + tl.sum(weights, 1), mixed


@triton.jit
def products_of_results(
    result, cotangent, query_lengths, times, deltas, ends,
    SUM: tl.constexpr, BLOCK_T: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """δ = ⟨cotangent, result⟩ of each query; ends (rows), which enters as zeros: where the cotangents of a row end.

    No tile behind it has one that is not zero, and it lies within query_lengths.
    """
    blocks = tl.cdiv(times, BLOCK_T)
    row, first = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks * BLOCK_T
    time = first + tl.arange(0, BLOCK_T)
    result = row_of(result, row, times, WIDTH)
    cotangent = row_of(cotangent, row, times, WIDTH)
    stop = tl.minimum(tl.load(query_lengths + row), times)
    received = read_tile(cotangent, first, stop, BLOCK_T, WIDTH)
    given = read_tile(result, first, stop, BLOCK_T, WIDTH)
    tl.store(deltas + row * times + time, tl.sum(received.to(SUM) * given.to(SUM), 1), mask=time < times)
    some = tl.max(tl.max((received != 0).to(tl.int32), 1), 0)
    if some > 0:
        tl.atomic_max(ends + row, tl.minimum(first + BLOCK_T, stop))


@triton.jit
def gradient_of_queries(
    q, k, v, lengths, log_sums, deltas, ends, cotangent, times, keys, by_q,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """∂q = scale·dS k, dS = P∘(cotangent vᵀ − δ); zeros behind the end of the row's cotangents, at no cost."""
    UNIT: tl.constexpr = SCALE * LOG2_E
    blocks = tl.cdiv(times, BLOCK_T)
    row = (tl.program_id(0) // blocks).to(tl.int64)
    first = (blocks - 1 - tl.program_id(0) % blocks) * BLOCK_T
    stop = tl.load(ends + row)
    length = tl.where(first < stop, tl.minimum(tl.load(lengths + row), keys), 0)
    q = row_of(q, row, times, WIDTH)
    by_q = row_of(by_q, row, times, WIDTH)
    cotangent = row_of(cotangent, row, times, WIDTH)
    log_sums, deltas = log_sums + row * times, deltas + row * times
    k = row_of(k, row, keys, WIDTH)
    v = row_of(v, row, keys, WIDTH)
    queries = read_tile(q, first, stop, BLOCK_T, WIDTH)
    received = read_tile(cotangent, first, stop, BLOCK_T, WIDTH)
    time = first + tl.arange(0, BLOCK_T)
    log_sum = tl.load(log_sums + time, mask=time < stop, other=0.0)
    delta = tl.load(deltas + time, mask=time < stop, other=0.0)
    total = tl.zeros((BLOCK_T, WIDTH), SUM)
    inside, last = reach_of_queries(first, length, CAUSAL, BLOCK_T, BLOCK_S)
    ahead = product(queries, tl.trans(read_tile(k, 0, length, BLOCK_S, WIDTH)), SUM)
    for begin in range(0, inside, BLOCK_S):
        later = tl.minimum(begin, inside - 2 * BLOCK_S) + BLOCK_S
        following = read_tile(k, later, length, BLOCK_S, WIDTH, True)
        found, ahead = ahead, product(queries, tl.trans(following), SUM)
        values = read_tile(v, begin, length, BLOCK_S, WIDTH, True)
        by_weight = product(received, tl.trans(values), SUM)
        by_score = tl.exp2(found * UNIT - log_sum[:, None]) * (by_weight - delta[:, None])
        tile = read_tile(k, begin, length, BLOCK_S, WIDTH, True)
        total += product(by_score.to(tile.dtype), tile, SUM)
    for begin in range(inside, last, BLOCK_S):
        tile = read_tile(k, begin, length, BLOCK_S, WIDTH)
        values = read_tile(v, begin, length, BLOCK_S, WIDTH)
        key = begin + tl.arange(0, BLOCK_S)
        counts = counting(time[:, None], key[None, :], times, length, CAUSAL)
        scores = tl.where(counts, product(queries, tl.trans(tile), SUM) * UNIT - log_sum[:, None], float("-inf"))
        by_weight = product(received, tl.trans(values), SUM)
        total += product((tl.exp2(scores) * (by_weight - delta[:, None])).to(tile.dtype), tile, SUM)
    write_tile(by_q, first, times, WIDTH, total * SCALE, BLOCK_T, WIDTH)


@triton.jit
def gradient_of_keys(
    q, k, v, lengths, log_sums, deltas, ends, cotangent, times, keys, by_k, by_v,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """∂k = scale·dSᵀ q and ∂v = Pᵀ cotangent of one tile of keys; zeros for a tile of padding, at no cost.

    Scores come transposed, (keys, times): as the left factor of the next product they stay in registers.
    """
    blocks = tl.cdiv(keys, BLOCK_S)
    row, first = (tl.program_id(0) // blocks).to(tl.int64), (tl.program_id(0) % blocks) * BLOCK_S
    length = tl.minimum(tl.load(lengths + row), keys)
    q = row_of(q, row, times, WIDTH)
    cotangent = row_of(cotangent, row, times, WIDTH)
    log_sums, deltas = log_sums + row * times, deltas + row * times
    k = row_of(k, row, keys, WIDTH)
    v = row_of(v, row, keys, WIDTH)
    by_k = row_of(by_k, row, keys, WIDTH)
    by_v = row_of(by_v, row, keys, WIDTH)
    tile = read_tile(k, first, length, BLOCK_S, WIDTH)
    values = read_tile(v, first, length, BLOCK_S, WIDTH)
    along_k, along_v = tl.zeros((BLOCK_S, WIDTH), SUM), tl.zeros((BLOCK_S, WIDTH), SUM)
    stop = tl.where(first < length, tl.load(ends + row), 0)
    whole = stop // BLOCK_T * BLOCK_T
    begin, inside = 0, 0
    if CAUSAL:
        begin = tl.minimum(first // BLOCK_T * BLOCK_T, whole)
        inside = tl.minimum(tl.cdiv(first + BLOCK_S - 1, BLOCK_T) * BLOCK_T, whole)
    diagonal = (inside - begin) // BLOCK_T
    edges = diagonal + tl.where(whole < stop, 1, 0)
    for edge in range(0, edges):
        start = tl.where(edge < diagonal, begin + edge * BLOCK_T, whole)
        along_k, along_v = _pulled_to_keys(
            along_k, along_v, tile, values, q, cotangent, log_sums, deltas, first, start, stop, times, length,
            SCALE, CAUSAL, SUM, BLOCK_T, BLOCK_S, WIDTH, False,
        )  # fmt: skip
    for start in range(inside, whole, BLOCK_T):
        along_k, along_v = _pulled_to_keys(
            along_k, along_v, tile, values, q, cotangent, log_sums, deltas, first, start, stop, times, length,
            SCALE, CAUSAL, SUM, BLOCK_T, BLOCK_S, WIDTH, True,
        )  # fmt: skip
    counts = (first + tl.arange(0, BLOCK_S) < length)[:, None]  # padding met zeros: its sums mean nothing
    write_tile(by_k, first, keys, WIDTH, tl.where(counts, along_k * SCALE, 0.0), BLOCK_S, WIDTH)
    write_tile(by_v, first, keys, WIDTH, tl.where(counts, along_v, 0.0), BLOCK_S, WIDTH)


@triton.jit
def _pulled_to_keys(
    along_k, along_v, tile, values, q, cotangent, log_sums, deltas, first, start, stop, times, length,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr, INSIDE: tl.constexpr,
):  # fmt: skip
    time = start + tl.arange(0, BLOCK_T)
    # From stop on queries and cotangents may hold anything; what was found of them is finite as far as times.
    queries = read_tile(q, start, stop, BLOCK_T, WIDTH, INSIDE)
    received = read_tile(cotangent, start, stop, BLOCK_T, WIDTH, INSIDE)
    if INSIDE:
        log_sum, delta = tl.load(log_sums + time), tl.load(deltas + time)
    else:
        log_sum = tl.load(log_sums + time, mask=time < times, other=0.0)
        delta = tl.load(deltas + time, mask=time < times, other=0.0)
    weights = tl.exp2(product(tile, tl.trans(queries), SUM) * (SCALE * LOG2_E) - log_sum[None, :])
    if not INSIDE:
        key = first + tl.arange(0, BLOCK_S)
        weights = tl.where(counting(time[None, :], key[:, None], stop, length, CAUSAL), weights, 0.0)
    by_score = weights * (product(values, tl.trans(received), SUM) - delta[None, :])
    along_v += product(weights.to(received.dtype), received, SUM)
    return along_k + product(by_score.to(queries.dtype), queries, SUM), along_v
