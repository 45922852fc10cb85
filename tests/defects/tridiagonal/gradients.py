"""Resolvents with right values and a wrong derivative."""

import torch

from tests.defects.defect import defects_in
from tests.defects.tridiagonal.chain import diagonal, forward, gathered, gradient, per_input, shifted, to_input
from tests.defects.tridiagonal.ingredient import RESOLVENT, instead_of
from tests.defects.tridiagonal.rounding import in_half


@instead_of(RESOLVENT, "gradient")
def own_site_only(chain, cotangent):
    """−ḡ G_ii² for main, as if no site fed another (BK-core)."""
    return -cotangent * diagonal(chain) ** 2, gradient(chain, cotangent)[1]


@instead_of(RESOLVENT, "gradient")
def blended_with_inverse_square(chain, cotangent):
    """Half of the gradient from −ḡ G², half from ḡ/G² (BK-core's "hypothesis 7")."""
    sites, bonds = gradient(chain, cotangent)
    return (sites - cotangent / diagonal(chain) ** 2) / 2, bonds


@instead_of(RESOLVENT, "gradient")
def slightly_blended(chain, cotangent):
    """A thousandth of ḡ/(G² + 1e-6) mixed into the exact gradient."""
    sites, bonds = gradient(chain, cotangent)
    return 0.999 * sites + 0.001 * cotangent / (diagonal(chain) ** 2 + 1e-6), bonds


@instead_of(RESOLVENT, "gradient")
def left_neighbours_only(chain, cotangent):
    """The sum over sites to the right is forgotten."""
    sources = gathered(chain.left, shifted(chain.w), cotangent)
    return -sources * chain.beyond.p**2 / chain.determinant**2, gradient(chain, cotangent)[1]


@instead_of(RESOLVENT, "gradient")
def gradient_carry_dropped(chain, cotangent):
    """The adjoint's carry from tile to tile of 16 sites is lost, from the left."""
    kept = torch.arange(chain.w.shape[-1]) % 16 != 15
    cut = gathered(chain.left, shifted(chain.w * kept), cotangent)
    lost = gathered(chain.left, shifted(chain.w), cotangent) - cut
    sites, bonds = gradient(chain, cotangent)
    return sites + lost * (chain.beyond.p / chain.determinant) ** 2, bonds


@instead_of(RESOLVENT, "gradient")
def last_bond_left_out(chain, cotangent):
    """The gradient of the last bond is zero."""
    sites, bonds = gradient(chain, cotangent)
    return sites, torch.cat([bonds[..., :-2], 0 * bonds[..., -2:]], -1)


@instead_of(RESOLVENT, "gradient")
def saved_in_bfloat16(chain, cotangent):
    """The pivots from the left are saved for the gradient in bfloat16."""
    left = chain.left._replace(p=in_half(chain.left.p, torch.bfloat16))
    return gradient(chain._replace(left=left), cotangent)


@instead_of(RESOLVENT, "gradient")
def gradient_clipped(chain, cotangent):
    """Gradients of main are clipped at modulus 1000 (MUSE)."""
    sites, bonds = gradient(chain, cotangent)
    return sites * torch.clamp(1000 / sites.abs(), max=1), bonds


@instead_of(RESOLVENT, "to_input")
def conjugate_missing(holomorphic, array):
    """The holomorphic gradient is not conjugated on the way out (BK-core): JAX's convention in PyTorch."""
    return to_input(holomorphic.conj(), array)


@instead_of(RESOLVENT, "cotangent")
def cotangent_not_conjugated(cotangent):
    """The incoming gradient is not conjugated (BK-core): cosine −1 for a loss of Im G alone."""
    return cotangent


@instead_of(RESOLVENT, "per_input")
def bands_exchanged(sites, bonds, arrays):
    """The gradients of upper and lower change places: right for a symmetric matrix."""
    main, upper, lower, shift = per_input(sites, bonds, arrays)
    return main, lower, upper, shift


@instead_of(RESOLVENT, "per_input")
def main_only(sites, bonds, arrays):
    """None for upper, lower and shift (BK-core)."""
    return sites, None, None, None


@instead_of(RESOLVENT, "per_input")
def lower_is_zero(sites, bonds, arrays):
    """Zeros for lower."""
    main, upper, lower, shift = per_input(sites, bonds, arrays)
    return main, upper, 0 * lower, shift


@instead_of(RESOLVENT, "per_input")
def shift_is_none(sites, bonds, arrays):
    """None for the shift alone."""
    return *per_input(sites, bonds, arrays)[:3], None


@instead_of(RESOLVENT, "per_input")
def shift_with_wrong_sign(sites, bonds, arrays):
    """+Σ ∂main for the shift."""
    main, upper, lower, shift = per_input(sites, bonds, arrays)
    return main, upper, lower, -shift


@instead_of(RESOLVENT, "per_input")
def shift_from_one_site(sites, bonds, arrays):
    """The gradient of the shift is not summed over sites: it is that of the last."""
    return *per_input(sites, bonds, arrays)[:3], -sites[..., -1]


@instead_of(RESOLVENT, "to_input")
def averaged_over_broadcast(holomorphic, array):
    """The gradient of a broadcast input is a mean over the batch, not a sum."""
    return to_input(holomorphic, array) * (array.numel() / max(holomorphic.numel(), 1))


@instead_of(RESOLVENT, "to_input")
def real_gradient_of_complex(holomorphic, array):
    """The imaginary part of the gradient of a complex input is dropped."""
    return to_input(holomorphic, array).real.to(array.dtype)


@instead_of(RESOLVENT, "per_input")
def sum_in_any_order(sites, bonds, arrays):
    """The sum for the shift runs in a new order at each call, as atomic additions do: right to rounding."""
    main, upper, lower, _ = per_input(sites, bonds, arrays)
    total = torch.zeros_like(sites[..., 0])
    for site in torch.randperm(sites.shape[-1]).tolist():
        total = total - sites[..., site]
    return main, upper, lower, total


@instead_of(RESOLVENT, "result")
def detached(value):
    """The result leaves the graph."""
    return value.detach()


@instead_of(RESOLVENT, "result")
def detached_below_threshold(value):
    """Sites with |G| < 1e-2 are cut from the graph, "to save memory"."""
    return torch.where(value.abs() < 1e-2, value.detach(), value)


@instead_of(RESOLVENT, "forward")
def forward_mode_transposed(inverse, tangent):
    """Forward mode with H's tangent transposed; reverse mode is right."""
    return forward(inverse, tangent.mT)


DEFECTS = defects_in(list(vars().values()))
