"""From a continuous diagonal system x' = Λ x + B u to the steps of a recurrence."""

import importlib
import importlib.util

import torch
from torch import Tensor

from impl.torch.s5_arguments import check_alike, check_set

SERIES_TERMS = 32  # a power of two for pairwise summation; in the unit disc 12 are enough for single, 20 for double


def discretize(
    eigenvalues: Tensor, input_matrix: Tensor, step: Tensor, *, method: str = "zoh"
) -> tuple[Tensor, Tensor]:
    """Λ̄ and B̄ of x' = Λ x + B u with u held for Δ = step; nothing is clamped. With z = ΛΔ,

    zoh: Λ̄ = e^z, B̄ = Δ (e^z − 1)/z · B, which is Δ·B at z = 0;  bilinear: Λ̄ = (1 + z/2)/(1 − z/2), B̄ = Δ/(1 − z/2) · B.

    **Arguments**: eigenvalues (P), input_matrix (P, H), step (P) real. **Returns**: (P) and (P, H).
    """
    check_alike(eigenvalues=eigenvalues, input_matrix=input_matrix, step=step)
    check_set(eigenvalues, input_matrix, step)
    decay, gain = factors(eigenvalues, step, method)
    return decay, gain.unsqueeze(-1) * input_matrix


def factors(eigenvalues: Tensor, step: Tensor, method: str) -> tuple[Tensor, Tensor]:
    """Λ̄, and what B is multiplied by in B̄, (P) each."""
    step = step.to(eigenvalues.dtype.to_real())
    if method == "zoh":
        return _held(eigenvalues, step)
    if method == "bilinear":
        z = eigenvalues * step
        resolvent = 1 / (1 - z / 2)
        return (1 + z / 2) * resolvent, step * resolvent
    raise ValueError(f"method: expected 'zoh' or 'bilinear', got {method!r}")


def _held(eigenvalues: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    if eigenvalues.is_cuda and eigenvalues.is_complex() and step.numel() and importlib.util.find_spec("triton"):
        return importlib.import_module("impl.torch.cuda.s5_discretization").held(_plainly_held, eigenvalues, step)
    return _plainly_held(eigenvalues, step)


def _plainly_held(eigenvalues: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    z = eigenvalues * step
    return torch.exp(z), step * _exponential_quotient(z)


def _exponential_quotient(z: Tensor) -> Tensor:
    """(e^z − 1)/z, 1 at z = 0. In the unit disc its series Σ z^k/(k + 1)!, so that no derivative cancels either."""
    inside = z.detach().abs() <= 1
    near, far = torch.where(inside, z, 0), torch.where(inside, 1, z)
    # Made where they are used: a copy from the host would wait for the device.
    factorials = torch.arange(1, SERIES_TERMS + 1, dtype=torch.float64, device=z.device).cumprod(0)
    series = factorials.reciprocal().to(z.dtype.to_real())
    power = near.unsqueeze(-1)
    while series.shape[-1] > 1:
        series = series[..., 0::2] + power * series[..., 1::2]
        power = power.square()
    return torch.where(inside, series.squeeze(-1), (torch.exp(far) - 1) / far)
