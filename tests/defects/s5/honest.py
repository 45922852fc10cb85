"""Plain and correct torch functions of the S5 row; a defect calls them with one ingredient of its own."""

from collections.abc import Callable

import torch
from torch import Tensor

READINGS = {"half": 2, "full": 1}


def advance(rate: Tensor, state: Tensor, drive: Tensor, time: int) -> Tensor:
    """One time of the recurrence."""
    return rate * state + drive


def scan(decay: Tensor, drive: Tensor, initial: Tensor, *, advance: Callable = advance) -> Tensor:
    """x_t = λ_t x_{t−1} + b_t, time after time."""
    state, states = initial, []
    for time in range(drive.shape[-2]):
        state = advance(decay if decay.ndim == 1 else decay[..., time, :], state, drive[..., time, :], time)
        states.append(state)
    return torch.stack(states, -2) if states else decay * initial.unsqueeze(-2) + drive


def transfer(eigenvalues: Tensor, step: Tensor, method: str) -> tuple[Tensor, Tensor]:
    """Λ̄, and what B is multiplied by."""
    z = eigenvalues * step
    if method == "bilinear":
        return (1 + z / 2) / (1 - z / 2), step / (1 - z / 2)
    safe = torch.where(z == 0, torch.ones_like(z), z)
    return torch.exp(z), step * torch.where(z.abs() < 1, series(z), torch.expm1(safe) / safe)


def in_double(eigenvalues: Tensor, step: Tensor, method: str) -> tuple[Tensor, Tensor]:
    """The same, rounded once: nothing is lost to the derivative of a quotient."""
    found = transfer(eigenvalues.to(torch.complex128), step.double(), method)
    return tuple(x.to(eigenvalues.dtype) for x in found)


def series(z: Tensor) -> Tensor:
    """(e^z − 1)/z = Σ z^k/(k + 1)!, by Horner's rule: 1 + z/2 (1 + z/3 (1 + …))."""
    total = torch.ones_like(z)
    for k in range(24, 1, -1):
        total = 1 + z / k * total
    return total


def discretize(
    eigenvalues: Tensor, input_matrix: Tensor, step: Tensor, *, method: str = "zoh", transfer: Callable = in_double
) -> tuple[Tensor, Tensor]:
    decay, factor = transfer(eigenvalues, step, method)
    return decay, factor.unsqueeze(-1) * input_matrix


def read_out(states: Tensor, output_matrix: Tensor, pairs: str) -> Tensor:
    y = READINGS[pairs] * states @ output_matrix.mT
    return y.real if pairs == "half" else y


def apply(
    eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, step: Tensor, u: Tensor,
    initial: Tensor, *, method: str = "zoh", pairs: str = "half", discretize: Callable = discretize,
    scan: Callable = scan, read_out: Callable = read_out,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The whole layer: y and the state after the last time."""
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    states = scan(decay, u.to(discrete.dtype) @ discrete.mT, initial)
    y = read_out(states, output_matrix, pairs) + feedthrough * u
    final = states[..., -1, :] if u.shape[-2] else initial.expand(*states.shape[:-2], states.shape[-1])
    return y, final


def step(
    decay: Tensor, input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, state: Tensor, u: Tensor,
    *, pairs: str = "half",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    following = decay * state + u.to(input_matrix.dtype) @ input_matrix.mT
    return read_out(following.unsqueeze(-2), output_matrix, pairs).squeeze(-2) + feedthrough * u, following


def imaginary_penalty(y: Tensor, *, weight: float = 1.0) -> Tensor:
    imaginary = y.imag if y.is_complex() else torch.zeros_like(y)
    return weight * imaginary.square().sum() / max(imaginary.shape[:-1].numel(), 1)


def halves(eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Both members of each pair, of Λ, B and C."""
    kept = eigenvalues.shape[0] // 2
    return [
        (eigenvalues[:kept], eigenvalues[kept:]),
        (input_matrix[:kept], input_matrix[kept:]),
        (output_matrix[:, :kept], output_matrix[:, kept:]),
    ]


def mean_square(deviation: Tensor) -> Tensor:
    parts = torch.view_as_real(deviation) if deviation.is_complex() else deviation
    return parts.square().sum() / max(deviation.numel(), 1)


def conjugate_symmetry_penalty(
    eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor, *, weight: float = 1.0,
    halves: Callable = halves, mean_square: Callable = mean_square,
) -> Tensor:  # fmt: skip
    pairs = halves(eigenvalues, input_matrix, output_matrix)
    return weight * sum(mean_square(one - other.conj()) for one, other in pairs)


def training_loss(
    y: Tensor, target: Tensor, eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor,
    *, imaginary_weight: float = 1e-3, symmetry_weight: float = 1e-4,
) -> dict[str, Tensor]:  # fmt: skip
    base = mean_square(y.real - target)
    imaginary = imaginary_penalty(y, weight=imaginary_weight)
    symmetry = conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=symmetry_weight)
    return {"total": base + imaginary + symmetry, "base": base, "imaginary": imaginary, "symmetry": symmetry}
