"""Columns and rows of continuants of a tridiagonal matrix, and how they pass from lane to lane.

Site i is the matrix M_i = [[m_i, -upper_{i-1}], [lower_i, 0]], m = main - shift. Columns s_i = M_i s_{i-1} from
s_{-1} = (1, 0) and rows r_i = r_{i+1} M_i from r_N = (1, 0) carry the leading and trailing continuants:
s_i = (p_i, lower_i p_{i-1}), r_i = (x_i, -upper_{i-1} x_{i+1}), r_{i+1} s_i = det H for every i, so that

    G_ii = p_{i-1} x_{i+1} / (r_{i+1} s_i),    log det = log p_{N-1}.

Both are homogeneous in s and r: rescaling them changes nothing, and a vanishing pivot p_i is nothing special.
A state is four numbers, a matrix its two columns; a site is the tuple (m, upper_{i-1}, lower_i) of complex pairs.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.complex_pairs import minus, norm, plus, power_of_two, rescaled, scaled, times


@triton.jit
def column_step(s, site):
    """M s = (m p - upper q, lower p)."""
    p = (s[0], s[1])
    return minus(times(site[0], p), times(site[1], (s[2], s[3]))) + times(site[2], p)


@triton.jit
def row_step(r, site):
    """r M = (x m + y lower, -x upper)."""
    x = (r[0], r[1])
    y = times(site[1], x)
    return plus(times(site[0], x), times(site[2], (r[2], r[3]))) + (-y[0], -y[1])


@triton.jit
def inner(r, s):
    """x p + y q."""
    return plus(times((r[0], r[1]), (s[0], s[1])), times((r[2], r[3]), (s[2], s[3])))


@triton.jit
def matrix_times_column(t, s):
    p, q = (s[0], s[1]), (s[2], s[3])
    upper = plus(times((t[0], t[1]), p), times((t[4], t[5]), q))
    return upper + plus(times((t[2], t[3]), p), times((t[6], t[7]), q))


@triton.jit
def row_times_matrix(t, r):
    return inner(r, (t[0], t[1], t[2], t[3])) + inner(r, (t[4], t[5], t[6], t[7]))


@triton.jit
def product_later_earlier(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7):
    """The rescaled a b."""
    a = (a0, a1, a2, a3, a4, a5, a6, a7)
    return rescaled(matrix_times_column(a, (b0, b1, b2, b3)) + matrix_times_column(a, (b4, b5, b6, b7)))


@triton.jit
def product_earlier_later(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7):
    """The rescaled b a."""
    return product_later_earlier(b0, b1, b2, b3, b4, b5, b6, b7, a0, a1, a2, a3, a4, a5, a6, a7)


@triton.jit
def after(a0, a1, b0, b1, c0, c1, d0, d1):
    """The affine map z -> c z + d after z -> a z + b."""
    c = (c0, c1)
    return times(c, (a0, a1)) + plus(times(c, (b0, b1)), (d0, d1))


@triton.jit
def image(f, z):
    """f(z) of an affine map."""
    return plus(times((f[0], f[1]), z), (f[2], f[3]))


@triton.jit
def lane_product(data, SITES: tl.constexpr):
    """The rescaled product of a lane's M, from its last site to its first: what it makes of (1, 0) and of (0, 1).

    Rescaled every second site: entries of 2^±50 stay in the range of float32.
    """
    one = tl.zeros_like(data[0][0][0]) + 1.0
    o = tl.zeros_like(one)
    left = column_step((one, o, o, o), data[0])
    right = column_step((o, o, one, o), data[0])
    for j in tl.static_range(1, SITES):
        left, right = column_step(left, data[j]), column_step(right, data[j])
        if j % 2 == 1:
            c = power_of_two(norm(left) + norm(right))
            left, right = scaled(left, c), scaled(right, c)
    return left + right


@triton.jit
def scanned(maps, BACK: tl.constexpr):
    """What passes each lane of a row from the row's left end, or, BACK, from its right end.

    maps: eight numbers for a matrix, which takes columns to the right and rows to the left; four for an affine map.
    """
    if maps[0].shape[1] == 1:
        return maps
    elif len(maps) == 4:
        return tl.associative_scan(maps, 1, after, reverse=BACK)
    elif BACK:
        return tl.associative_scan(maps, 1, product_later_earlier, reverse=True)
    else:
        return tl.associative_scan(maps, 1, product_earlier_later)


@triton.jit
def applied(maps, v, BACK: tl.constexpr):
    if len(maps) == 4:
        return image(maps, v)
    elif BACK:
        return row_times_matrix(maps, v)
    else:
        return matrix_times_column(maps, v)


@triton.jit
def scanned_rows(whole, ROWS: tl.constexpr, BACK: tl.constexpr):
    """What passes each of the ROWS rows of a chain: (chains, ROWS).

    A row of lanes lies within a warp and scans by shuffles. The few totals of a chain's rows scan in turn side by side
    in one warp, since Triton's own scan across warps would walk them one by one.
    """
    totals = ()
    for k in tl.static_range(len(whole)):
        totals = totals + (tl.reshape(outermost(whole[k], BACK), (whole[k].shape[0] // ROWS, ROWS)),)
    return scanned(totals, BACK)


@triton.jit
def entering(maps, v, ROWS: tl.constexpr, BACK: tl.constexpr):
    """What enters every lane where v (chains, 1) enters the chain from its left end, or, BACK, from its right end.

    maps (chains·ROWS, lanes): what each lane does to what passes it.
    """
    whole = scanned(maps, BACK)
    if ROWS > 1:
        within = from_neighbour(applied(scanned_rows(whole, ROWS, BACK), v, BACK), v, BACK)
        v = ()
        for k in tl.static_range(len(within)):
            v = v + (tl.reshape(within[k], (maps[0].shape[0], 1)),)
    return from_neighbour(applied(whole, v, BACK), v, BACK)


@triton.jit
def total(maps, ROWS: tl.constexpr, BACK: tl.constexpr):
    """(chains, 1): what all lanes of a chain do to what passes them."""
    rows = scanned_rows(scanned(maps, BACK), ROWS, BACK)
    out = ()
    for k in tl.static_range(len(rows)):
        out = out + (outermost(rows[k], BACK),)
    return out


@triton.jit
def outermost(x, BACK: tl.constexpr):
    """(…, 1): the value of the lane that a scan reaches last."""
    lane = tl.zeros((x.shape[0], 1), tl.int32) + (0 if BACK else x.shape[1] - 1)
    return tl.gather(x, lane, 1)


@triton.jit
def from_neighbour(v, boundary, BACK: tl.constexpr):
    """Every lane takes v of the lane before it, BACK: after it, and `boundary` (…, 1) at the end of its row."""
    rows: tl.constexpr = v[0].shape[0]
    lanes: tl.constexpr = v[0].shape[1]
    if lanes == 1:
        return boundary
    else:
        lane = tl.broadcast_to(tl.arange(0, lanes)[None, :], (rows, lanes))
        edge = lane == (lanes - 1 if BACK else 0)
        source = tl.where(edge, lane, lane + (1 if BACK else -1))
        out = ()
        for k in tl.static_range(len(v)):
            out = out + (tl.where(edge, boundary[k], tl.gather(v[k], source, 1)),)
        return out
