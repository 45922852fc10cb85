"""A non-Hermitian potential V − iΓ on a chain: its making, its resolvent as a layer, its propagation, its size.

H is tridiagonal: main (…, N), upper and lower (…, max(N−1, 0)). Every function takes float32 or float64 and their
complex partners, one precision a call, and raises `TypeError` for other types and `ValueError` for shapes and options
that do not fit, naming the argument.
"""

import math

import torch
from torch import Tensor

from impl.torch.dissipative_layer import Layer, Potential
from impl.torch.tridiagonal import resolvent_diagonal

__all__ = ["Layer", "Potential", "layer", "overdamping", "potential", "propagate", "schatten_norm"]

_FLOATING = (torch.float32, torch.float64)


def potential(x: Tensor, value_weight: Tensor, decay_weight: Tensor, *, base_decay: float = 0.01) -> Tensor:
    """V − iΓ with V = x·w_v and Γ = log(1 + e^{x·w_γ}) + base_decay.

    x (…, N, D), weights (D), all real → (…, N), complex. Γ > 0 in every precision if base_decay > 0, also where
    the logarithm underflows.
    """
    _check_features(x, value_weight, decay_weight)
    if not 0 <= base_decay < math.inf:
        raise ValueError(f"base_decay: expected a finite number ≥ 0, got {base_decay!r}")
    logits = x @ decay_weight
    decay = torch.logaddexp(logits, torch.zeros_like(logits)) + base_decay
    return torch.complex(x @ value_weight, -decay)


def layer(
    x: Tensor, value_weight: Tensor, decay_weight: Tensor, upper: Tensor, lower: Tensor, shift: Tensor | complex,
    *, base_decay: float = 0.01,
) -> Tensor:  # fmt: skip
    """[Re G, Im G] of the resolvent's diagonal of the chain with V − iΓ on its diagonal: (…, N, 2), real.

    Shapes as in `potential` and `resolvent_diagonal`. Γ enters H, so every weight receives a gradient.
    """
    main = potential(x, value_weight, decay_weight, base_decay=base_decay)
    resolvent = resolvent_diagonal(main, upper, lower, shift)
    return torch.stack([resolvent.real, resolvent.imag], -1)


def propagate(main: Tensor, upper: Tensor, lower: Tensor, state: Tensor, *, time: float) -> Tensor:
    """ψ(t) = e^{−iHt} ψ(0) by the exponential of the dense matrix: O(N³).

    state (…, N); leading axes broadcast; time a finite number → (…, N), complex.
    """
    _check_chain(main, upper, lower, state)
    if not math.isfinite(time):
        raise ValueError(f"time: expected a finite number, got {time!r}")
    dtype = main.dtype.to_complex()
    batch = torch.broadcast_shapes(*(array.shape[:-1] for array in (main, upper, lower, state)))
    sites = main.shape[-1]
    if not sites:
        return (main + state + upper.sum(-1, keepdim=True) + lower.sum(-1, keepdim=True)).to(dtype)
    # In double: in single precision matrix_exp truncates its series early, 270 roundings off at ‖A‖ = ½ (torch 2.13).
    double = torch.complex128
    dense = torch.diag_embed(main.to(double).expand(*batch, sites))
    for band, offset in ((upper, 1), (lower, -1)):
        dense = dense + torch.diag_embed(band.to(double).expand(*batch, sites - 1), offset)
    state = state.to(double).expand(*batch, sites).unsqueeze(-1)
    return (torch.linalg.matrix_exp(-1j * time * dense) @ state).squeeze(-1).to(dtype)


def schatten_norm(potential: Tensor, *, p: float) -> Tensor:
    """(Σ|v_i|^p)^{1/p} of the diagonal operator v, p ≥ 1, the largest |v_i| for p = ∞.

    potential (…, N) → (…), real; 0 for no site. Scaled by a power of two: nothing overflows. The derivative is 0 where
    v_i = 0, and for p = ∞ belongs to the first of the largest.
    """
    _check_potential(potential)
    if isinstance(p, bool) or not p >= 1:
        raise ValueError(f"p: expected a number ≥ 1, or infinity, got {p!r}")
    if not potential.shape[-1]:
        return potential.real.sum(-1)
    plain = potential.detach().to(torch.complex128).abs()
    if math.isinf(p):
        return potential.gather(-1, plain.argmax(-1, keepdim=True)).squeeze(-1).abs()
    largest = plain.amax(-1, keepdim=True)
    one = torch.ones_like(largest)
    scale = torch.where(largest > 0, torch.ldexp(one, torch.frexp(largest)[1] - 1), one).to(potential.real.dtype)
    moduli = (potential / scale).abs()
    powers = torch.where(moduli == 0, 0, torch.where(moduli == 0, 1, moduli) ** p)
    total = powers.sum(-1)
    root = torch.where(total == 0, 1, total) ** (1 / p)
    return torch.where(total == 0, 0, root) * scale.squeeze(-1)


def overdamping(potential: Tensor) -> Tensor:
    """Mean Γ over mean |V| of v = V − iΓ: how far decay outweighs motion; above 10 the chain hardly moves.

    potential (…, N) → (…), real. 0 for a zero or an empty potential, infinite where V = 0 and Γ does not.
    """
    _check_potential(potential)
    decay = -potential.imag.sum(-1) if potential.is_complex() else 0 * potential.sum(-1)
    motion = potential.real.abs().sum(-1)
    gone = (decay == 0) & (motion == 0)
    return torch.where(gone, 0, decay / torch.where(gone, 1, motion))


def _check_features(x: Tensor, value_weight: Tensor, decay_weight: Tensor) -> None:
    for name, array in (("x", x), ("value_weight", value_weight), ("decay_weight", decay_weight)):
        if not isinstance(array, Tensor) or array.dtype not in _FLOATING:
            raise TypeError(
                f"{name}: expected a tensor of float32 or float64, got {getattr(array, 'dtype', type(array))}"
            )
        if array.dtype != x.dtype:
            raise TypeError(f"{name}: expected the dtype of x, {x.dtype}, got {array.dtype}")
    if x.ndim < 2:
        raise ValueError(f"x: expected shape (…, N, D), got {tuple(x.shape)}")
    for name, weight in (("value_weight", value_weight), ("decay_weight", decay_weight)):
        if weight.shape != x.shape[-1:]:
            raise ValueError(f"{name}: expected shape {tuple(x.shape[-1:])}, got {tuple(weight.shape)}")


def _check_chain(main: Tensor, upper: Tensor, lower: Tensor, state: Tensor) -> None:
    _check_potential(main, "main")
    sites = main.shape[-1]
    batch = main.shape[:-1]
    for name, array, length in (
        ("upper", upper, max(sites - 1, 0)),
        ("lower", lower, max(sites - 1, 0)),
        ("state", state, sites),
    ):
        _check_potential(array, name)
        if array.dtype.to_complex() != main.dtype.to_complex():
            raise TypeError(f"{name}: expected the precision of main ({main.dtype}), got {array.dtype}")
        if array.shape[-1] != length:
            raise ValueError(f"{name}: expected shape (…, {length}), got {tuple(array.shape)}")
        try:
            batch = torch.broadcast_shapes(batch, array.shape[:-1])
        except RuntimeError:
            raise ValueError(
                f"{name}: expected batch axes that broadcast with {tuple(batch)}, got {tuple(array.shape[:-1])}"
            ) from None


def _check_potential(potential: Tensor, name: str = "potential") -> None:
    if not isinstance(potential, Tensor) or potential.dtype not in (*_FLOATING, torch.complex64, torch.complex128):
        found = getattr(potential, "dtype", type(potential))
        raise TypeError(f"{name}: expected a tensor of float32, float64, complex64 or complex128, got {found}")
    if potential.ndim < 1:
        raise ValueError(f"{name}: expected shape (…, N), got a scalar")
