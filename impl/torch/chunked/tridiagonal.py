"""The tridiagonal row in plain tensor operations, O(N), on any device.

Everything is computed in double, whatever is asked: the products of off-diagonals of graded single-precision data
leave the range of single. Arguments are flat: main (B, N), upper and lower (B, N−1), shift (B), with B, N ≥ 1.
Derivatives are holomorphic: a cotangent ḡ gives Σ ḡ ∂G/∂x, nothing conjugated, the real part for a real x.

The chain is followed from both ends. Arrays (2, B, N) hold the chain and its reversal, each in its own order; at
every site they carry the homogeneous pivots p/q of `continuants`. With p′, q′ those of the opposite direction one
site ahead and Δ = p p′ − w q q′, which is the determinant up to scale, G_ii = q p′/Δ.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from impl.torch.chunked.continuants import continuants, magnitude, power_of_two
from impl.torch.chunked.linear_scan import linear_scan

Gradients = tuple[Tensor, Tensor, Tensor, Tensor]


def resolvent_diagonal(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """G (B, N), and what its gradient needs: p′/Δ, q and c, each (2, B, N), and the chain without its diagonal."""
    chain = _Chain.of(main, upper, lower, shift)
    p, q, c = _both_ways(chain)
    ahead, bond = _bonds(chain, p, q)
    weight = ahead / bond
    return _as_complex(q[0] * weight[0] / chain.unit, main), (weight, q, c, *chain[1:])


def resolvent_diagonal_vjp(
    main: Tensor,
    upper: Tensor,
    lower: Tensor,
    shift: Tensor,
    saved: tuple[Tensor, ...],
    cotangent: Tensor,
    internal: torch.dtype,
) -> Gradients:
    """Λ = λ/q² obeys Λ_i = −ḡ_i (p′/Δ)_i² + w_i c_{i+1}² Λ_{i+1}, λ_i being the share of site i and those behind it."""
    weight, q, c, *offdiagonal = saved
    chain = _Chain(main, *offdiagonal)
    cotangent = _in_dtype_of(q, cotangent)
    source = torch.stack([cotangent, cotangent.flip(-1)]).mul_(weight).mul_(weight).neg_()
    ratio = pad(chain.products[..., 1:] * c[..., 1:].square(), (0, 1))
    behind = linear_scan(source.flip(-1).flatten(0, 1), ratio.flip(-1).flatten(0, 1)).view(source.shape).flip(-1)
    scaled = q * behind
    share = scaled * q
    on_main = share[0] + (share[1] - source[1] * q[1].square()).flip(-1)
    # c_{i+1}² p_i q_i Λ_{i+1}, with q_{i+1} = c_{i+1} p_i.
    on_bond = c[..., 1:] * q[..., :-1] * scaled[..., 1:]
    on_product = -(on_bond[0] + on_bond[1].flip(-1))
    return _gradients(chain, on_main, on_product, chain.unit.square(), (main, upper, lower, shift))


def resolvent_diagonal_jvp(
    main: Tensor,
    upper: Tensor,
    lower: Tensor,
    shift: Tensor,
    tangents: Gradients,
    internal: torch.dtype,
) -> Tensor:
    """X = q² δd obeys X_i = q_i² δm_i − c_i² (p q)_{i−1} δw_i + c_i² w_i X_{i−1}.

    δG = −Σ (p′/Δ)² X over both directions, which count δm_i twice.
    """
    chain = _Chain.of(main, upper, lower, shift)
    p, q, c = _both_ways(chain)
    ahead, bond = _bonds(chain, p, q)
    along_main, along_product = (x.to(p.dtype) for x in _tangents(chain, tangents))
    rescaling = c.square()
    pivots = pad((p * q)[..., :-1], (1, 0))
    source = q.square() * along_main - rescaling * pivots * along_product
    moved = linear_scan(source.flatten(0, 1), (rescaling * chain.products).flatten(0, 1)).view(source.shape)
    weight = (ahead / bond).square()
    both = weight * moved
    total = both[0] + (both[1].flip(-1) - weight[0] * q[0].square() * along_main[0])
    return _as_complex(-total / chain.unit.square(), main)


def log_determinant(
    main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor, internal: torch.dtype
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """log det (B), its imaginary part the sum of the arguments of the pivots, and p and q (B, N) from the left."""
    chain = _Chain.of(main, upper, lower, shift)
    p, q, _, mantissa, exponent = continuants(chain.main[0], chain.products[0])
    # All whole exponents meet before the logarithm: a determinant near 1 of a graded chain loses nothing.
    size = power_of_two(magnitude(mantissa))
    exponent = exponent + torch.log2(size) + main.shape[-1] * torch.log2(chain.unit.squeeze(-1))
    angle = torch.angle(mantissa)
    turns = torch.round((torch.angle(p * q.conj()).sum(-1) - angle) / (2 * math.pi))
    value = torch.complex(
        torch.log((mantissa * size.reciprocal()).abs()) + exponent * math.log(2), angle + 2 * math.pi * turns
    )
    return _as_complex(value, main), (p, q)


def log_determinant_vjp(
    main: Tensor,
    upper: Tensor,
    lower: Tensor,
    shift: Tensor,
    saved: tuple[Tensor, ...],
    cotangent: Tensor,
    internal: torch.dtype,
) -> Gradients:
    """∂ log det/∂m_i = G_ii and ∂ log det/∂w_i = −(q q′/Δ)_i."""
    chain = _Chain.of(main, upper, lower, shift)
    diagonal, on_product = _log_determinant_slopes(chain, saved)
    cotangent = _in_dtype_of(diagonal, cotangent).unsqueeze(-1)
    return _gradients(chain, cotangent * diagonal, cotangent * on_product, chain.unit, (main, upper, lower, shift))


def log_determinant_jvp(
    main: Tensor,
    upper: Tensor,
    lower: Tensor,
    shift: Tensor,
    tangents: Gradients,
    internal: torch.dtype,
) -> Tensor:
    chain = _Chain.of(main, upper, lower, shift)
    diagonal, on_product = _log_determinant_slopes(chain, continuants(chain.main[0], chain.products[0])[:2])
    along_main, along_product = _tangents(chain, tangents)
    total = (diagonal * along_main[0]).sum(-1) + (on_product * along_product[0, :, 1:]).sum(-1)
    return _as_complex(total / chain.unit.squeeze(-1), main)


class _Chain(NamedTuple):
    """H − z in units of a power of two near its largest entry, so that no component exceeds 2."""

    main: Tensor  # (2, B, N), each direction in its own order
    products: Tensor  # (2, B, N), w_i = upper·lower of the bond that leads to site i, 0 at the first
    upper: Tensor  # (B, N−1), in units of `unit`, like all the others
    lower: Tensor
    unit: Tensor  # (B, 1)

    @staticmethod
    def of(main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor) -> "_Chain":
        sites = main.shape[-1]
        mixed = any(x.is_complex() for x in (main, upper, lower, shift))
        dtype = torch.complex128 if mixed else torch.float64
        entries = torch.cat([main.to(dtype) - shift.to(dtype).unsqueeze(-1), upper, lower], -1)
        unit = power_of_two(magnitude(entries).amax(-1, keepdim=True))
        main, upper, lower = (entries * unit.reciprocal()).tensor_split([sites, 2 * sites - 1], -1)
        products = upper * lower
        return _Chain(
            torch.stack([main, main.flip(-1)]),
            pad(torch.stack([products, products.flip(-1)]), (1, 0)),
            upper,
            lower,
            unit,
        )


def _both_ways(chain: _Chain) -> tuple[Tensor, Tensor, Tensor]:
    p, q, c, _, _ = continuants(chain.main.flatten(0, 1), chain.products.flatten(0, 1))
    return p.view(chain.main.shape), q.view(chain.main.shape), c.view(chain.main.shape)


def _bonds(chain: _Chain, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """p′ of the opposite direction one site ahead and Δ, for every site of both directions."""
    ahead_p = pad(p.flip(0, 2)[..., 1:], (0, 1), value=1)
    ahead_q = pad(q.flip(0, 2)[..., 1:], (0, 1))
    products = pad(chain.products[..., 1:], (0, 1))
    return ahead_p, p * ahead_p - products * q * ahead_q


def _log_determinant_slopes(chain: _Chain, saved: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """G (B, N) and ∂ log det/∂w (B, N−1), in the chain's unit."""
    reversed_p, reversed_q, _, _, _ = continuants(chain.main[1], chain.products[1])
    p, q = torch.stack([saved[0], reversed_p]), torch.stack([saved[1], reversed_q])
    ahead, bond = _bonds(chain, p, q)
    ahead_q = q[1].flip(-1)[:, 1:]
    return q[0] * ahead[0] / bond[0], -q[0, :, :-1] * ahead_q / bond[0, :, :-1]


def _gradients(chain: _Chain, on_main: Tensor, on_product: Tensor, unit: Tensor, inputs: Gradients) -> Gradients:
    on_main, on_product = on_main / unit, on_product / unit
    found = on_main, chain.lower * on_product, chain.upper * on_product, -on_main.sum(-1)
    main, upper, lower, shift = (
        (x if like.is_complex() or not x.is_complex() else x.real).to(like.dtype)
        for x, like in zip(found, inputs, strict=True)
    )
    return main, upper, lower, shift


def _tangents(chain: _Chain, tangents: Gradients) -> tuple[Tensor, Tensor]:
    """δm and δw (2, B, N), laid out like the chain's main and products."""
    main, upper, lower, shift = (x.to(torch.promote_types(x.dtype, torch.float64)) for x in tangents)
    along_main = main - shift.unsqueeze(-1)
    along_product = chain.upper * lower + upper * chain.lower
    return (
        torch.stack([along_main, along_main.flip(-1)]),
        pad(torch.stack([along_product, along_product.flip(-1)]), (1, 0)),
    )


def _as_complex(x: Tensor, like: Tensor) -> Tensor:
    return x.to(like.dtype.to_complex())


def _in_dtype_of(like: Tensor, cotangent: Tensor) -> Tensor:
    """Of a chain of real numbers only the real part of the cotangent reaches a gradient."""
    return (cotangent if like.is_complex() else cotangent.real).to(like.dtype)
