"""Triton kernels for the tridiagonal row: one source for PyTorch and JAX.

Site i is the matrix M_i = [[m_i, -upper_{i-1}], [lower_i, 0]], m = main - shift. Columns s_i = M_i s_{i-1} from
s_{-1} = (1, 0) and rows r_i = r_{i+1} M_i from r_N = (1, 0) carry the leading and trailing continuants:
s_i = (p_i, lower_i p_{i-1}), r_i = (x_i, -upper_{i-1} x_{i+1}), r_{i+1} s_i = det H for every i, so that

    G_ii = p_{i-1} x_{i+1} / (r_{i+1} s_i),    log det = log p_{N-1}.

Both are homogeneous in s and r: rescaling them changes nothing, and a vanishing pivot p_i is nothing special. One
product of M's serves both directions. A lane owns segments x SITES consecutive sites, a program LANES lanes of CHAINS
chains; lanes meet in an associative scan of 2x2 matrices, the blocks of one chain in `block_states`.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

from typing import NamedTuple

import triton
import triton.language as tl


class Plan(NamedTuple):
    """How sites are dealt out: `lanes` lanes of segments·sites sites make a block, `chains` chains a program.

    exact: sites are read one by one under a mask, whatever their alignment, so that one kernel serves every shape.
    """

    chains: int
    lanes: int
    segments: int
    sites: int
    blocks: int
    warps: int
    exact: bool = False

    @property
    def block(self) -> int:
        return self.lanes * self.segments * self.sites


def plan(batch: int, length: int, sites: int) -> Plan:
    """Few long lanes make the scan between lanes cheap; but sites in flight are read twice and should stay in L2.

    132 multiprocessors with 640 lanes each and 32 sites a lane hold 32 MB of a real system in float32, so 32 sites
    is the most; problems under 2^21 sites take 16, for more lanes. Chains of at most 64 sites need no scan: a lane
    for each. Short chains share a program of 64 lanes. A chain of many blocks takes 64 lanes a block, because
    Triton's scan walks the warps of a program one by one.

    A small problem of short chains costs its launch, however it is read. What it must not cost is compilation, which
    grows faster than the square of the sites a segment unrolls: it takes two, and one exact kernel for all its shapes.
    """
    if length <= 64 and batch * length <= 1 << 16:
        return Plan(64, 1, -(-length // 2), 2, 1, 2, exact=True)
    span = 32 if batch * length > 1 << 21 else 16
    for lanes in (1, 8, 64, 128, 256):
        if lanes * (64 if lanes == 1 else span) >= length:
            return Plan(max(64 // lanes, 1), lanes, -(-length // (lanes * sites)), sites, 1, max(lanes // 32, 2))
    return Plan(1, 64, span // sites, sites, -(-length // (64 * span)), 2)


def across(blocks: int) -> dict[str, int]:
    """How the kernels that scan the blocks of a chain take them: one warp for 32 blocks at a time, at most 1024."""
    lanes = 64 if blocks <= 64 else 1024
    return {"LANES": lanes, "num_warps": lanes // 32}


# Sizes and strides: one compiled kernel serves them all.
SIZES = [
    "chains", "n", "blocks", "segments", "main_stride", "upper_stride", "lower_stride",
    "shift_stride", "cotangent_stride", "main_total", "upper_total", "lower_total",
    "cotangent_total", "main_plane", "upper_plane", "lower_plane", "shift_plane",
    "cotangent_plane", "result_plane", "gradient_plane", "off_plane",
]  # fmt: skip


@triton.jit
def times(ar, ai, br, bi, REAL: tl.constexpr):
    """a b, with a real (its imaginary part unused) when REAL."""
    if REAL:
        return ar * br, ar * bi
    else:
        return ar * br - ai * bi, ar * bi + ai * br


@triton.jit
def power_of_two(size, DTYPE: tl.constexpr):
    """2^-e for size = f 2^e, 1 <= f < 2: an exact scale, from the exponent bits alone."""
    if DTYPE == tl.float32:  # noqa: SIM300
        exponent = size.to(tl.int32, bitcast=True) & 0x7F800000
        return (0x7F000000 - exponent).to(tl.float32, bitcast=True)
    else:
        exponent = size.to(tl.int64, bitcast=True) & 0x7FF0000000000000
        return (0x7FE0000000000000 - exponent).to(tl.float64, bitcast=True)


@triton.jit
def norm(v):
    return (tl.abs(v[0]) + tl.abs(v[1])) + (tl.abs(v[2]) + tl.abs(v[3]))


@triton.jit
def scaled(v, c):
    return (v[0] * c, v[1] * c, v[2] * c, v[3] * c)


@triton.jit
def matrix_scaled(t, DTYPE: tl.constexpr):
    c = power_of_two(norm((t[0], t[1], t[2], t[3])) + norm((t[4], t[5], t[6], t[7])), DTYPE)
    return (t[0] * c, t[1] * c, t[2] * c, t[3] * c, t[4] * c, t[5] * c, t[6] * c, t[7] * c)


@triton.jit
def column_step(s, mr, mi, ur, ui, lr, li, REAL: tl.constexpr):
    """M s = (m p - u q, l p)."""
    mpr, mpi = times(mr, mi, s[0], s[1], False)
    uqr, uqi = times(ur, ui, s[2], s[3], REAL)
    lpr, lpi = times(lr, li, s[0], s[1], REAL)
    return (mpr - uqr, mpi - uqi, lpr, lpi)


@triton.jit
def row_step(r, mr, mi, ur, ui, lr, li, REAL: tl.constexpr):
    """r M = (x m + y l, -x u)."""
    xmr, xmi = times(mr, mi, r[0], r[1], False)
    lyr, lyi = times(lr, li, r[2], r[3], REAL)
    uxr, uxi = times(ur, ui, r[0], r[1], REAL)
    return (xmr + lyr, xmi + lyi, -uxr, -uxi)


@triton.jit
def inner(r, s):
    """x p + y q."""
    xr, xi = times(r[0], r[1], s[0], s[1], False)
    yr, yi = times(r[2], r[3], s[2], s[3], False)
    return xr + yr, xi + yi


@triton.jit
def reciprocal(dr, di, DTYPE: tl.constexpr):
    """conj(d) 2^-e / |d 2^-e|^2 as a pair and its remaining factor 2^-e: no square leaves the range."""
    c = power_of_two(tl.abs(dr) + tl.abs(di), DTYPE)
    dr = dr * c
    di = di * c
    return dr, -di, c / (dr * dr + di * di)


@triton.jit
def matrix_times_column(t, s):
    ar, ai = times(t[0], t[1], s[0], s[1], False)
    br, bi = times(t[2], t[3], s[2], s[3], False)
    cr, ci = times(t[4], t[5], s[0], s[1], False)
    dr, di = times(t[6], t[7], s[2], s[3], False)
    return (ar + br, ai + bi, cr + dr, ci + di)


@triton.jit
def row_times_matrix(r, t):
    ar, ai = times(t[0], t[1], r[0], r[1], False)
    br, bi = times(t[4], t[5], r[2], r[3], False)
    cr, ci = times(t[2], t[3], r[0], r[1], False)
    dr, di = times(t[6], t[7], r[2], r[3], False)
    return (ar + br, ai + bi, cr + dr, ci + di)


@triton.jit
def product(a, b):
    """The normalised matrix product a b."""
    ur = row_times_matrix((a[0], a[1], a[2], a[3]), b)
    lr = row_times_matrix((a[4], a[5], a[6], a[7]), b)
    return matrix_scaled((ur[0], ur[1], ur[2], ur[3], lr[0], lr[1], lr[2], lr[3]), a[0].dtype)


@triton.jit
def later_first(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7):
    return product((a0, a1, a2, a3, a4, a5, a6, a7), (b0, b1, b2, b3, b4, b5, b6, b7))


@triton.jit
def earlier_first(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7):
    return product((b0, b1, b2, b3, b4, b5, b6, b7), (a0, a1, a2, a3, a4, a5, a6, a7))


@triton.jit
def after(ar, ai, br, bi, cr, ci, dr, di):
    """The affine map z -> c z + d after z -> a z + b."""
    er, ei = times(ar, ai, cr, ci, False)
    fr, fi = times(br, bi, cr, ci, False)
    return er, ei, fr + dr, fi + di


@triton.jit
def apart(x, COUNT: tl.constexpr):
    """The last axis of x (CHAINS, LANES, COUNT), COUNT a power of two, as a tuple."""
    chains: tl.constexpr = x.shape[0]
    lanes: tl.constexpr = x.shape[1]
    parts = (x,)
    for level in tl.static_range(COUNT.bit_length() - 1):
        evens, odds = (), ()
        for k in tl.static_range(len(parts)):
            even, odd = tl.split(tl.reshape(parts[k], (chains, lanes, COUNT >> (level + 1), 2)))
            evens, odds = evens + (even,), odds + (odd,)
        parts = evens + odds
    out = ()
    for k in tl.static_range(COUNT):
        out = out + (tl.reshape(parts[k], (chains, lanes)),)
    return out


@triton.jit
def vectors(ptr, relative, below, above, COUNT: tl.constexpr, WIDTH: tl.constexpr, DTYPE: tl.constexpr):
    """COUNT consecutive 16-byte vectors of every lane from vector `relative` of its row at ptr, as a flat tuple.

    Only vectors of index below <= index < above are read. All but ptr are 32 bits wide, and later vectors differ from
    the first by a constant: both keep the address arithmetic small beside the few operations a site costs.
    """
    first = ptr[:, :, None] + ((relative * WIDTH)[:, :, None] + tl.arange(0, WIDTH)[None, None, :])
    flat = ()
    for k in tl.static_range(COUNT):
        inside = relative < above - k
        if k == 0:
            inside = inside & (relative >= below)
        x = tl.load(first + k * WIDTH, mask=inside[:, :, None], other=0).to(DTYPE)
        flat = flat + apart(x, WIDTH)
    return flat


@triton.jit
def row_vectors(ptr, row, relative, total, COUNT: tl.constexpr, ENTRIES: tl.constexpr, WIDTH: tl.constexpr,
                DTYPE: tl.constexpr):  # fmt: skip
    """`vectors` of the array of `total` entries at ptr, from entry row + relative, ENTRIES to a vector.

    x >> (ENTRIES >> 1) is ⌊x / ENTRIES⌋ for 1, 2 and 4 entries, also below zero.
    """
    first = row >> (ENTRIES >> 1)
    above = tl.minimum((total + ENTRIES - 1) // ENTRIES - first, 1 << 30).to(tl.int32)
    below = tl.maximum(-first, -1).to(tl.int32)
    return vectors(ptr + first * WIDTH, relative >> (ENTRIES >> 1), below, above, COUNT, WIDTH, DTYPE)


@triton.jit
def exact_window(ptr, plane, row, relative, low, high, KIND: tl.constexpr, SITES: tl.constexpr,
                 DTYPE: tl.constexpr):  # fmt: skip
    """SITES entries from row + relative, as two tuples (real, imaginary); zero unless low <= relative + j < high."""
    if KIND == "pairs":
        position = (relative * 2)[:, :, None] + tl.arange(0, 2 * SITES)[None, None, :]
        inside = (position >= 2 * low) & (position < 2 * high)
        flat = apart(tl.load(ptr + (row * 2)[:, :, None] + position, mask=inside, other=0).to(DTYPE), 2 * SITES)
        re, im = (), ()
        for j in tl.static_range(SITES):
            re, im = re + (flat[2 * j],), im + (flat[2 * j + 1],)
        return re, im
    else:
        position = relative[:, :, None] + tl.arange(0, SITES)[None, None, :]
        inside = (position >= low) & (position < high)
        re = apart(tl.load(ptr + row[:, :, None] + position, mask=inside, other=0).to(DTYPE), SITES)
        if KIND == "planes":
            x = tl.load(ptr + plane + row[:, :, None] + position, mask=inside, other=0)
            return re, apart(x.to(DTYPE), SITES)
        else:
            return re, re


@triton.jit
def realigned(flat, row, SITES: tl.constexpr, WIDTH: tl.constexpr, ALIGNMENT: tl.constexpr):
    """The SITES numbers that start row mod WIDTH into `flat`; ALIGNMENT is that remainder where known, else -1."""
    if ALIGNMENT >= 0:
        return flat[ALIGNMENT : ALIGNMENT + SITES]
    elif WIDTH == 2:
        odd = (row & 1) != 0
        out = ()
        for j in tl.static_range(SITES):
            out = out + (tl.where(odd, flat[j + 1], flat[j]),)
        return out
    else:
        two = (row & 2) != 0
        one = (row & 1) != 0
        half = ()
        for j in tl.static_range(SITES + 1):
            half = half + (tl.where(two, flat[j + 2], flat[j]),)
        out = ()
        for j in tl.static_range(SITES):
            out = out + (tl.where(one, half[j + 1], half[j]),)
        return out


@triton.jit
def window(ptr, plane, row, relative, total, KIND: tl.constexpr, BITS: tl.constexpr, ALIGNMENT: tl.constexpr,
           SITES: tl.constexpr, DTYPE: tl.constexpr):  # fmt: skip
    """SITES consecutive entries of each lane from entry row + relative, as two tuples (real, imaginary).

    Rows of off-diagonals have N - 1 entries, so that they start anywhere in a 16-byte vector: whole aligned vectors
    are read, all inside the array's own memory, and shifted in registers. KIND: "real", "pairs" (re, im,
    re, im …) or "planes" (all re, then, `plane` numbers on, all im).
    """
    if KIND == "pairs":
        entries: tl.constexpr = 64 // BITS
        width: tl.constexpr = 128 // BITS
        extra: tl.constexpr = 0 if entries == 1 or ALIGNMENT == 0 else 1
        flat = row_vectors(ptr, row, relative, total, SITES // entries + extra, entries, width, DTYPE)
        re = ()
        im = ()
        for j in tl.static_range(SITES + extra):
            re = re + (flat[2 * j],)
            im = im + (flat[2 * j + 1],)
        if extra == 0:
            return re, im
        else:
            return realigned(re, row, SITES, entries, ALIGNMENT), realigned(im, row, SITES, entries, ALIGNMENT)
    else:
        wide: tl.constexpr = 128 // BITS
        more: tl.constexpr = 0 if ALIGNMENT == 0 else 1
        flat = row_vectors(ptr, row, relative, total, SITES // wide + more, wide, wide, DTYPE)
        plain = realigned(flat, row, SITES, wide, ALIGNMENT)
        if KIND == "planes":
            flat_im = row_vectors(ptr + plane, row, relative, total, SITES // wide + more, wide, wide, DTYPE)
            return plain, realigned(flat_im, row, SITES, wide, ALIGNMENT)
        else:
            return plain, plain


@triton.jit
def lanes_of(blocks, chains, span, rerun: tl.constexpr, CHAINS: tl.constexpr, LANES: tl.constexpr):
    """This program's block, its chains (CHAINS, 1), these within range, which exist, and each lane's first site.

    A rerun takes the programs in reverse order: what the pass before it read last is still in the cache.
    """
    program = tl.program_id(0)
    if rerun:
        program = tl.num_programs(0) - 1 - program
    own = (program // blocks).to(tl.int64) * CHAINS + tl.arange(0, CHAINS)[:, None]
    return program % blocks, own, tl.minimum(own, chains - 1), own < chains, (tl.arange(0, LANES) * span)[None, :]


@triton.jit
def sites(system, strides, totals, planes, chain, start, relative, left, z, MAIN: tl.constexpr, OFF: tl.constexpr,
          BITS: tl.constexpr, MAIN_AT: tl.constexpr, OFF_AT: tl.constexpr, EVEN: tl.constexpr, SITES: tl.constexpr,
          DTYPE: tl.constexpr):  # fmt: skip
    """m, upper_{i-1} and lower_i of SITES sites of each lane; M = [[1, 0], [0, 0]], neutral, beyond the chain.

    `left` is how many sites the chain still has at the block's start; EVEN: the blocks fill the chain exactly;
    MAIN_AT = -2: exact.
    """
    origin = tl.maximum(-start, -1).to(tl.int32)  # no site before the chain: relative + j > 0 in its first block
    up_at: tl.constexpr = -1 if OFF_AT < 0 else (128 // BITS - 1 if OFF != "pairs" else 64 // BITS - 1)
    main_row = chain * strides[0] + start
    upper_row = chain * strides[1] + start
    lower_row = chain * strides[2] + start
    EXACT: tl.constexpr = MAIN_AT == -2
    if EXACT:
        mr, mi = exact_window(system[0], planes[0], main_row, relative, 0, left, MAIN, SITES, DTYPE)
        ur, ui = exact_window(system[1], planes[1], upper_row - 1, relative, origin + 1, left, OFF, SITES, DTYPE)
        lr, li = exact_window(system[2], planes[2], lower_row, relative, 0, left - 1, OFF, SITES, DTYPE)
    else:
        mr, mi = window(system[0], planes[0], main_row, relative, totals[0], MAIN, BITS, MAIN_AT, SITES, DTYPE)
        ur, ui = window(system[1], planes[1], upper_row - 1, relative, totals[1], OFF, BITS, up_at, SITES, DTYPE)
        lr, li = window(system[2], planes[2], lower_row, relative, totals[2], OFF, BITS, OFF_AT, SITES, DTYPE)
    out = ()
    for j in tl.static_range(SITES):
        re = mr[j] - z[0]
        im = (mi[j] if MAIN != "real" else tl.zeros_like(re)) - z[1]
        a, b, c, d = ur[j], ui[j], lr[j], li[j]
        if (not EXACT) and ((not EVEN) or j == 0):
            first = relative + j > origin
            if not EVEN:
                first = first & (relative + j < left)
            a = tl.where(first, a, 0.0)
            b = tl.where(first, b, 0.0)
        if (not EXACT) and ((not EVEN) or j == SITES - 1):
            last = relative + j < left - 1
            c = tl.where(last, c, 0.0)
            d = tl.where(last, d, 0.0)
        if not EVEN:
            inside = relative + j < left
            re = tl.where(inside, re, 1.0)
            im = tl.where(inside, im, 0.0)
        out = out + (re, im, a, b, c, d)
    return out


@triton.jit
def step_column(s, data, j: tl.constexpr, REAL: tl.constexpr):
    """M s at site j of a segment."""
    return column_step(s, data[6 * j], data[6 * j + 1], data[6 * j + 2], data[6 * j + 3], data[6 * j + 4],
                       data[6 * j + 5], REAL)  # fmt: skip


@triton.jit
def step_row(r, data, j: tl.constexpr, REAL: tl.constexpr):
    """r M at site j of a segment."""
    return row_step(r, data[6 * j], data[6 * j + 1], data[6 * j + 2], data[6 * j + 3], data[6 * j + 4],
                    data[6 * j + 5], REAL)  # fmt: skip


@triton.jit
def from_neighbour(v, boundary, STEP: tl.constexpr):
    """Lane j takes v of lane j + STEP, and `boundary` (CHAINS, 1) at the end of the block."""
    chains: tl.constexpr = v[0].shape[0]
    lanes: tl.constexpr = v[0].shape[1]
    if lanes == 1:
        return boundary
    else:
        lane = tl.broadcast_to(tl.arange(0, lanes)[None, :], (chains, lanes))
        edge = lane == (0 if STEP < 0 else lanes - 1)
        source = tl.where(edge, lane, lane + STEP)
        out = ()
        for k in tl.static_range(len(v)):
            out = out + (tl.where(edge, boundary[k], tl.gather(v[k], source, 1)),)
        return out


@triton.jit
def unit(v):
    """v of norm one. Where a recursion reuses the size of a state, the size must not depend on who computed it."""
    return scaled(v, 1.0 / norm(v))


@triton.jit
def boundary_states(t, s, r):
    """The column that enters each lane from the left and the row from the right; s and r enter the block."""
    if t[0].shape[1] == 1:
        return unit(s), unit(r)
    else:
        prefix = tl.associative_scan(t, 1, earlier_first)
        suffix = tl.associative_scan(t, 1, later_first, reverse=True)
        column = from_neighbour(matrix_times_column(prefix, s), s, -1)
        row = from_neighbour(row_times_matrix(r, suffix), r, 1)
        return unit(column), unit(row)


@triton.jit
def boundary_values(f, h, right, before):
    """What enters each lane from the right under the maps f, and from the left under the maps h."""
    if f[0].shape[1] == 1:
        return right, before
    else:
        f = tl.associative_scan(f, 1, after, reverse=True)
        h = tl.associative_scan(h, 1, after)
        return from_neighbour(image(f, right), right, 1), from_neighbour(image(h, before), before, -1)


@triton.jit
def chain_total(v):
    """(CHAINS, 1): the sum over the lanes of each chain."""
    return tl.sum(v, 1, keep_dims=True)


@triton.jit
def carried(ptr, index, total, COUNT: tl.constexpr):
    """COUNT planes of `total` numbers each, at `index`."""
    out = ()
    for k in tl.static_range(COUNT):
        out = out + (tl.load(ptr + k * total + index),)
    return out


@triton.jit
def side_by_side(parts, COUNT: tl.constexpr):
    """(CHAINS, LANES, COUNT), COUNT a power of two: the parts become the last axis."""
    chains: tl.constexpr = parts[0].shape[0]
    lanes: tl.constexpr = parts[0].shape[1]
    for level in tl.static_range(COUNT.bit_length() - 1):
        joined = ()
        for k in tl.static_range(COUNT >> (level + 1)):
            pair = tl.join(parts[k], parts[k + (COUNT >> (level + 1))])
            joined = joined + (tl.reshape(pair, (chains, lanes, 2 << level)),)
        parts = joined
    return parts[0]


@triton.jit
def write(ptr, row, relative, parts, low, high, alive, PER_SITE: tl.constexpr, SITES: tl.constexpr,
          ROUND: tl.constexpr, FULL: tl.constexpr):  # fmt: skip
    """Write PER_SITE numbers of SITES sites of each lane, of the sites low <= relative + j < high of living chains.

    ROUND: row and high are multiples of four sites, and stores can be wide. FULL: every site is inside.
    """
    count: tl.constexpr = PER_SITE * SITES
    x = side_by_side(parts, count).to(ptr.dtype.element_ty)
    row = row * PER_SITE
    high = high * PER_SITE
    if ROUND:
        row = (row >> 2) * 4
        high = (high >> 2) * 4
    position = (relative * PER_SITE)[:, :, None] + tl.arange(0, count)[None, None, :]
    mask = alive[:, :, None]
    if not FULL:
        mask = mask & (position >= low * PER_SITE) & (position < high)
    tl.store(ptr + row[:, :, None] + position, x, mask=mask, eviction_policy="evict_first")


@triton.jit
def write_complex(ptr, plane, row, relative, re, im, low, high, alive, KIND: tl.constexpr, SITES: tl.constexpr,
                  ROUND: tl.constexpr, FULL: tl.constexpr):  # fmt: skip
    """Write as KIND says; "real" keeps the real parts alone."""
    if KIND == "pairs":
        flat = ()
        for j in tl.static_range(SITES):
            flat = flat + (re[j], im[j])
        write(ptr, row, relative, flat, low, high, alive, 2, SITES, ROUND, FULL)
    else:
        write(ptr, row, relative, re, low, high, alive, 1, SITES, ROUND, FULL)
        if KIND == "planes":
            write(ptr + plane, row, relative, im, low, high, alive, 1, SITES, ROUND, FULL)


@triton.jit
def shift_of(ptr, plane, stride, chain, KIND: tl.constexpr, DTYPE: tl.constexpr):
    """The shift of each chain, (CHAINS, 1), as (real, imaginary)."""
    if KIND == "pairs":
        return tl.load(ptr + 2 * chain * stride).to(DTYPE), tl.load(ptr + 2 * chain * stride + 1).to(DTYPE)
    elif KIND == "planes":
        return tl.load(ptr + chain * stride).to(DTYPE), tl.load(ptr + plane + chain * stride).to(DTYPE)
    else:
        re = tl.load(ptr + chain * stride).to(DTYPE)
        return re, tl.zeros_like(re)


@triton.jit
def lane_product(
    arrays, strides, totals, planes, chain, start, relative, left, z, behind,
    MAIN: tl.constexpr, OFF: tl.constexpr, BITS: tl.constexpr, MAIN_AT: tl.constexpr, OFF_AT: tl.constexpr,
    EVEN: tl.constexpr, segments, SITES: tl.constexpr, DTYPE: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """The normalised product of each lane's M, from its last site to its first.

    KEEP: what lies behind each segment is left in `behind`, at (segment, eight planes, chain and lane).
    Rescaled every second site: entries of 2^±50 stay in the range of float32.
    """
    one = tl.full((chain.shape[0], relative.shape[1]), 1.0, DTYPE)
    o = tl.zeros((chain.shape[0], relative.shape[1]), DTYPE)
    t0, t1, t2, t3, t4, t5, t6, t7 = one, o, o, o, o, o, one, o
    for i in range(segments):
        k = segments - 1 - i
        if KEEP:
            keep(behind, k, (t0, t1, t2, t3, t4, t5, t6, t7))
        data = sites(arrays, strides, totals, planes, chain, start, relative + k * SITES, left, z,
                     MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, SITES, DTYPE)  # fmt: skip
        upper = (t0, t1, t2, t3)
        lower = (t4, t5, t6, t7)
        for j in tl.static_range(SITES):
            upper = step_row(upper, data, SITES - 1 - j, OFF == "real")
            lower = step_row(lower, data, SITES - 1 - j, OFF == "real")
            if j % 2 == 1:
                c = power_of_two(norm(upper) + norm(lower), DTYPE)
                upper = scaled(upper, c)
                lower = scaled(lower, c)
        t0, t1, t2, t3 = upper[0], upper[1], upper[2], upper[3]
        t4, t5, t6, t7 = lower[0], lower[1], lower[2], lower[3]
    return (t0, t1, t2, t3, t4, t5, t6, t7)


@triton.jit
def keep(place, segment, eight):
    """Leave eight numbers of each lane at `place` (CHAINS, LANES, 16 bytes), segment by segment."""
    width: tl.constexpr = 128 // eight[0].dtype.primitive_bitwidth
    size: tl.constexpr = place.shape[0] * place.shape[1] * 8
    for k in tl.static_range(8 // width):
        tl.store(place + (segment * size + k * (size // 8 * width)),
                 side_by_side(eight[k * width : (k + 1) * width], width))  # fmt: skip


@triton.jit
def kept(place, segment):
    width: tl.constexpr = 128 // place.dtype.element_ty.primitive_bitwidth
    size: tl.constexpr = place.shape[0] * place.shape[1] * 8
    out = ()
    for k in tl.static_range(8 // width):
        out = out + apart(tl.load(place + (segment * size + k * (size // 8 * width))), width)
    return out


@triton.jit
def place_of(scratch, CHAINS: tl.constexpr, LANES: tl.constexpr, segments):
    """Where this program's lanes keep what they need again, 16 bytes of each lane side by side: few, wide accesses."""
    width: tl.constexpr = 128 // scratch.dtype.element_ty.primitive_bitwidth
    lane = tl.arange(0, CHAINS)[:, None] * LANES + tl.arange(0, LANES)[None, :]
    place = scratch + tl.program_id(0).to(tl.int64) * (8 * segments * CHAINS * LANES)
    return place + ((lane * width)[:, :, None] + tl.arange(0, width)[None, None, :])


@triton.jit
def entering(column_carry, row_carry, index, total, CARRY: tl.constexpr, DTYPE: tl.constexpr):
    """The states that enter a block from the left and from the right, (CHAINS, 1): the chain's ends, or carried."""
    if CARRY:
        return carried(column_carry, index, total, 4), carried(row_carry, index, total, 4)
    else:
        one = tl.full((index.shape[0], 1), 1.0, DTYPE)
        o = tl.zeros((index.shape[0], 1), DTYPE)
        return (one, o, o, o), (one, o, o, o)


@triton.jit(do_not_specialize=SIZES)
def block_product(
    main, upper, lower, shift,
    chains, n, blocks, segments, main_stride, upper_stride, lower_stride, shift_stride, main_total, upper_total,
    lower_total, main_plane, upper_plane, lower_plane, shift_plane,
    product_out,
    MAIN: tl.constexpr, OFF: tl.constexpr, SHIFT: tl.constexpr, BITS: tl.constexpr, MAIN_AT: tl.constexpr,
    OFF_AT: tl.constexpr, EVEN: tl.constexpr, DTYPE: tl.constexpr, CHAINS: tl.constexpr, LANES: tl.constexpr,
    SITES: tl.constexpr,
):  # fmt: skip
    """The normalised product of the M of every block: eight planes (chains·blocks)."""
    span = segments * SITES
    block, own, chain, _, relative = lanes_of(blocks, chains, span, False, CHAINS, LANES)
    start = block.to(tl.int64) * (LANES * span)
    left = tl.minimum(n - start, LANES * span + 1).to(tl.int32)
    z = shift_of(shift, shift_plane, shift_stride, chain, SHIFT, DTYPE)
    t = lane_product((main, upper, lower), (main_stride, upper_stride, lower_stride),
                     (main_total, upper_total, lower_total), (main_plane, upper_plane, lower_plane), chain, start,
                     relative, left, z, product_out, MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, segments, SITES, DTYPE,
                     False)  # fmt: skip
    if LANES > 1:
        t = last_lane(tl.associative_scan(t, 1, earlier_first))
    for k in tl.static_range(8):
        tl.store(product_out + k * (chains * blocks) + own * blocks + block, t[k], mask=own < chains)


@triton.jit
def last_lane(v):
    """(CHAINS, 1): v of the last lane."""
    lanes: tl.constexpr = v[0].shape[1]
    out = ()
    for k in tl.static_range(len(v)):
        out = out + (tl.sum(tl.where(tl.arange(0, lanes)[None, :] == lanes - 1, v[k], 0.0), 1, keep_dims=True),)
    return out


@triton.jit
def first_lane(v):
    lanes: tl.constexpr = v[0].shape[1]
    out = ()
    for k in tl.static_range(len(v)):
        out = out + (tl.sum(tl.where(tl.arange(0, lanes)[None, :] == 0, v[k], 0.0), 1, keep_dims=True),)
    return out


@triton.jit(do_not_specialize=SIZES)
def block_states(
    product_in,
    chains,
    blocks,
    column_out,
    row_out,
    DTYPE: tl.constexpr,
    LANES: tl.constexpr,
):
    """The states that enter every block of a chain from either side; one program a chain, LANES blocks at a time."""
    total = chains * blocks
    base = tl.program_id(0).to(tl.int64) * blocks
    lane = tl.arange(0, LANES)[None, :]
    one = tl.full((1, 1), 1.0, DTYPE)
    o = tl.zeros((1, 1), DTYPE)
    rounds = tl.cdiv(blocks, LANES)
    s0, s1, s2, s3 = one, o, o, o
    for i in range(rounds):
        t = products(product_in + base, i * LANES + lane, blocks, total)
        t = tl.associative_scan(t, 1, earlier_first)
        s = (s0, s1, s2, s3)
        leaving = unit(matrix_times_column(t, s))
        emit(column_out + base, i * LANES + lane, blocks, total, from_neighbour(leaving, s, -1))
        s0, s1, s2, s3 = last_lane(leaving)
    s0, s1, s2, s3 = one, o, o, o
    for i in range(rounds):
        t = products(product_in + base, (rounds - 1 - i) * LANES + lane, blocks, total)
        t = tl.associative_scan(t, 1, later_first, reverse=True)
        s = (s0, s1, s2, s3)
        leaving = unit(row_times_matrix(s, t))
        emit(row_out + base, (rounds - 1 - i) * LANES + lane, blocks, total, from_neighbour(leaving, s, 1))
        s0, s1, s2, s3 = first_lane(leaving)


@triton.jit
def products(ptr, block, blocks, total):
    """Eight planes at `block`, the identity beyond the last block."""
    out = ()
    for k in tl.static_range(8):
        out = out + (tl.load(ptr + k * total + block, mask=block < blocks, other=1.0 if k % 6 == 0 else 0.0),)
    return out


@triton.jit
def emit(ptr, block, blocks, total, v):
    for k in tl.static_range(len(v)):
        tl.store(ptr + k * total + block, v[k], mask=block < blocks)


@triton.jit(do_not_specialize=SIZES)
def block_inhomogeneities(
    map_in,
    chains,
    blocks,
    right_out,
    left_out,
    DTYPE: tl.constexpr,
    LANES: tl.constexpr,
):
    """What the adjoint recursions bring into every block: from the right (map planes 0-3), from the left (4-7)."""
    total = chains * blocks
    base = tl.program_id(0).to(tl.int64) * blocks
    lane = tl.arange(0, LANES)[None, :]
    o = tl.zeros((1, 1), DTYPE)
    rounds = tl.cdiv(blocks, LANES)
    vr, vi = o, o
    for i in range(rounds):
        block = (rounds - 1 - i) * LANES + lane
        f = affine(map_in + base, block, blocks, total)
        f = tl.associative_scan(f, 1, after, reverse=True)
        leaving = image(f, (vr, vi))
        emit(right_out + base, block, blocks, total, from_neighbour(leaving, (vr, vi), 1))
        vr, vi = first_lane(leaving)
    vr, vi = o, o
    for i in range(rounds):
        block = i * LANES + lane
        f = affine(map_in + base + 4 * total, block, blocks, total)
        f = tl.associative_scan(f, 1, after)
        leaving = image(f, (vr, vi))
        emit(left_out + base, block, blocks, total, from_neighbour(leaving, (vr, vi), -1))
        vr, vi = last_lane(leaving)


@triton.jit
def affine(ptr, block, blocks, total):
    """Four planes at `block`: slope and intercept; the identity beyond the last block."""
    out = ()
    for k in tl.static_range(4):
        out = out + (tl.load(ptr + k * total + block, mask=block < blocks, other=1.0 if k == 0 else 0.0),)
    return out


@triton.jit
def image(f, v):
    """f(v) of an affine map."""
    wr, wi = times(f[0], f[1], v[0], v[1], False)
    return (wr + f[2], wi + f[3])


@triton.jit
def rows_through(row, data, REAL: tl.constexpr, SITES: tl.constexpr, DTYPE: tl.constexpr):
    """The rows that enter the sites of a segment from the right, last site first, rescaled every second site."""
    rows = (row,)
    for j in tl.static_range(SITES - 1):
        row = step_row(row, data, SITES - 1 - j, REAL)
        if j % 2 == 1:
            row = scaled(row, power_of_two(norm(row), DTYPE))
        rows = rows + (row,)
    return rows


@triton.jit(do_not_specialize=SIZES)
def resolvent_diagonal(
    main, upper, lower, shift, cotangent, column_carry, row_carry,
    chains, n, blocks, segments, main_stride, upper_stride, lower_stride, shift_stride, main_total, upper_total,
    lower_total, main_plane, upper_plane, lower_plane, shift_plane, cotangent_stride, cotangent_plane,
    result_plane, off_plane,
    scratch, result, upper_gradient, lower_gradient, shift_gradient,
    MAIN: tl.constexpr, OFF: tl.constexpr, SHIFT: tl.constexpr, RESULT: tl.constexpr, COTANGENT: tl.constexpr,
    BITS: tl.constexpr, MAIN_AT: tl.constexpr, OFF_AT: tl.constexpr, EVEN: tl.constexpr, ROUND: tl.constexpr,
    CARRY: tl.constexpr, DTYPE: tl.constexpr, CHAINS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """G of every site; or, with a COTANGENT c of each chain, the gradient of log det: c G on the three diagonals.

    CARRY: column_carry and row_carry hold four planes (chains·blocks) of the states that enter each block.
    """
    span = segments * SITES
    REAL: tl.constexpr = OFF == "real"
    block, own, chain, alive, relative = lanes_of(blocks, chains, span, CARRY, CHAINS, LANES)
    start = block.to(tl.int64) * (LANES * span)
    left = tl.minimum(n - start, LANES * span + 1).to(tl.int32)
    z = shift_of(shift, shift_plane, shift_stride, chain, SHIFT, DTYPE)
    if COTANGENT != "none":
        w = shift_of(cotangent, cotangent_plane, cotangent_stride, chain, COTANGENT, DTYPE)
    arrays = (main, upper, lower)
    strides = (main_stride, upper_stride, lower_stride)
    totals = (main_total, upper_total, lower_total)
    planes = (main_plane, upper_plane, lower_plane)
    behind = place_of(scratch, CHAINS, LANES, segments)
    t = lane_product(arrays, strides, totals, planes, chain, start, relative, left, z, behind,
                     MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, segments, SITES, DTYPE, True)  # fmt: skip
    many = chains * blocks
    index = tl.minimum(own, chains - 1) * blocks + block
    s, r = entering(column_carry, row_carry, index, many, CARRY, DTYPE)
    s, r = boundary_states(t, s, r)

    s0, s1, s2, s3 = s
    sum_r = tl.zeros((CHAINS, LANES), DTYPE)
    sum_i = sum_r
    for k in range(segments):
        at = relative + k * SITES
        data = sites(arrays, strides, totals, planes, chain, start, at, left, z,
                     MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, SITES, DTYPE)  # fmt: skip
        row = row_times_matrix(r, kept(behind, k))
        rows = rows_through(scaled(row, power_of_two(norm(row), DTYPE)), data, REAL, SITES, DTYPE)
        s = (s0, s1, s2, s3)
        re, im, ure, uim, lre, lim = (), (), (), (), (), ()
        for j in tl.static_range(SITES):
            row = rows[SITES - 1 - j]
            leaving = step_column(s, data, j, REAL)
            dr, di = inner(row, leaving)
            cr, ci, factor = reciprocal(dr, di, DTYPE)
            cr, ci = cr * factor, ci * factor
            if COTANGENT != "none":
                cr, ci = times(w[0], w[1], cr, ci, False)
                yr, yi = times(row[2], row[3], s[0], s[1], False)
                yr, yi = times(yr, yi, cr, ci, False)
                lre, lim = lre + (yr,), lim + (yi,)
                xr, xi = times(row[0], row[1], s[2], s[3], False)
                xr, xi = times(xr, xi, cr, ci, False)
                ure, uim = ure + (-xr,), uim + (-xi,)
            gr, gi = times(s[0], s[1], row[0], row[1], False)
            gr, gi = times(gr, gi, cr, ci, False)
            re, im = re + (gr,), im + (gi,)
            if COTANGENT != "none":
                inside = at + j < left
                sum_r += tl.where(inside, gr, 0.0)
                sum_i += tl.where(inside, gi, 0.0)
            s = leaving
            if j % 2 == 1:
                s = scaled(s, power_of_two(norm(s), DTYPE))
        s0, s1, s2, s3 = s
        write_complex(result, result_plane, chain * n + start, at, re, im, 0, left, alive, RESULT,
                      SITES, ROUND, EVEN)  # fmt: skip
        if COTANGENT != "none":
            write_complex(lower_gradient, off_plane, chain * (n - 1) + start, at, lre, lim, 0, left - 1, alive, OFF,
                          SITES, False, False)  # fmt: skip
            write_complex(upper_gradient, off_plane, chain * (n - 1) + start - 1, at, ure, uim,
                          1 - tl.minimum(block, 1), left, alive, OFF, SITES, False, False)  # fmt: skip
    if COTANGENT != "none":
        tl.store(shift_gradient + index, -chain_total(sum_r), mask=own < chains)
        tl.store(shift_gradient + many + index, -chain_total(sum_i), mask=own < chains)


@triton.jit(do_not_specialize=SIZES)
def log_determinant(
    main, upper, lower, shift, column_carry,
    chains, n, blocks, segments, main_stride, upper_stride, lower_stride, shift_stride, main_total, upper_total,
    lower_total, main_plane, upper_plane, lower_plane, shift_plane,
    growth_out, turns_out, end_out,
    MAIN: tl.constexpr, OFF: tl.constexpr, SHIFT: tl.constexpr, BITS: tl.constexpr, MAIN_AT: tl.constexpr,
    OFF_AT: tl.constexpr, EVEN: tl.constexpr, CARRY: tl.constexpr, DTYPE: tl.constexpr, CHAINS: tl.constexpr,
    LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """Per block: log of the growth of the column's norm, turns of its phase past ±π, and the column that leaves it.

    log p_{N-1} is the sum of the growths, plus the logarithm of the last column's p over its norm; the principal
    logarithms of the pivots p_i / p_{i-1} sum to it plus 2πi a turn. growth (chains·blocks) in float64, turns in int32,
    end: four planes (chains·blocks).
    """
    span = segments * SITES
    block, own, chain, _, relative = lanes_of(blocks, chains, span, False, CHAINS, LANES)
    start = block.to(tl.int64) * (LANES * span)
    left = tl.minimum(n - start, LANES * span + 1).to(tl.int32)
    z = shift_of(shift, shift_plane, shift_stride, chain, SHIFT, DTYPE)
    arrays = (main, upper, lower)
    strides = (main_stride, upper_stride, lower_stride)
    totals = (main_total, upper_total, lower_total)
    planes = (main_plane, upper_plane, lower_plane)
    t = lane_product(arrays, strides, totals, planes, chain, start, relative, left, z, growth_out,
                     MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, segments, SITES, DTYPE, False)  # fmt: skip
    many = chains * blocks
    index = tl.minimum(own, chains - 1) * blocks + block
    s, _ = entering(column_carry, column_carry, index, many, CARRY, DTYPE)
    s, _ = boundary_states(t, s, s)

    s0, s1, s2, s3 = s
    entered = norm(s)
    exponent = tl.zeros((CHAINS, LANES), tl.int32)
    turns = exponent
    for k in range(segments):
        data = sites(arrays, strides, totals, planes, chain, start, relative + k * SITES, left, z,
                     MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, SITES, DTYPE)  # fmt: skip
        s = (s0, s1, s2, s3)
        for j in tl.static_range(SITES):
            leaving = step_column(s, data, j, OFF == "real")
            inside = relative + k * SITES + j < left
            turns += tl.where(inside, turn(s[0], s[1], leaving[0], leaving[1]), 0)
            s = leaving
            if j % 2 == 1:
                size = norm(s)
                exponent += binary_exponent(size, DTYPE)
                s = scaled(s, power_of_two(size, DTYPE))
        s0, s1, s2, s3 = s
    ratio = (norm((s0, s1, s2, s3)) / entered).to(tl.float64)
    growth = tl.log(ratio) + exponent.to(tl.float64) * tl.full((1, 1), 0.6931471805599453, tl.float64)  # ln 2
    tl.store(growth_out + index, chain_total(growth), mask=own < chains)
    tl.store(turns_out + index, chain_total(turns), mask=own < chains)
    end = last_lane((s0, s1, s2, s3))
    for k in tl.static_range(4):
        tl.store(end_out + k * many + index, end[k], mask=own < chains)


@triton.jit
def binary_exponent(size, DTYPE: tl.constexpr):
    """e for size = f 2^e, 1 <= f < 2."""
    if DTYPE == tl.float32:  # noqa: SIM300
        return (size.to(tl.int32, bitcast=True) >> 23) - 127
    else:
        return ((size.to(tl.int64, bitcast=True) >> 52) - 1023).to(tl.int32)


@triton.jit
def turn(ar, ai, br, bi):
    """(arg a + arg(b/a) - arg b) / 2π for principal arguments: 1, 0 or -1.

    Going counter-clockwise the cut is crossed from above to below, clockwise from below to above; the negative real
    axis belongs to the upper side, so that half a turn from it to the positive one crosses too.
    """
    cross = ar * bi - ai * br
    half_turn = (ai == 0) & (bi == 0) & (ar < 0) & (br > 0)
    forward = ((cross > 0) & (ai >= 0) & (bi < 0)) | half_turn
    backward = (cross < 0) & (ai < 0) & (bi >= 0)
    return forward.to(tl.int32) - backward.to(tl.int32)


@triton.jit
def adjoint_segment(s, rows, sizes, data, g, V, REAL: tl.constexpr, SITES: tl.constexpr, DTYPE: tl.constexpr):
    """One segment from left to right: what both adjoint recursions need of its states.

    With columns and rows scaled to norm one (by c_i and k_i) the adjoint recursions read, free of pivots,

        Λ_i = -g_i (x_{i+1}/Δ_i)² + lower_i c_i² Υ_{i+1},    Υ_i = upper_{i-1} Λ_i    (right to left),
        M_i = -g_i (p_{i-1}/Δ_i)² + upper_{i-1} k_i² V_{i-1},    V_i = lower_i M_i    (left to right),

    Λ_i = λ_i / p_{i-1}², M_i = μ_i / x_{i+1}². Returned per site: the source of Λ, the slope lower_i c_i², the states
    around the site, the factor c_i and V_{i-1}, and last the column and V that leave.
    """
    sources, slopes, columns, factors, inflow, moments = (), (), (), (), (), ()
    for j in tl.static_range(SITES):
        row = rows[SITES - 1 - j]
        k = sizes[SITES - 1 - j]
        leaving = step_column(s, data, j, REAL)
        dr, di = inner(row, leaving)
        cr, ci, factor = reciprocal(dr, di, DTYPE)
        cr, ci = cr * factor, ci * factor
        xr, xi = times(row[0], row[1], cr, ci, False)
        pr, pi = times(s[0], s[1], cr, ci, False)
        xr, xi = times(xr, xi, xr, xi, False)
        pr, pi = times(pr, pi, pr, pi, False)
        br, bi = times(-g[2 * j], -g[2 * j + 1], xr, xi, False)
        er, ei = times(-g[2 * j], -g[2 * j + 1], pr, pi, False)
        c = 1.0 / norm(leaving)
        fr, fi = times(data[6 * j + 2] * k, data[6 * j + 3] * k, V[0] * k, V[1] * k, REAL)
        sources = sources + (br, bi)
        slopes = slopes + (data[6 * j + 4] * c * c, data[6 * j + 5] * c * c)
        columns = columns + (s[0], s[1], s[2], s[3])
        factors = factors + (c,)
        inflow = inflow + (V[0], V[1], fr, fi)
        mr, mi = er + fr, ei + fi
        moments = moments + (mr, mi)
        V = times(data[6 * j + 4], data[6 * j + 5], mr, mi, REAL)
        s = scaled(leaving, c)
    return sources, slopes, columns, factors, inflow, moments, s, V


@triton.jit
def unit_rows(row, data, REAL: tl.constexpr, SITES: tl.constexpr):
    """The rows of norm one that enter the sites of a segment, last site first, and leave it; the factors k_i."""
    rows, sizes = (row,), ()
    for j in tl.static_range(SITES):
        row = step_row(row, data, SITES - 1 - j, REAL)
        k = 1.0 / norm(row)
        sizes = sizes + (k,)
        row = scaled(row, k)
        rows = rows + (row,)
    return rows, sizes


@triton.jit
def cotangents(ptr, plane, stride, total, chain, start, relative, left, KIND: tl.constexpr, BITS: tl.constexpr,
               AT: tl.constexpr, CONJUGATE: tl.constexpr, SITES: tl.constexpr, DTYPE: tl.constexpr):  # fmt: skip
    """The cotangent of SITES sites of each lane, zero beyond the chain."""
    if AT == -2:
        re, im = exact_window(ptr, plane, chain * stride + start, relative, 0, left, KIND, SITES, DTYPE)
    else:
        re, im = window(ptr, plane, chain * stride + start, relative, total, KIND, BITS, AT, SITES, DTYPE)
    out = ()
    for j in tl.static_range(SITES):
        inside = relative + j < left
        out = out + (tl.where(inside, re[j], 0.0), tl.where(inside, -im[j] if CONJUGATE else im[j], 0.0))
    return out


@triton.jit(do_not_specialize=SIZES)
def resolvent_diagonal_vjp(
    main, upper, lower, shift, cotangent, column_carry, row_carry, right_carry, left_carry,
    chains, n, blocks, segments, main_stride, upper_stride, lower_stride, shift_stride, main_total, upper_total,
    lower_total, main_plane, upper_plane, lower_plane, shift_plane, cotangent_stride, cotangent_total,
    cotangent_plane, gradient_plane, off_plane,
    scratch, main_gradient, upper_gradient, lower_gradient, shift_gradient, map_out,
    MAIN: tl.constexpr, OFF: tl.constexpr, SHIFT: tl.constexpr, COTANGENT: tl.constexpr,
    COTANGENT_AT: tl.constexpr, CONJUGATE: tl.constexpr, BITS: tl.constexpr, MAIN_AT: tl.constexpr,
    OFF_AT: tl.constexpr, EVEN: tl.constexpr, ROUND: tl.constexpr, CARRY: tl.constexpr, MAP: tl.constexpr,
    DTYPE: tl.constexpr, CHAINS: tl.constexpr, LANES: tl.constexpr, SITES: tl.constexpr,
):  # fmt: skip
    """The holomorphic gradient Σ_i g_i ∂G_ii of every input, by the recursions of `adjoint_segment`.

    Three walks of each lane: its product; its two affine maps of (V, Υ); the gradients. MAP: stop at the maps of the
    whole block, planes 0-3 for Υ and 4-7 for V (chains·blocks), which `block_inhomogeneities` turns into carries.
    shift_gradient: two planes (chains·blocks).
    """
    span = segments * SITES
    REAL: tl.constexpr = OFF == "real"
    block, own, chain, alive, relative = lanes_of(blocks, chains, span, CARRY and not MAP, CHAINS, LANES)
    start = block.to(tl.int64) * (LANES * span)
    left = tl.minimum(n - start, LANES * span + 1).to(tl.int32)
    z = shift_of(shift, shift_plane, shift_stride, chain, SHIFT, DTYPE)
    arrays = (main, upper, lower)
    strides = (main_stride, upper_stride, lower_stride)
    totals = (main_total, upper_total, lower_total)
    planes = (main_plane, upper_plane, lower_plane)
    behind = place_of(scratch, CHAINS, LANES, segments)
    t = lane_product(arrays, strides, totals, planes, chain, start, relative, left, z, behind,
                     MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, segments, SITES, DTYPE, True)  # fmt: skip
    many = chains * blocks
    index = tl.minimum(own, chains - 1) * blocks + block
    s, r = entering(column_carry, row_carry, index, many, CARRY, DTYPE)
    s, r = boundary_states(t, s, r)

    one = tl.full((CHAINS, LANES), 1.0, DTYPE)
    o = tl.zeros((CHAINS, LANES), DTYPE)
    s0, s1, s2, s3 = s
    far, fai, fbr, fbi = one, o, o, o  # Υ at the lane's left end, of Υ at its right end
    har, hai, hbr, hbi = one, o, o, o  # V at the segment's left end, of V at the lane's
    for k in range(segments):
        at = relative + k * SITES
        data = sites(arrays, strides, totals, planes, chain, start, at, left, z,
                     MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, SITES, DTYPE)  # fmt: skip
        g = cotangents(cotangent, cotangent_plane, cotangent_stride, cotangent_total, chain, start, at, left,
                       COTANGENT, BITS, COTANGENT_AT, CONJUGATE, SITES, DTYPE)  # fmt: skip
        rows, sizes = unit_rows(unit(row_times_matrix(r, kept(behind, k))), data, REAL, SITES)
        keep(behind, k, (s0, s1, s2, s3, har, hai, hbr, hbi))
        sources, slopes, columns, factors, inflow, moments, s, V = adjoint_segment(
            (s0, s1, s2, s3), rows, sizes, data, g, (hbr, hbi), REAL, SITES, DTYPE
        )
        for j in tl.static_range(SITES):
            u = (data[6 * j + 2], data[6 * j + 3])
            br, bi = times(u[0], u[1], sources[2 * j], sources[2 * j + 1], REAL)
            br, bi = times(far, fai, br, bi, False)
            fbr, fbi = fbr + br, fbi + bi
            far, fai = times(u[0], u[1], far, fai, REAL)
            far, fai = times(slopes[2 * j], slopes[2 * j + 1], far, fai, REAL)
            size = sizes[SITES - 1 - j]
            har, hai = times(u[0] * size, u[1] * size, har * size, hai * size, REAL)
            har, hai = times(data[6 * j + 4], data[6 * j + 5], har, hai, REAL)
        s0, s1, s2, s3 = s
        hbr, hbi = V

    f = (far, fai, fbr, fbi)
    h = (har, hai, hbr, hbi)
    if MAP:
        if LANES > 1:
            f = first_lane(tl.associative_scan(f, 1, after, reverse=True))
            h = last_lane(tl.associative_scan(h, 1, after))
        for k in tl.static_range(4):
            tl.store(map_out + k * many + index, f[k], mask=own < chains)
            tl.store(map_out + (4 + k) * many + index, h[k], mask=own < chains)
    else:
        if CARRY:
            right = carried(right_carry, index, many, 2)
            before = carried(left_carry, index, many, 2)
        else:
            nothing = tl.zeros((CHAINS, 1), DTYPE)
            right = (nothing, nothing)
            before = (nothing, nothing)
        u, v = boundary_values(f, h, right, before)
        ur, ui = u[0], u[1]
        r0, r1, r2, r3 = r
        sum_r, sum_i = o, o
        for i in range(segments):
            k = segments - 1 - i
            at = relative + k * SITES
            data = sites(arrays, strides, totals, planes, chain, start, at, left, z,
                         MAIN, OFF, BITS, MAIN_AT, OFF_AT, EVEN, SITES, DTYPE)  # fmt: skip
            g = cotangents(cotangent, cotangent_plane, cotangent_stride, cotangent_total, chain, start, at, left,
                           COTANGENT, BITS, COTANGENT_AT, CONJUGATE, SITES, DTYPE)  # fmt: skip
            rows, sizes = unit_rows((r0, r1, r2, r3), data, REAL, SITES)
            r0, r1, r2, r3 = rows[SITES]
            q = kept(behind, k)
            V = image((q[4], q[5], q[6], q[7]), v)
            sources, slopes, columns, factors, inflow, moments, s, V = adjoint_segment(
                (q[0], q[1], q[2], q[3]), rows, sizes, data, g, V, REAL, SITES, DTYPE
            )
            mre, mim, ure, uim, lre, lim = (), (), (), (), (), ()
            pr, pi = s[0], s[1]
            for j in tl.static_range(SITES - 1, -1, -1):
                row = rows[SITES - 1 - j]
                x2r, x2i = times(row[0], row[1], row[0], row[1], False)
                qr, qi = columns[4 * j], columns[4 * j + 1]
                p2r, p2i = times(qr, qi, qr, qi, False)
                # lower_i: x_{i+1} y_{i+1} M_i - c_i p_i p_{i-1} Υ_{i+1}
                ar, ai = times(row[0], row[1], row[2], row[3], False)
                ar, ai = times(ar, ai, moments[2 * j], moments[2 * j + 1], False)
                br, bi = times(pr * factors[j], pi * factors[j], qr, qi, False)
                br, bi = times(br, bi, ur, ui, False)
                lre, lim = (ar - br,) + lre, (ai - bi,) + lim
                fr, fi = times(slopes[2 * j], slopes[2 * j + 1], ur, ui, REAL)
                lr, li = fr + sources[2 * j], fi + sources[2 * j + 1]
                # main_i: λ_i + μ_i - (-g_i G_ii²)
                ar, ai = times(p2r, p2i, lr, li, False)
                br, bi = times(x2r, x2i, inflow[4 * j + 2], inflow[4 * j + 3], False)
                mre, mim = (ar + br,) + mre, (ai + bi,) + mim
                sum_r += ar + br
                sum_i += ai + bi
                # upper_{i-1}: -p_{i-1} q_{i-1} Λ_i - k_i x_i x_{i+1} V_{i-1}
                ar, ai = times(qr, qi, columns[4 * j + 2], columns[4 * j + 3], False)
                ar, ai = times(ar, ai, lr, li, False)
                k_i = sizes[SITES - 1 - j]
                br, bi = times(rows[SITES - j][0] * k_i, rows[SITES - j][1] * k_i, row[0], row[1], False)
                br, bi = times(br, bi, inflow[4 * j], inflow[4 * j + 1], False)
                ure, uim = (-ar - br,) + ure, (-ai - bi,) + uim
                ur, ui = times(data[6 * j + 2], data[6 * j + 3], lr, li, REAL)
                pr, pi = qr, qi
            write_complex(main_gradient, gradient_plane, chain * n + start, at, mre, mim, 0, left, alive, MAIN,
                          SITES, ROUND, EVEN)  # fmt: skip
            write_complex(lower_gradient, off_plane, chain * (n - 1) + start, at, lre, lim, 0, left - 1, alive, OFF,
                          SITES, False, False)  # fmt: skip
            write_complex(upper_gradient, off_plane, chain * (n - 1) + start - 1, at, ure, uim,
                          1 - tl.minimum(block, 1), left, alive, OFF, SITES, False, False)  # fmt: skip
        tl.store(shift_gradient + index, -chain_total(sum_r), mask=own < chains)
        tl.store(shift_gradient + many + index, -chain_total(sum_i), mask=own < chains)
