"""Where the training of an S5 layer starts."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from impl.torch.s5_reports import hippo_n

SHORTEST_STEP, LONGEST_STEP = 0.001, 0.1  # Δ is drawn log-uniformly between them (Smith et al. 2023)


class Initialisation(NamedTuple):
    """The kept half of Λ for P states, and whether B and C are drawn real."""

    eigenvalues: Callable[[int], Tensor]
    real_matrices: bool


def _kept_half(states: int) -> Tensor:
    """HiPPO-N: Re = −½, Im > 0."""
    return hippo_n(2 * states, dtype=torch.complex128)[states:]


def _diagonal(states: int) -> Tensor:
    """−1, −2, …, −P, the diagonal of HiPPO-LegS: nothing oscillates."""
    return torch.arange(-1.0, -states - 1, -1, dtype=torch.float64) + 0j


INITIALISATIONS = {
    "hippo-n": Initialisation(_kept_half, False),
    # All imaginary gradients are exactly 0, and remain so: a saddle that no descent leaves.
    "real": Initialisation(_diagonal, True),
    # Off the saddle, but without a frequency to begin with.
    "real-eigenvalues": Initialisation(_diagonal, False),
}


def draw(
    states: int, channels: int, initialisation: str, pairs: str, generator: torch.Generator | None
) -> dict[str, Tensor]:
    """The parameters of `S5` by name, in double: E|B|² = 1/H, E|C|² = 1/P, D normal, Δ log-uniform."""
    chosen = INITIALISATIONS[initialisation]
    eigenvalues = chosen.eigenvalues(states)
    input_matrix = _normal(states, channels, chosen.real_matrices, generator) / math.sqrt(channels)
    output_matrix = _normal(channels, states, chosen.real_matrices, generator) / math.sqrt(states)
    if pairs == "full":
        eigenvalues = torch.cat([eigenvalues, eigenvalues.conj()])
        input_matrix = torch.cat([input_matrix, input_matrix.conj()])
        output_matrix = torch.cat([output_matrix, output_matrix.conj()], 1)
    uniform = torch.rand(states, generator=generator, dtype=torch.float64)
    return {
        "log_damping": (-eigenvalues.real).log(),
        "frequency": eigenvalues.imag,
        "input_matrix": torch.view_as_real(input_matrix),
        "output_matrix": torch.view_as_real(output_matrix),
        "feedthrough": torch.randn(channels, generator=generator, dtype=torch.float64),
        "log_step": math.log(SHORTEST_STEP) + math.log(LONGEST_STEP / SHORTEST_STEP) * uniform,
    }


def _normal(rows: int, columns: int, real: bool, generator: torch.Generator | None) -> Tensor:
    """Independent normal entries, E|x|² = 1, as complex numbers."""
    dtype = torch.float64 if real else torch.complex128
    return torch.randn(rows, columns, generator=generator, dtype=dtype) + 0j
