"""Wrong log determinants."""

import torch

from tests.defects.defect import defects_in
from tests.defects.tridiagonal.chain import advance, determinant_gradient, logarithm, per_input, shifted, to_input
from tests.defects.tridiagonal.ingredient import DETERMINANT, instead_of
from tests.defects.tridiagonal.rounding import in_half, minors, of_moderate_size


def _turns(chain, angle):
    exact = logarithm(chain)
    return torch.complex(exact.real, angle)


@instead_of(DETERMINANT, "logarithm")
def principal_logarithm(chain):
    """The principal logarithm of the determinant: right but for the multiples of 2πi of the pivots."""
    return _turns(chain, torch.remainder(logarithm(chain).imag + torch.pi, 2 * torch.pi) - torch.pi)


@instead_of(DETERMINANT, "logarithm")
def angles_from_zero(chain):
    """Angles of pivots taken in [0, 2π)."""
    angles = torch.remainder((chain.left.p * chain.left.q.conj()).angle(), 2 * torch.pi)
    return _turns(chain, angles.sum(-1))


@instead_of(DETERMINANT, "logarithm")
def moduli_only(chain):
    """Σ log|d_i|: the angle is gone."""
    return logarithm(chain).real + 0j


@instead_of(DETERMINANT, "logarithm")
def overflowing_product(chain):
    """The logarithm of the product of the pivots, which overflows."""
    pivots = chain.left.p / chain.left.q
    exact, product = logarithm(chain), torch.prod(pivots, -1)
    return torch.complex(product.abs().log(), exact.imag)


@instead_of(
    DETERMINANT,
    "logarithm",
    dtype="float64",
)
def minor_overflows_in_long_chains(chain):
    """The logarithm of the last minor, never rescaled: it overflows at about a thousand sites."""
    m, w, size = of_moderate_size(chain)
    growth = size.expand_as(m).log().sum(-1)
    return torch.complex(minors(m, shifted(w))[..., -1].abs().log() + growth, logarithm(chain).imag)


@instead_of(DETERMINANT, "logarithm")
def last_pivot_left_out(chain):
    """The sum stops one pivot short."""
    last = (chain.left.p / chain.left.q)[..., -1:].log().sum(-1)
    return logarithm(chain) - last


@instead_of(DETERMINANT, "logarithm")
def zero_determinant_made_finite(chain):
    """log(|d| + 1e-12) for the last pivot."""
    pivot = (chain.left.p / chain.left.q).abs()[..., -1:]
    return logarithm(chain) + (torch.log(pivot + 1e-12) - torch.log(pivot)).sum(-1)


@instead_of(DETERMINANT, "advance")
def millionth_added_to_pivots(p, q, m, w, site):
    """1e-6 on every pivot (BK-core)."""
    following, previous = advance(p, q, m, w, site)
    return following + 1e-6 * previous, previous


@instead_of(DETERMINANT, "advance")
def pivots_in_bfloat16(p, q, m, w, site):
    """The pivots are kept in bfloat16."""
    following, previous = advance(p, q, m, w, site)
    return in_half(following, torch.bfloat16), in_half(previous, torch.bfloat16)


@instead_of(DETERMINANT, "advance")
def carry_applied_again(p, q, m, w, site):
    """Where one tile of 16 sites hands over to the next, the bond counts twice."""
    return advance(p, q, m, 2 * w if site and site % 16 == 0 else w, site)


@instead_of(DETERMINANT, "determinant_gradient")
def bonds_have_no_gradient(chain, cotangent):
    """∂ log det/∂main = G, and zero for both bands."""
    sites, bonds = determinant_gradient(chain, cotangent)
    return sites, 0 * bonds


@instead_of(DETERMINANT, "determinant_gradient")
def inverse_main_for_gradient(chain, cotangent):
    """1/m_i for G_ii: right for a diagonal matrix."""
    return cotangent.unsqueeze(-1) / chain.m, determinant_gradient(chain, cotangent)[1]


@instead_of(DETERMINANT, "to_input")
def gradient_not_conjugated(holomorphic, array):
    """The conjugate is missing."""
    return to_input(holomorphic.conj(), array)


@instead_of(DETERMINANT, "per_input")
def shift_gradient_positive(sites, bonds, arrays):
    """+Σ G for the shift: the sign of a density of states."""
    main, upper, lower, shift = per_input(sites, bonds, arrays)
    return main, upper, lower, -shift


DEFECTS = defects_in(list(vars().values()))
