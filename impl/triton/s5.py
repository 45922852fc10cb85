"""Triton kernels for x_t = λ_t x_{t−1} + d_t: one source for PyTorch and JAX.

Arrays are (rows, times, channels), channels contiguous. A lane follows one channel through one chunk of `length` times,
and a program holds CHUNKS x CHANNELS lanes of one row. Three steps: `chunk_ends` runs every chunk from zero, the same
recurrence over those ends gives what enters each chunk, and `chunk_states` runs again from there. Chunks and positions
count in the order of the recurrence: position s is time s, or times - 1 - s when REVERSE.

KIND of an array: "real", "pairs" (re, im, re, im …) or "planes" (all re, then, `plane` numbers on, all im).
"""

import triton
import triton.language as tl

# Sizes: one compiled kernel serves them all.
SIZES = [
    "times", "channels", "chunks", "length", "squarings", "decay_row", "decay_plane", "drive_plane", "initial_plane",
    "chunk_plane", "product_plane", "total_plane",
]  # fmt: skip


@triton.jit
def times_number(ar, ai, br, bi, REAL: tl.constexpr):
    """a b; imaginary parts are not looked at when REAL."""
    if REAL:
        return ar * br, ai
    else:
        return ar * br - ai * bi, ar * bi + ai * br


@triton.jit
def places(ptr, index, KIND: tl.constexpr):
    """Pointers to entries `index`, (CHUNKS, CHANNELS), with a last axis for the two parts of pairs."""
    if KIND == "pairs":
        return ptr + ((index * 2)[:, :, None] + tl.arange(0, 2)[None, None, :])
    else:
        return ptr + index


@triton.jit
def read(place, plane, offset, inside, KIND: tl.constexpr, DTYPE: tl.constexpr):
    """The entries `offset` further than these places as (real, imaginary); zero outside."""
    if KIND == "pairs":
        re, im = tl.split(tl.load(place + 2 * offset, mask=inside[:, :, None], other=0).to(DTYPE))
        return re, im
    elif KIND == "planes":
        re = tl.load(place + offset, mask=inside, other=0).to(DTYPE)
        return re, tl.load(place + (plane + offset), mask=inside, other=0).to(DTYPE)
    else:
        re = tl.load(place + offset, mask=inside, other=0).to(DTYPE)
        return re, re


@triton.jit
def write(place, plane, offset, re, im, inside, KIND: tl.constexpr):
    if KIND == "pairs":
        tl.store(place + 2 * offset, tl.join(re, im), mask=inside[:, :, None])
    else:
        tl.store(place + offset, re, mask=inside)
        if KIND == "planes":
            tl.store(place + (plane + offset), im, mask=inside)


@triton.jit
def lanes_of(channels, chunks, again: tl.constexpr, CHUNKS: tl.constexpr, CHANNELS: tl.constexpr):
    """This program's row, its chunks (CHUNKS, 1), its channels (1, CHANNELS) and which of these lanes exist.

    A second pass takes the programs in reverse order: what the first one read last is still in the cache.
    """
    program = tl.program_id(0)
    if again:
        program = tl.num_programs(0) - 1 - program
    across = tl.cdiv(channels, CHANNELS)
    along = tl.cdiv(chunks, CHUNKS)
    channel = (program % across) * CHANNELS + tl.arange(0, CHANNELS)[None, :]
    chunk = (program // across % along) * CHUNKS + tl.arange(0, CHUNKS)[:, None]
    return (program // across // along).to(tl.int64), chunk, channel, (chunk < chunks) & (channel < channels)


@triton.jit
def first_entry(chunk, channel, times, channels, length, REVERSE: tl.constexpr):
    """The entry, counted from its row's first, where each lane begins, and how far the next one is."""
    begin = chunk.to(tl.int64) * length
    if REVERSE:
        return (times - 1 - begin) * channels + channel, -channels
    else:
        return begin * channels + channel, channels


@triton.jit
def constant_factor(decay, plane, row, channel, channels, squarings, KIND: tl.constexpr, CONJUGATE: tl.constexpr,
                    DTYPE: tl.constexpr):  # fmt: skip
    """λ^(2^squarings), taken in double and rounded once, (1, CHANNELS)."""
    REAL: tl.constexpr = KIND == "real"
    fr, fi = read(places(decay, row + channel, KIND), plane, 0, channel < channels, KIND, tl.float64)
    for _ in range(squarings):
        fr, fi = times_number(fr, fi, fr, fi, REAL)
    return fr.to(DTYPE), (-fi if CONJUGATE else fi).to(DTYPE)


@triton.jit
def step(fr, fi, xr, xi, dr, di, ACROSS: tl.constexpr, REAL: tl.constexpr):
    """λ x + d; ACROSS chunks λ may be infinite, and nothing times that is nothing."""
    mr, mi = times_number(fr, fi, xr, xi, REAL)
    if ACROSS:
        nothing = (xr == 0) if REAL else (xr == 0) & (xi == 0)
        mr = tl.where(nothing, 0.0, mr)
        mi = tl.where(nothing, 0.0, mi)
    return mr + dr, mi + di


@triton.jit(do_not_specialize=SIZES)
def chunk_ends(
    decay, drive, ends, products,
    times, channels, chunks, length, squarings, decay_row, decay_plane, drive_plane, chunk_plane, product_plane,
    KIND: tl.constexpr, VARYING: tl.constexpr, REVERSE: tl.constexpr, CONJUGATE: tl.constexpr, SHIFT: tl.constexpr,
    ACROSS: tl.constexpr, DTYPE: tl.constexpr, UNROLL: tl.constexpr, CHUNKS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """The state at the end of every chunk that starts from zero, and the product of its decays if they vary.

    decay: rows `decay_row` entries apart (0: one row for all), of one entry a channel, raised to 2^squarings, or
    VARYING of `times` by channels. SHIFT: position s takes the decay of position s - 1, as the adjoint does.
    """
    REAL: tl.constexpr = KIND == "real"
    row, chunk, channel, alive = lanes_of(channels, chunks, False, CHUNKS, CHANNELS)
    entry, stride = first_entry(chunk, channel, times, channels, length, REVERSE)
    place = places(drive, row * times * channels + entry, KIND)
    position = chunk * length
    xr = tl.zeros((CHUNKS, CHANNELS), DTYPE)
    xi, pr, pi = xr, xr + 1, xr
    if VARYING:
        decays = places(decay, row * decay_row + entry - SHIFT * stride, KIND)
    else:
        fr, fi = constant_factor(decay, decay_plane, row * decay_row, channel, channels, squarings, KIND, CONJUGATE,
                                 DTYPE)  # fmt: skip
    for begin in range(0, length, UNROLL):
        d, f = (), ()
        for k in tl.static_range(UNROLL):
            at = position + (begin + k)
            inside = alive & (at < times)
            offset = (begin + k) * stride
            d = d + read(place, drive_plane, offset, inside, KIND, DTYPE)
            if VARYING:
                f = f + read(decays, decay_plane, offset, inside & (at >= SHIFT), KIND, DTYPE)
        for k in tl.static_range(UNROLL):
            if VARYING:
                fr = f[2 * k]
                fi = -f[2 * k + 1] if CONJUGATE else f[2 * k + 1]
                pr, pi = times_number(fr, fi, pr, pi, REAL)
            xr, xi = step(fr, fi, xr, xi, d[2 * k], d[2 * k + 1], ACROSS, REAL)
    index = (row * chunks + chunk) * channels + channel
    write(places(ends, index, KIND), chunk_plane, 0, xr, xi, alive, KIND)
    if VARYING:
        write(places(products, index, KIND), product_plane, 0, pr, pi, alive, KIND)


@triton.jit
def entering(initial, initial_plane, carried, chunk_plane, row, chunk, channel, channels, chunks, alive,
             REST: tl.constexpr, CARRY: tl.constexpr, KIND: tl.constexpr, DTYPE: tl.constexpr):  # fmt: skip
    """What enters each lane: the initial state (REST: zero), or what leaves the chunk before."""
    xr = tl.zeros(alive.shape, DTYPE)
    xi = xr
    if not REST:
        place = places(initial, row * channels + channel + 0 * chunk, KIND)
        xr, xi = read(place, initial_plane, 0, alive & (chunk == 0), KIND, DTYPE)
    if CARRY:
        place = places(carried, (row * chunks + chunk - 1) * channels + channel, KIND)
        cr, ci = read(place, chunk_plane, 0, alive & (chunk > 0), KIND, DTYPE)
        xr, xi = xr + cr, xi + ci
    return xr, xi


@triton.jit(do_not_specialize=SIZES)
def chunk_states(
    decay, drive, initial, carried, states,
    times, channels, chunks, length, squarings, decay_row, decay_plane, drive_plane, initial_plane, chunk_plane,
    KIND: tl.constexpr, VARYING: tl.constexpr, REVERSE: tl.constexpr, REST: tl.constexpr, CARRY: tl.constexpr,
    ACROSS: tl.constexpr, CONJUGATE: tl.constexpr, DTYPE: tl.constexpr, UNROLL: tl.constexpr, CHUNKS: tl.constexpr,
    CHANNELS: tl.constexpr,
):  # fmt: skip
    """All states, laid out like drive; `carried` (rows, chunks, channels) is what leaves each chunk."""
    REAL: tl.constexpr = KIND == "real"
    row, chunk, channel, alive = lanes_of(channels, chunks, CARRY, CHUNKS, CHANNELS)
    entry, stride = first_entry(chunk, channel, times, channels, length, REVERSE)
    place = places(drive, row * times * channels + entry, KIND)
    target = places(states, row * times * channels + entry, KIND)
    position = chunk * length
    xr, xi = entering(initial, initial_plane, carried, chunk_plane, row, chunk, channel, channels, chunks, alive,
                      REST, CARRY, KIND, DTYPE)  # fmt: skip
    if VARYING:
        decays = places(decay, row * decay_row + entry, KIND)
    else:
        fr, fi = constant_factor(decay, decay_plane, row * decay_row, channel, channels, squarings, KIND, CONJUGATE,
                                 DTYPE)  # fmt: skip
    for begin in range(0, length, UNROLL):
        d, f = (), ()
        for k in tl.static_range(UNROLL):
            inside = alive & (position + (begin + k) < times)
            offset = (begin + k) * stride
            d = d + read(place, drive_plane, offset, inside, KIND, DTYPE)
            if VARYING:
                f = f + read(decays, decay_plane, offset, inside, KIND, DTYPE)
        for k in tl.static_range(UNROLL):
            if VARYING:
                fr = f[2 * k]
                fi = -f[2 * k + 1] if CONJUGATE else f[2 * k + 1]
            xr, xi = step(fr, fi, xr, xi, d[2 * k], d[2 * k + 1], ACROSS, REAL)
            inside = alive & (position + (begin + k) < times)
            write(target, drive_plane, (begin + k) * stride, xr, xi, inside, KIND)


@triton.jit(do_not_specialize=SIZES)
def chunk_gradients(
    decay, cotangent, states, initial, carried, drive_gradient, decay_gradient,
    times, channels, chunks, length, decay_row, decay_plane, drive_plane, initial_plane, chunk_plane, total_plane,
    KIND: tl.constexpr, VARYING: tl.constexpr, CARRY: tl.constexpr, CONJUGATE: tl.constexpr, DTYPE: tl.constexpr,
    UNROLL: tl.constexpr, CHUNKS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """g_t = ḡ_t + λ_{t+1} g_{t+1} from the last time back: drive_gradient = g, decay_gradient = g_t x_{t−1}.

    CONJUGATE: with conj(λ) and conj(x), which is PyTorch's convention; else bilinear, which is JAX's. A constant decay
    gets the sum over each chunk, (rows, chunks, channels), a varying one every term. `carried`: what leaves each chunk.
    """
    REAL: tl.constexpr = KIND == "real"
    row, chunk, channel, alive = lanes_of(channels, chunks, CARRY, CHUNKS, CHANNELS)
    entry, stride = first_entry(chunk, channel, times, channels, length, True)
    index = row * times * channels + entry
    place = places(cotangent, index, KIND)
    before = places(states, index - channels, KIND)
    target = places(drive_gradient, index, KIND)
    position = chunk * length
    gr, gi = entering(initial, initial_plane, carried, chunk_plane, row, chunk, channel, channels, chunks, alive,
                      True, CARRY, KIND, DTYPE)  # fmt: skip
    first = (position <= times - 1) & (position + length > times - 1) & alive  # the lanes that reach time 0
    ir, ii = read(places(initial, row * channels + channel + 0 * chunk, KIND), initial_plane, 0, first, KIND, DTYPE)
    sr = tl.zeros((CHUNKS, CHANNELS), DTYPE)
    si = sr
    if VARYING:
        decays = places(decay, row * decay_row + entry + channels, KIND)
        terms = places(decay_gradient, index, KIND)
    else:
        fr, fi = constant_factor(decay, decay_plane, row * decay_row, channel, channels, 0, KIND, CONJUGATE, DTYPE)
    for begin in range(0, length, UNROLL):
        c, x, f = (), (), ()
        for k in tl.static_range(UNROLL):
            at = position + (begin + k)
            inside = alive & (at < times)
            offset = (begin + k) * stride
            c = c + read(place, drive_plane, offset, inside, KIND, DTYPE)
            x = x + read(before, drive_plane, offset, inside & (at < times - 1), KIND, DTYPE)
            if VARYING:
                f = f + read(decays, decay_plane, offset, inside & (at >= 1), KIND, DTYPE)
        for k in tl.static_range(UNROLL):
            if VARYING:
                fr = f[2 * k]
                fi = -f[2 * k + 1] if CONJUGATE else f[2 * k + 1]
            at = position + (begin + k)
            inside = alive & (at < times)
            gr, gi = step(fr, fi, gr, gi, c[2 * k], c[2 * k + 1], False, REAL)
            write(target, drive_plane, (begin + k) * stride, gr, gi, inside, KIND)
            br = tl.where(at == times - 1, ir, x[2 * k])
            bi = tl.where(at == times - 1, ii, x[2 * k + 1])
            tr, ti = times_number(gr, gi, br, -bi if CONJUGATE else bi, REAL)
            if VARYING:
                write(terms, drive_plane, (begin + k) * stride, tr, ti, inside, KIND)
            else:
                # Beyond the last position x is zero, and so is the term.
                sr += tr
                si += ti
    if not VARYING:
        index = (row * chunks + chunk) * channels + channel
        write(places(decay_gradient, index, KIND), total_plane, 0, sr, si, alive, KIND)
