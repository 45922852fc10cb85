"""The recurrence x_t = λ x_{t−1} + d_t over a tile: along the lanes that threads hold, and from lane to lane.

Lanes are (LANES, STATES) for each of their times, in the order of time.
"""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl

from impl.triton.s5_carries import scaled
from impl.triton.s5_lanes import power
from impl.triton.s5_slabs import LANES


@triton.jit
def pair(ptr, index, inside):
    re = tl.load(ptr + 2 * index, mask=inside, other=0.0)
    return re, tl.load(ptr + 2 * index + 1, mask=inside, other=0.0)


@triton.jit
def store_pair(ptr, index, re, im, inside):
    tl.store(ptr + 2 * index, re, mask=inside)
    tl.store(ptr + 2 * index + 1, im, mask=inside)


@triton.jit
def rounded_power(fr, fi, STEPS: tl.constexpr):
    """λ^STEPS, rounded once."""
    wr, wi = power(fr.to(tl.float64), fi.to(tl.float64), STEPS, False)
    return wr.to(tl.float32), wi.to(tl.float32)


@triton.jit
def advanced(fr, fi, xr, xi, dr, di):
    """λ x + d, in two fused steps each."""
    return fr * xr + (dr - fi * xi), fr * xi + (fi * xr + di)


@triton.jit
def _met(lanes, k: tl.constexpr, REVERSE: tl.constexpr):
    """The k-th drive to be met."""
    at: tl.constexpr = len(lanes) - 1 - k if REVERSE else k
    return lanes[at]


@triton.jit
def end_from_rest(fr, fi, dr, di, REVERSE: tl.constexpr):
    """The state at the end of each lane that begins at zero."""
    xr, xi = tl.zeros_like(dr[0]), tl.zeros_like(dr[0])
    for k in tl.static_range(len(dr)):
        xr, xi = advanced(fr, fi, xr, xi, _met(dr, k, REVERSE), _met(di, k, REVERSE))
    return xr, xi


@triton.jit
def _four(x, REVERSE: tl.constexpr):
    """The rows of (LANES, STATES), in the order of the recurrence, each (1, STATES). Threads that differ in their lane
    alone are neighbours."""
    lane, rows = tl.arange(0, LANES)[:, None], ()
    for k in tl.static_range(4):
        rows = rows + (tl.sum(tl.where(lane == (3 - k if REVERSE else k), x, 0.0), 0)[None, :],)
    return rows


@triton.jit
def entering(x, REVERSE: tl.constexpr):
    """What enters the lanes, (LANES, STATES), of what is reached."""
    lane = tl.arange(0, LANES)[:, None]
    if REVERSE:
        lane = 3 - lane
    return tl.where(lane < 2, tl.where(lane == 0, x[0], x[1]), tl.where(lane == 2, x[2], x[3]))


@triton.jit
def reached(pr, pi, er, ei, cr, ci, REVERSE: tl.constexpr):
    """The states that enter and leave the lanes, of ends e and decay p, of a tile entered by c: five of real, and five
    of imaginary parts, in the order of the recurrence, each (1, STATES)."""
    re, im = (cr,), (ci,)
    ends_r, ends_i = _four(er, REVERSE), _four(ei, REVERSE)
    for k in tl.static_range(4):
        mr, mi = scaled(pr, pi, re[k], im[k], False)
        re, im = re + (mr + ends_r[k],), im + (mi + ends_i[k],)
    return re, im


@triton.jit
def run(fr, fi, dr, di, xr, xi, REVERSE: tl.constexpr):
    """The states of each lane, in the order of time."""
    re, im = (), ()
    for k in tl.static_range(len(dr)):
        xr, xi = advanced(fr, fi, xr, xi, _met(dr, k, REVERSE), _met(di, k, REVERSE))
        if REVERSE:
            re, im = (xr,) + re, (xi,) + im
        else:
            re, im = re + (xr,), im + (xi,)
    return re, im


@triton.jit
def states_of(fr, fi, pr, pi, dr, di, carries, at, inside, REVERSE: tl.constexpr):
    """The states of a tile whose entering one is known, and what enters its lanes; p is the decay of a lane."""
    er, ei = end_from_rest(fr, fi, dr, di, REVERSE)
    cr, ci = pair(carries, at, inside)
    re, im = reached(pr, pi, er, ei, cr, ci, REVERSE)
    br, bi = entering(re, REVERSE), entering(im, REVERSE)
    re, im = run(fr, fi, dr, di, br, bi, REVERSE)
    return re, im, br, bi


@triton.jit
def added(dr, di, sr, si, where, lane):
    """What begins the recurrence, added at one place of the tile."""
    re, im = (), ()
    for k in tl.static_range(len(dr)):
        here = lane * len(dr) + k == where
        re, im = re + (dr[k] + tl.where(here, sr, 0.0),), im + (di[k] + tl.where(here, si, 0.0),)
    return re, im


@triton.jit
def found(xr, xi, lane, where):
    """The states at one place of the tile."""
    re, im = tl.zeros_like(xr[0]), tl.zeros_like(xr[0])
    for k in tl.static_range(len(xr)):
        here = lane * len(xr) + k == where
        re, im = tl.where(here, xr[k], re), tl.where(here, xi[k], im)
    return tl.sum(re, 0)[None, :], tl.sum(im, 0)[None, :]
