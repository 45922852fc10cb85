"""Clear and correct ingredients of the resolvent's diagonal and of log det; a defect replaces one of them.

Pivots are kept as fractions d_i = p_i/q_i, so that none of them has to be divided by:
(p, q)_i = s_i·(m_i p_{i−1} − w_{i−1} q_{i−1}, p_{i−1}), from (1, 0), with m = main − shift, w = upper·lower
and a power of two s_i. Site by site, so this is for chains of a few thousand sites at most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Arrays = tuple[Tensor, Tensor, Tensor, Tensor]


class Pivots(NamedTuple):
    """Homogeneous pivots p/q of all sites seen from one end, and the scales s: each (…, N)."""

    p: Tensor
    q: Tensor
    s: Tensor

    def reversed(self) -> "Pivots":
        return Pivots(*(x.flip(-1) for x in self))


class Chain(NamedTuple):
    """m (…, N), w (…, N) with a zero last, and the pivots seen from both ends."""

    m: Tensor
    w: Tensor
    left: Pivots
    right: Pivots

    @property
    def beyond(self) -> Pivots:
        """The pivots from the right, of the *next* site; (1, 0) after the last."""
        return Pivots(*(after(x, end) for x, end in zip(self.right, (1.0, 0.0, 1.0), strict=True)))

    @property
    def determinant(self) -> Tensor:
        """det(H − z) at every bond, in the scales of both sides: pL_i pR_{i+1} − w_i qL_i qR_{i+1}."""
        return self.left.p * self.beyond.p - self.w * self.left.q * self.beyond.q


def entries(main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """m (…, N) and w (…, N−1), complex, on the common batch."""
    m, w = main - shift.unsqueeze(-1), upper * lower
    batch = torch.broadcast_shapes(m.shape[:-1], w.shape[:-1])
    single = torch.complex64 if main.dtype in (torch.float32, torch.complex64) else torch.complex128
    return m.expand(*batch, -1).to(single), w.expand(*batch, -1).to(single)


def advance(p: Tensor, q: Tensor, m: Tensor, w: Tensor, site: int) -> tuple[Tensor, Tensor]:
    """One step of the elimination."""
    return m * p - w * q, p


def scale(p: Tensor, q: Tensor, site: int) -> Tensor:
    """The power of two that brings the larger of |p| and |q| to [½, 1)."""
    size = torch.maximum(p.abs(), q.abs())
    return torch.frexp(size).mantissa / size


def diagonal(chain: Chain) -> Tensor:
    """G_ii = qL_i pR_{i+1}/det."""
    return chain.left.q * chain.beyond.p / chain.determinant


def logarithm(chain: Chain) -> Tensor:
    """Σ log d_i: modulus from the last pivot and the scales, angle from the last pivot and the turns."""
    if not chain.m.shape[-1]:
        return chain.m.sum(-1)
    last = chain.left.p[..., -1]
    modulus = last.abs().log() - chain.left.s.log2().sum(-1) * torch.log(last.abs().new_tensor(2.0))
    angle = (chain.left.p * chain.left.q.conj()).angle().sum(-1)
    turns = torch.round((angle - last.angle()) / (2 * torch.pi))
    return torch.complex(modulus, last.angle() + 2 * torch.pi * turns)


def unchanged(value: Tensor) -> Tensor:
    """What is handed back."""
    return value


def gathered(pivots: Pivots, w: Tensor, cotangent: Tensor) -> Tensor:
    """κ_i = c_i q_i² + s_i² w_{i−1} κ_{i−1}: what sites up to i feed into it; w_{i−1} stands at i."""
    total, sums = torch.zeros_like(w[..., 0]), []
    source, factor = cotangent * pivots.q**2, pivots.s**2 * w
    for own, kept in zip(source.unbind(-1), factor.unbind(-1), strict=True):
        total = own + kept * total
        sums.append(total)
    return torch.stack(sums, -1)


def gradient(chain: Chain, cotangent: Tensor) -> tuple[Tensor, Tensor]:
    """Holomorphic Σ_k c_k ∂G_kk/∂m_i and Σ_k c_k ∂G_kk/∂w_i, (…, N) each, from
    ∂G_kk/∂m_i = −G_ki G_ik and the minors of a tridiagonal matrix."""
    (_, w, left, right), beyond, determinant = chain, chain.beyond, chain.determinant
    from_left = gathered(left, shifted(w), cotangent)
    from_right = after(gathered(right.reversed(), w.flip(-1), cotangent.flip(-1)).flip(-1), 0)
    # Divided one by one: the square of the determinant may underflow where the gradient does not.
    from_left, from_right = from_left / determinant, from_right / determinant
    p, q = beyond.p / determinant, left.q / determinant
    return -(from_left * beyond.p * p + w * from_right * left.q * q), from_left * beyond.q * p + from_right * left.p * q


def determinant_gradient(chain: Chain, cotangent: Tensor) -> tuple[Tensor, Tensor]:
    """Holomorphic c·∂ log det/∂m_i = c·G_ii and c·∂ log det/∂w_i, (…, N) each."""
    c = cotangent.unsqueeze(-1)
    return c * diagonal(chain), -c * chain.left.q * chain.beyond.q / chain.determinant


def per_input(sites: Tensor, bonds: Tensor, arrays: Arrays) -> Arrays:
    """Holomorphic gradients of main, upper, lower and shift, not yet summed over broadcast axes."""
    _, upper, lower, _ = arrays
    bonds = bonds[..., :-1] if sites.shape[-1] else bonds
    return sites, lower * bonds, upper * bonds, -sites.sum(-1)


def to_input(holomorphic: Tensor, array: Tensor) -> Tensor:
    """∂L/∂a + i ∂L/∂b in the shape and kind of the input."""
    total = holomorphic.conj().sum_to_size(array.shape)
    return total if array.is_complex() else total.real


def dense(main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor) -> Tensor:
    """The matrix H − z·I, or its tangent: linear in all arrays."""
    m = main - shift.unsqueeze(-1) + 0j
    above, below = torch.diag_embed(upper + 0j, 1), torch.diag_embed(lower + 0j, -1)
    return torch.diag_embed(m) + (above + below if m.shape[-1] > 1 else 0)


def forward(inverse: Tensor, tangent: Tensor) -> Tensor:
    """Forward mode: diag(−G dA G)."""
    return -(inverse @ tangent @ inverse).diagonal(dim1=-2, dim2=-1)


def determinant_forward(inverse: Tensor, tangent: Tensor) -> Tensor:
    """Forward mode: tr(G dA)."""
    return (inverse @ tangent).diagonal(dim1=-2, dim2=-1).sum(-1)


def shifted(x: Tensor) -> Tensor:
    """x_{i−1} at i; zero first."""
    return torch.cat([torch.zeros_like(x[..., :1]), x[..., :-1]], -1)


def after(x: Tensor, last: float) -> Tensor:
    """x_{i+1} at i; `last` at the end."""
    return torch.cat([x[..., 1:], torch.full_like(x[..., :1], last)], -1)


@dataclass(frozen=True)
class Algorithm:
    """The record of ingredients; HONEST has the right ones, a defect has one of its own."""

    entries: Callable = entries
    advance: Callable = advance
    scale: Callable = scale
    diagonal: Callable = diagonal
    logarithm: Callable = logarithm
    result: Callable = unchanged
    cotangent: Callable = torch.conj
    gradient: Callable = gradient
    determinant_gradient: Callable = determinant_gradient
    per_input: Callable = per_input
    to_input: Callable = to_input
    dense: Callable = dense
    forward: Callable = forward
    determinant_forward: Callable = determinant_forward

    def chain(self, *arrays: Tensor) -> Chain:
        m, w = self.entries(*arrays)
        w = torch.cat([w, torch.zeros_like(m[..., :1])], -1)
        from_left, from_right = self.sweep(torch.stack([m, m.flip(-1)]), torch.stack([shifted(w), w.flip(-1)]))
        return Chain(m, w, from_left, from_right.reversed())

    def sweep(self, m: Tensor, w: Tensor) -> tuple[Pivots, ...]:
        """The pivots of several chains (K, …, N), each from its left end; w_{i−1} stands at i."""
        if not m.shape[-1]:
            return tuple(Pivots(chain, chain, chain.real) for chain in m)
        p, found = torch.ones_like(m[..., 0]), []
        q = torch.zeros_like(p)
        for site, (on_site, bond) in enumerate(zip(m.unbind(-1), w.unbind(-1), strict=True)):
            p, q = self.advance(p, q, on_site, bond, site)
            s = self.scale(p, q, site)
            p, q = s * p, s * q
            found.append((p, q, s))
        stacked = [torch.stack(parts, -1) for parts in zip(*found, strict=True)]
        return tuple(Pivots(*chain) for chain in zip(*stacked, strict=True))


HONEST = Algorithm()
