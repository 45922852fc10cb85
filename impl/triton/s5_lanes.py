"""Where the lanes of a scan stand in arrays of (rows, times, channels), and how they read and write them.

KIND of an array: "real", "pairs" (re, im, re, im …) or "words" (pairs of which each is loaded as one 64-bit integer).
"""

import triton
import triton.language as tl


@triton.jit
def product(ar, ai, br, bi, REAL: tl.constexpr):
    """a b; imaginary parts are not looked at when REAL."""
    if REAL:
        return ar * br, ai
    else:
        return ar * br - ai * bi, ar * bi + ai * br


@triton.jit
def advanced(fr, fi, xr, xi, dr, di, REAL: tl.constexpr):
    """λ x + d."""
    if REAL:
        return fr * xr + dr, xi
    else:
        return fr * xr - fi * xi + dr, fr * xi + fi * xr + di


@triton.jit
def lanes_of(columns, CHUNKS: tl.constexpr, COLUMNS: tl.constexpr, STEPS: tl.constexpr):
    """This program's tile, its chunks (CHUNKS, 1), the position each begins at, and its columns (1, COLUMNS).

    Programs start in the order of their numbers (CUB's scan counts on it, too), so that all chains move on together and
    no tile waits for one that has yet to start.
    """
    chains = tl.cdiv(columns, COLUMNS)
    tile = tl.program_id(0) // chains
    chunk = tl.arange(0, CHUNKS)[:, None]
    column = tl.program_id(0) % chains * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    return tile, chunk, (tile * CHUNKS + chunk) * STEPS, column


@triton.jit
def first_time(begin, times, channels, REVERSE: tl.constexpr):
    """The time at which each lane begins, and how many entries further its next one is."""
    if REVERSE:
        return (times - 1 - begin).to(tl.int64), -channels
    else:
        return begin.to(tl.int64), channels


@triton.jit
def neighbours(index, COLUMNS: tl.constexpr):
    """Columns are neighbours within a row: reason enough to deal neighbouring threads along them."""
    return tl.max_contiguous(index, [1, COLUMNS])


@triton.jit
def places(ptr, index, KIND: tl.constexpr):
    if KIND == "words":
        return ptr.to(tl.pointer_type(tl.int64)) + index
    else:
        return ptr + 2 * index if KIND == "pairs" else ptr + index


@triton.jit
def read(place, offset, inside, KIND: tl.constexpr, DTYPE: tl.constexpr):
    """The entries `offset` further than these places as (real, imaginary); zero outside."""
    if KIND == "words":
        word = tl.load(place + offset, mask=inside, other=0)
        re = word.to(tl.int32).to(tl.float32, bitcast=True).to(DTYPE)
        return re, (word >> 32).to(tl.int32).to(tl.float32, bitcast=True).to(DTYPE)
    elif KIND == "real":
        re = tl.load(place + offset, mask=inside, other=0).to(DTYPE)
        return re, re
    else:
        place += 2 * offset
        re = tl.load(place, mask=inside, other=0).to(DTYPE)
        return re, tl.load(place + 1, mask=inside, other=0).to(DTYPE)


@triton.jit
def write(place, offset, re, im, inside, KIND: tl.constexpr):
    if KIND == "words":
        high = im.to(tl.int32, bitcast=True).to(tl.int64) << 32
        low = re.to(tl.uint32, bitcast=True).to(tl.int64)
        tl.store(place + offset, high | low, mask=inside)
    elif KIND == "real":
        tl.store(place + offset, re, mask=inside)
    else:
        place += 2 * offset
        tl.store(place, re, mask=inside)
        tl.store(place + 1, im, mask=inside)


@triton.jit
def loaded(ptr, entry, stride, begin, left, KIND: tl.constexpr, CONJUGATE: tl.constexpr, LATE: tl.constexpr,
           DTYPE: tl.constexpr, STEPS: tl.constexpr):  # fmt: skip
    """What stands at a lane's positions, (re, im, re, im …); zero where fewer are left, and at position 0 when LATE."""
    place, found = places(ptr, entry, KIND), ()
    for k in tl.static_range(STEPS):
        inside = (k < left) & (begin > 0) if LATE and k == 0 else k < left
        re, im = read(place, k * stride, inside, KIND, DTYPE)
        found = found + (re, -im if CONJUGATE else im)  # noqa: RUF005 (Triton compiles this, not a starred tuple)
    return found


@triton.jit
def step(f, d, k: tl.constexpr, xr, xi, VARYING: tl.constexpr, REAL: tl.constexpr):
    """λ x + d at a lane's k-th position."""
    at: tl.constexpr = 2 * k if VARYING else 0
    return advanced(f[at], f[at + 1], xr, xi, d[2 * k], d[2 * k + 1], REAL)


@triton.jit
def constant_factor(decay, entry, inside, KIND: tl.constexpr, CONJUGATE: tl.constexpr):
    """λ in double, (1, COLUMNS)."""
    fr, fi = read(places(decay, entry, KIND), 0, inside, KIND, tl.float64)
    return fr, -fi if CONJUGATE else fi


@triton.jit
def power(fr, fi, EXPONENT: tl.constexpr, REAL: tl.constexpr):
    """λ^EXPONENT for a power of two, by repeated squaring."""
    exponent: tl.constexpr = EXPONENT
    for bit in tl.static_range(1, 16):
        if (1 << bit) <= exponent:
            fr, fi = product(fr, fi, fr, fi, REAL)
    return fr, fi
