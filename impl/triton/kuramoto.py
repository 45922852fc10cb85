"""Triton kernels of sine attention, out_i = Σ_j sin(scale·⟨q_i, k_j⟩ + lag) v_j: one source for PyTorch and JAX.

Flash tiling without a softmax: a program holds a tile of queries (or, for the gradients of k and v, of keys), walks
over the tiles of the other side, and forms the phases on chip. Arrays are q (rows, times, WIDTH), k and v (rows, keys,
WIDTH), contiguous, one dtype; lag (rows) in the dtype of the sums, SUM. Masks come after the sine: the sine of a masked
phase is not zero. Tiles that lie inside the data and off the diagonal need none. No sum crosses programs, so every run
gives the same bits.
"""

import triton
import triton.language as tl

from impl.triton.tiles import counting, product, reach_of_queries, read_tile, row_of, write_tile

# The hardware's sine (FAST) errs by 2⁻²⁰·⁵ and by a rounding of its argument: nothing beside the rounding of halves.
# Below SMALL the phase is its own sine but for 2⁻¹⁴·⁶ of it; the hardware's sine would lose more.
SMALL = tl.constexpr(2.0**-6)


@triton.jit
def _sine(phase, FAST: tl.constexpr):
    if FAST:
        sine = tl.inline_asm_elementwise("sin.approx.f32 $0, $1;", "=f,f", [phase], tl.float32, True, 1)
        return tl.where(tl.abs(phase) < SMALL, phase, sine)
    else:
        return tl.sin(phase)


@triton.jit
def _cosine(phase, FAST: tl.constexpr):
    if FAST:
        return tl.inline_asm_elementwise("cos.approx.f32 $0, $1;", "=f,f", [phase], tl.float32, True, 1)
    else:
        return tl.cos(phase)


@triton.jit
def forward(
    q, k, v, lag, times, keys, channels, result,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """One tile of queries, in result (rows, times, channels); the last tiles, the longest where causal, begin first.

    The phases of the next tile of keys are on their way while the sines of this one are formed.
    """
    blocks = tl.cdiv(times, BLOCK_T)
    row = (tl.program_id(0) // blocks).to(tl.int64)
    first = (blocks - 1 - tl.program_id(0) % blocks) * BLOCK_T
    behind = tl.load(lag + row)
    q = row_of(q, row, times, WIDTH)
    result = row_of(result, row, times, channels)
    k = row_of(k, row, keys, WIDTH)
    v = row_of(v, row, keys, WIDTH)
    queries = read_tile(q, first, times, BLOCK_T, WIDTH)
    total = tl.zeros((BLOCK_T, WIDTH), SUM)
    inside, last = reach_of_queries(first, keys, CAUSAL, BLOCK_T, BLOCK_S)
    phase = product(queries, tl.trans(read_tile(k, 0, keys, BLOCK_S, WIDTH)), SUM) * SCALE + behind
    for begin in range(0, inside, BLOCK_S):
        later = tl.minimum(begin, inside - 2 * BLOCK_S) + BLOCK_S
        following = read_tile(k, later, keys, BLOCK_S, WIDTH, True)
        ahead = product(queries, tl.trans(following), SUM)
        values = read_tile(v, begin, keys, BLOCK_S, WIDTH, True)
        total += product(_sine(phase, FAST).to(values.dtype), values, SUM)
        phase = ahead * SCALE + behind
    for begin in range(inside, last, BLOCK_S):
        tile = read_tile(k, begin, keys, BLOCK_S, WIDTH)
        values = read_tile(v, begin, keys, BLOCK_S, WIDTH)
        weights = _sine(product(queries, tl.trans(tile), SUM) * SCALE + behind, FAST)
        time, key = first + tl.arange(0, BLOCK_T), begin + tl.arange(0, BLOCK_S)
        weights = tl.where(counting(time[:, None], key[None, :], times, keys, CAUSAL), weights, 0.0)
        total += product(weights.to(values.dtype), values, SUM)
    write_tile(result, first, times, channels, total, BLOCK_T, WIDTH)


@triton.jit
def gradient_of_queries(
    q, k, v, lag, cotangent, times, keys, by_q, by_lag,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """∂q of one tile, and its share of ∂lag, (rows, tiles): dS = (cotangent vᵀ)∘cos S, ∂q = scale·dS k, ∂lag = Σ dS."""
    blocks = tl.cdiv(times, BLOCK_T)
    row, block = (tl.program_id(0) // blocks).to(tl.int64), blocks - 1 - tl.program_id(0) % blocks
    first = block * BLOCK_T
    behind = tl.load(lag + row)
    q = row_of(q, row, times, WIDTH)
    by_q = row_of(by_q, row, times, WIDTH)
    cotangent = row_of(cotangent, row, times, WIDTH)
    k = row_of(k, row, keys, WIDTH)
    v = row_of(v, row, keys, WIDTH)
    queries = read_tile(q, first, times, BLOCK_T, WIDTH)
    received = read_tile(cotangent, first, times, BLOCK_T, WIDTH)
    total, along_lag = tl.zeros((BLOCK_T, WIDTH), SUM), tl.zeros((BLOCK_T,), SUM)
    inside, last = reach_of_queries(first, keys, CAUSAL, BLOCK_T, BLOCK_S)
    phase = product(queries, tl.trans(read_tile(k, 0, keys, BLOCK_S, WIDTH)), SUM) * SCALE + behind
    for begin in range(0, inside, BLOCK_S):
        later = tl.minimum(begin, inside - 2 * BLOCK_S) + BLOCK_S
        following = read_tile(k, later, keys, BLOCK_S, WIDTH, True)
        ahead = product(queries, tl.trans(following), SUM)
        values = read_tile(v, begin, keys, BLOCK_S, WIDTH, True)
        by_phase = product(received, tl.trans(values), SUM) * _cosine(phase, FAST)
        tile = read_tile(k, begin, keys, BLOCK_S, WIDTH, True)
        total += product(by_phase.to(tile.dtype), tile, SUM)
        along_lag += tl.sum(by_phase, 1)
        phase = ahead * SCALE + behind
    for begin in range(inside, last, BLOCK_S):
        tile = read_tile(k, begin, keys, BLOCK_S, WIDTH)
        values = read_tile(v, begin, keys, BLOCK_S, WIDTH)
        slope = _cosine(product(queries, tl.trans(tile), SUM) * SCALE + behind, FAST)
        time, key = first + tl.arange(0, BLOCK_T), begin + tl.arange(0, BLOCK_S)
        counts = counting(time[:, None], key[None, :], times, keys, CAUSAL)
        by_phase = tl.where(counts, product(received, tl.trans(values), SUM) * slope, 0.0)
        total += product(by_phase.to(tile.dtype), tile, SUM)
        along_lag += tl.sum(by_phase, 1)
    write_tile(by_q, first, times, WIDTH, total * SCALE, BLOCK_T, WIDTH)
    tl.store(by_lag + row * blocks + block, tl.sum(along_lag, 0))


@triton.jit
def gradient_of_keys(
    q, k, v, lag, cotangent, times, keys, by_k, by_v,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """∂k = scale·dSᵀ q and ∂v = (sin S)ᵀ cotangent of one tile of keys; where causal the first tiles are the longest.

    Phases come transposed, (keys, times): as the left factor of the next product they stay in registers.
    """
    blocks = tl.cdiv(keys, BLOCK_S)
    row, first = (tl.program_id(0) // blocks).to(tl.int64), (tl.program_id(0) % blocks) * BLOCK_S
    behind = tl.load(lag + row)
    q = row_of(q, row, times, WIDTH)
    cotangent = row_of(cotangent, row, times, WIDTH)
    k = row_of(k, row, keys, WIDTH)
    v = row_of(v, row, keys, WIDTH)
    by_k = row_of(by_k, row, keys, WIDTH)
    by_v = row_of(by_v, row, keys, WIDTH)
    tile = read_tile(k, first, keys, BLOCK_S, WIDTH)
    values = read_tile(v, first, keys, BLOCK_S, WIDTH)
    along_k, along_v = tl.zeros((BLOCK_S, WIDTH), SUM), tl.zeros((BLOCK_S, WIDTH), SUM)
    end = times // BLOCK_T * BLOCK_T
    begin, inside = 0, 0
    if CAUSAL:
        begin = tl.minimum(first // BLOCK_T * BLOCK_T, end)
        inside = tl.minimum(tl.cdiv(first + BLOCK_S - 1, BLOCK_T) * BLOCK_T, end)
    diagonal = (inside - begin) // BLOCK_T
    edges = diagonal + tl.where(end < times, 1, 0)
    for edge in range(0, edges):
        start = tl.where(edge < diagonal, begin + edge * BLOCK_T, end)
        along_k, along_v = _pulled_to_keys(
            along_k, along_v, tile, values, q, cotangent, behind, first, start, times, keys,
            SCALE, CAUSAL, SUM, FAST, BLOCK_T, BLOCK_S, WIDTH, False,
        )  # fmt: skip
    for start in range(inside, end, BLOCK_T):
        along_k, along_v = _pulled_to_keys(
            along_k, along_v, tile, values, q, cotangent, behind, first, start, times, keys,
            SCALE, CAUSAL, SUM, FAST, BLOCK_T, BLOCK_S, WIDTH, True,
        )  # fmt: skip
    write_tile(by_k, first, keys, WIDTH, along_k * SCALE, BLOCK_S, WIDTH)
    write_tile(by_v, first, keys, WIDTH, along_v, BLOCK_S, WIDTH)


@triton.jit
def _pulled_to_keys(
    along_k, along_v, tile, values, q, cotangent, behind, first, start, times, keys,
    SCALE: tl.constexpr, CAUSAL: tl.constexpr, SUM: tl.constexpr, FAST: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_S: tl.constexpr, WIDTH: tl.constexpr, INSIDE: tl.constexpr,
):  # fmt: skip
    queries = read_tile(q, start, times, BLOCK_T, WIDTH, INSIDE)
    received = read_tile(cotangent, start, times, BLOCK_T, WIDTH, INSIDE)
    phase = product(tile, tl.trans(queries), SUM) * SCALE + behind
    weights, by_phase = _sine(phase, FAST), product(values, tl.trans(received), SUM) * _cosine(phase, FAST)
    if not INSIDE:
        time, key = start + tl.arange(0, BLOCK_T), first + tl.arange(0, BLOCK_S)
        counts = counting(time[None, :], key[:, None], times, keys, CAUSAL)
        weights, by_phase = tl.where(counts, weights, 0.0), tl.where(counts, by_phase, 0.0)
    along_v += product(weights.to(received.dtype), received, SUM)
    return along_k + product(by_phase.to(queries.dtype), queries, SUM), along_v
