"""Triton kernel of the discretisation of a continuous state whose input is held."""

import math

import triton
import triton.language as tl

BLOCK = 128  # numbers of a program
TERMS = tl.constexpr(20)  # of the series, enough for double precision in the unit disc


@triton.constexpr_function
def coefficient(k):
    return 1 / math.factorial(k + 1)


@triton.jit
def held(eigenvalues, steps, decay, gain, quotient, slope, size, BLOCK: tl.constexpr):
    """With z = λΔ for `size` pairs λ and numbers Δ: e^z, Δ q, q = (e^z − 1)/z, and Δ dq/dz; in float64 inside.

    In the unit disc q by the series Σ z^k/(k + 1)! and its derivative, of which nothing cancels.
    """
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = index < size
    step = tl.load(steps + index, mask=inside, other=0.0).to(tl.float64)
    zr = tl.load(eigenvalues + 2 * index, mask=inside, other=0.0).to(tl.float64) * step
    zi = tl.load(eigenvalues + 2 * index + 1, mask=inside, other=0.0).to(tl.float64) * step
    square = zr * zr + zi * zi
    near = square <= 1
    nr, ni = tl.where(near, zr, 0.0), tl.where(near, zi, 0.0)
    qr, qi = tl.zeros_like(zr) + coefficient(TERMS - 1), tl.zeros_like(zr)
    sr, si = tl.zeros_like(zr), tl.zeros_like(zr)
    for k in tl.static_range(TERMS - 1):
        sr, si = sr * nr - si * ni + qr, sr * ni + si * nr + qi
        qr, qi = qr * nr - qi * ni + coefficient(TERMS - 2 - k), qr * ni + qi * nr
    far = tl.where(near, 1.0, square)
    wr, wi = tl.where(near, 1.0, zr) / far, tl.where(near, 0.0, -zi) / far  # 1/z
    height = tl.exp(zr)
    er, ei = height * tl.cos(zi), height * tl.sin(zi)
    fr, fi = (er - 1) * wr - ei * wi, (er - 1) * wi + ei * wr
    tr, ti = (er - fr) * wr - (ei - fi) * wi, (er - fr) * wi + (ei - fi) * wr
    qr, qi, sr, si = tl.where(near, qr, fr), tl.where(near, qi, fi), tl.where(near, sr, tr), tl.where(near, si, ti)
    _store(decay, index, er, ei, inside)
    _store(gain, index, step * qr, step * qi, inside)
    _store(quotient, index, qr, qi, inside)
    _store(slope, index, step * sr, step * si, inside)


@triton.jit
def _store(ptr, index, re, im, inside):
    tl.store(ptr + 2 * index, re.to(ptr.dtype.element_ty), mask=inside)
    tl.store(ptr + 2 * index + 1, im.to(ptr.dtype.element_ty), mask=inside)
