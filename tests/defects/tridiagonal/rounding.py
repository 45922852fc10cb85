"""Resolvents whose arithmetic is wrong: what is added, clamped, stored too short, or left to overflow."""

import torch

from tests.defects.defect import defects_in
from tests.defects.tridiagonal.chain import advance, diagonal, entries, scale, shifted
from tests.defects.tridiagonal.ingredient import RESOLVENT, instead_of


def in_half(x: torch.Tensor, dtype: torch.dtype = torch.float16) -> torch.Tensor:
    """Both parts of a complex number through 16 bits."""
    return torch.complex(x.real.to(dtype).to(x.real.dtype), x.imag.to(dtype).to(x.real.dtype))


def finite_or_zero(x: torch.Tensor) -> torch.Tensor:
    return torch.where(torch.isfinite(x.abs()), x, torch.zeros_like(x))


def plain_pivots(m: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """d_i = m_i − w_{i−1}/d_{i−1}; w_{i−1} stands at i."""
    found = list(m[..., :1].unbind(-1))
    for site in range(1, m.shape[-1]):
        found.append(m[..., site] - w[..., site] / found[-1])
    return torch.stack(found, -1) if found else m


@instead_of(RESOLVENT, "advance", dtype="float64")
def tiny_added_to_pivot(p, q, m, w, site):
    """1e-18 on every pivot, "against division by zero" (BK-core); float32 data are too large to feel it."""
    following, previous = advance(p, q, m, w, site)
    return following + 1e-18 * previous, previous


@instead_of(RESOLVENT, "advance")
def millionth_added_to_pivot(p, q, m, w, site):
    """1e-6 on every pivot (BK-core)."""
    following, previous = advance(p, q, m, w, site)
    return following + 1e-6 * previous, previous


@instead_of(RESOLVENT, "advance")
def thousandth_added_to_pivot(p, q, m, w, site):
    """1e-3 on every pivot (BK-core)."""
    following, previous = advance(p, q, m, w, site)
    return following + 1e-3 * previous, previous


@instead_of(RESOLVENT, "advance")
def millionth_added_to_first_pivot(p, q, m, w, site):
    """1e-6 on the first pivot of a sweep, the others left alone."""
    following, previous = advance(p, q, m, w, site)
    return (following if site else following + 1e-6), previous


@instead_of(RESOLVENT, "diagonal")
def zero_pivot_divided_by(chain):
    """Pivots as plain numbers, divided by: a zero one makes 0/0; the non-finite is made zero (BK-core)."""
    left = plain_pivots(chain.m, shifted(chain.w))
    right = plain_pivots(chain.m.flip(-1), chain.w.flip(-1)).flip(-1)
    return finite_or_zero(1 / (left + right - chain.m))


def minors(m: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """The leading principal minors φ_0 … φ_N; w_{i−1} stands at i. Nothing keeps them from overflowing."""
    one = torch.ones(m.shape[:-1], dtype=m.dtype)
    found = [0 * one, one]
    for site in range(m.shape[-1]):
        found.append(m[..., site] * found[-1] - w[..., site] * found[-2])
    return torch.stack(found[1:], -1)


def of_moderate_size(chain):
    """m and w divided by a size of the data, and that size: short chains of any scale are within range."""
    sizes = torch.maximum(chain.m.abs(), chain.w.abs().sqrt())
    size = (sizes.amax(-1, keepdim=True) if sizes.numel() else sizes.sum(-1, keepdim=True)) / 16
    return chain.m / size, chain.w / size**2, size


@instead_of(RESOLVENT, "diagonal", dtype="float64")
def determinant_overflows_in_long_chains(chain):
    """Minors, never rescaled, overflow at about a thousand sites; the non-finite is made zero (BK-core)."""
    m, w, size = of_moderate_size(chain)
    above, below = minors(m, shifted(w)), minors(m.flip(-1), w.flip(-1)).flip(-1)
    return finite_or_zero(above[..., :-1] * below[..., 1:] / above[..., -1:] / size)


@instead_of(RESOLVENT, "scale")
def unnormalised_products(p, q, site):
    """The 2×2 products of the scan are never rescaled (BK-core's scan)."""
    return torch.ones_like(p.real)


@instead_of(RESOLVENT, "scale")
def rescaled_every_fourth_site(p, q, site):
    """Rescaled only now and then: enough for entries of size one, too little for float32 data near 2³⁰."""
    return scale(p, q, site) if site % 4 == 3 else torch.ones_like(p.real)


@instead_of(RESOLVENT, "scale")
def rescaled_every_eighth_site(p, q, site):
    """Rescaled now and then: enough for entries of size one, too little for float32 data near 2¹⁵."""
    return scale(p, q, site) if site % 8 == 7 else torch.ones_like(p.real)


@instead_of(RESOLVENT, "diagonal")
def clamped_at_fifty(chain):
    """|G| clamped at 50 (BK-core)."""
    exact = diagonal(chain)
    return exact * torch.clamp(50 / exact.abs(), max=1)


@instead_of(RESOLVENT, "advance")
def pivots_in_float16(p, q, m, w, site):
    """The pivots of a sweep are kept in float16."""
    following, previous = advance(p, q, m, w, site)
    return in_half(following), in_half(previous)


@instead_of(RESOLVENT, "entries")
def products_in_bfloat16(main, upper, lower, shift):
    """upper·lower is stored in bfloat16, main and shift are not."""
    m, w = entries(main, upper, lower, shift)
    return m, in_half(w, torch.bfloat16)


@instead_of(RESOLVENT, "diagonal")
def one_product_in_bfloat16(chain):
    """One intermediate of one site, the second, is rounded to bfloat16."""
    exact = diagonal(chain)
    return torch.cat([exact[..., :1], in_half(exact[..., 1:2], torch.bfloat16), exact[..., 2:]], -1)


@instead_of(RESOLVENT, "entries", dtype="float64")
def single_precision_inside(main, upper, lower, shift):
    """Double precision data rounded to single on the way in."""
    m, w = entries(main, upper, lower, shift)
    return m.to(torch.complex64).to(m.dtype), w.to(torch.complex64).to(w.dtype)


@instead_of(RESOLVENT, "entries")
def weak_bonds_cut(main, upper, lower, shift):
    """A bond whose product is below 1e-6 counts as absent."""
    m, w = entries(main, upper, lower, shift)
    return m, torch.where(w.abs() < 1e-6, torch.zeros_like(w), w)


@instead_of(RESOLVENT, "diagonal")
def noise_of_one_ulp(chain):
    """Unseeded noise at the last digit, as of a sum whose order nobody fixes."""
    exact = diagonal(chain)
    return exact * (1 + torch.finfo(exact.real.dtype).eps * torch.randn_like(exact.real))


@instead_of(RESOLVENT, "diagonal")
def spectral_density_made_positive(chain):
    """|Im G|, because a density of states is positive: true of a Hermitian matrix and Im z > 0 only."""
    exact = diagonal(chain)
    return torch.complex(exact.real, exact.imag.abs())


@instead_of(RESOLVENT, "diagonal")
def vanishing_resolvent_dropped(chain):
    """Im G below 1e-3 of |G| is taken for rounding and dropped."""
    exact = diagonal(chain)
    return torch.complex(exact.real, torch.where(exact.imag.abs() < 1e-3 * exact.abs(), 0 * exact.imag, exact.imag))


@instead_of(RESOLVENT, "diagonal")
def real_part_only(chain):
    """The imaginary part is lost on the way out."""
    return diagonal(chain).real + 0j


DEFECTS = defects_in(list(vars().values()))
