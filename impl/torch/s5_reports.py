"""Initial eigenvalues of S5, and the two reports that watch a training run."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from impl.torch.s5_arguments import check_alike, check_gradient, require
from impl.torch.s5_discretization import discretize


def hippo_n(n: int, *, dtype: torch.dtype = torch.complex64, device: torch.device | str | None = None) -> Tensor:
    """Eigenvalues of the normal part of HiPPO-LegS, (n) complex, Re = −½, by increasing imaginary part.

    They are −½ + i·eig(−iS) for the antisymmetric S_jk = √((j + ½)(k + ½)), j < k; found in double.
    Source: Gu, Gupta, Goel, Ré, On the Parameterization and Initialization of Diagonal State Space Models, 2022.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"n: expected a whole number ≥ 0, got {type(n).__name__}")
    if n < 0:
        raise ValueError(f"n: expected a whole number ≥ 0, got {n}")
    if dtype not in (torch.complex64, torch.complex128):
        raise TypeError(f"dtype: expected complex64 or complex128, got {dtype}")
    weights = (torch.arange(n, dtype=torch.float64) + 0.5).sqrt()
    above = torch.outer(weights, weights).triu(1)
    frequencies = torch.linalg.eigvalsh(-1j * (above - above.mT))
    # The spectrum comes in pairs ±ω; half the difference of both makes them exact partners.
    frequencies = (frequencies - frequencies.flip(0)) / 2
    return torch.complex(torch.full_like(frequencies, -0.5), frequencies).to(dtype=dtype, device=device)


def gradient_flow(gradients: Mapping[str, Tensor]) -> dict[str, dict[str, dict[str, float | bool]]]:
    """Is the imaginary part learning? For the real and the imaginary part of each gradient:

    norm, the Euclidean one; zeros, the share of exact zeros, 0 of nothing; finite, no NaN and no infinity. A real
    gradient has no imaginary part.
    """
    found = {}
    for name, gradient in gradients.items():
        check_gradient(f"gradients[{name!r}]", gradient)
        parts = {"real": gradient.real, "imaginary": gradient.imag} if gradient.is_complex() else {"real": gradient}
        found[name] = {part: _flow(values.detach()) for part, values in parts.items()}
    return found


def statistics(eigenvalues: Tensor, step: Tensor, *, method: str = "zoh") -> dict[str, float]:
    """What a monitor shows of a set Λ (P ≥ 1) and its steps Δ (P), as plain numbers.

    The ranges of Re Λ, Im Λ and Δ; spectral_radius = max |Λ̄|; stable_share = share of |Λ̄| < 1; symmetry_violation =
    max |Λ̄_j − conj Λ̄_{j+P/2}| in the concatenated layout, NaN for an odd set.
    """
    check_alike(eigenvalues=eigenvalues, step=step)
    require("eigenvalues", eigenvalues.ndim == 1 and eigenvalues.numel() > 0, "(P), P ≥ 1", eigenvalues)
    wide = eigenvalues.to(torch.complex128)  # near the unit circle a rounded modulus would decide what is stable
    decay, _ = discretize(wide, wide.new_zeros((*wide.shape, 0)), step.double(), method=method)
    half, odd = divmod(decay.shape[0], 2)
    broken = decay.new_full((1,), math.nan) if odd else decay[:half] - decay[half:].conj()
    found = {}
    for name, x in (("real", eigenvalues.real), ("imaginary", wide.imag), ("step", step)):
        found[f"{name}_min"], found[f"{name}_max"] = x.aminmax()
    found["spectral_radius"] = decay.abs().max()
    found["stable_share"] = (decay.abs() < 1).double().mean()
    found["symmetry_violation"] = broken.abs().max()
    values = torch.stack([value.double() for value in found.values()]).tolist()  # one trip from the device
    return dict(zip(found, values, strict=True))


def _flow(part: Tensor) -> dict[str, float | bool]:
    return {
        "norm": torch.linalg.vector_norm(part.double()).item(),
        "zeros": (part == 0).sum().item() / max(part.numel(), 1),
        "finite": bool(torch.isfinite(part).all()),
    }
