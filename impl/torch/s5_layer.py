"""S5 as a layer: parameters that an optimiser may move anywhere, and the sets and reports that training asks for."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from impl.torch.s5 import apply
from impl.torch.s5_arguments import check_choice, check_sizes
from impl.torch.s5_initialisation import INITIALISATIONS, draw
from impl.torch.s5_losses import training_loss
from impl.torch.s5_reports import gradient_flow, statistics


class Sets(NamedTuple):
    """A full set, concatenated: eigenvalues (2P), input_matrix (2P, H), output_matrix (H, 2P), step (2P)."""

    eigenvalues: Tensor
    input_matrix: Tensor
    output_matrix: Tensor
    step: Tensor


class S5(nn.Module):
    """y (…, T, H) of x' = Λ x + B u, y = 2 Re(C x) + D u, sampled at the steps Δ, for u (…, T, H).

    **Parameters**, all real, none clipped or bounded:
    `log_damping` (P) and `frequency` (P): Λ = −exp(log_damping) + i·frequency, so that Re Λ < 0 wherever an optimiser
    goes and no clamp is needed, which would stop the gradient; `input_matrix` (P, H, 2), `output_matrix` (H, P, 2):
    the real and imaginary parts of B and C, apart, so that no optimiser needs a convention for complex gradients;
    `feedthrough` (H): D; `log_step` (P): Δ = exp(log_step).

    **Arguments**: states P, channels H, whole numbers ≥ 1; initialisation, one of `INITIALISATIONS`. pairs="half" keeps
    one state of each conjugate pair. pairs="full" trains 2P explicit states, which start as conjugates and share P
    steps: y is complex then, and the penalties of `loss` keep it nearly real. Raises ValueError and TypeError for what
    does not fit. Source: Smith, Warrington, Linderman, Simplified State Space Layers for Sequence Modeling, 2023.
    """

    def __init__(
        self, states: int, channels: int, *, method: str = "zoh", pairs: str = "half", initialisation: str = "hippo-n",
        generator: torch.Generator | None = None, dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        check_sizes(states=states, channels=channels)
        check_choice("method", method, ("zoh", "bilinear"))
        check_choice("pairs", pairs, ("half", "full"))
        check_choice("initialisation", initialisation, tuple(INITIALISATIONS))
        if dtype not in (torch.float32, torch.float64):
            raise TypeError(f"dtype: expected torch.float32 or torch.float64, got {dtype}")
        self.states, self.channels, self.method, self.pairs = states, channels, method, pairs
        for name, value in draw(states, channels, initialisation, pairs, generator).items():
            setattr(self, name, nn.Parameter(value.to(dtype=dtype, device=device, copy=True)))

    def forward(self, u: Tensor, initial: Tensor | None = None) -> Tensor:
        """y (…, T, H) for u (…, T, H) real, from the state `initial` (…, P), zero if left out."""
        return self.run(u, initial)[0]

    def run(self, u: Tensor, initial: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """y (…, T, H), and the state after the last time (…, P) to go on from."""
        arrays = (self.eigenvalues, *self.matrices, self.feedthrough, self.step)
        return apply(*arrays, u, initial, method=self.method, pairs=self.pairs)

    @property
    def eigenvalues(self) -> Tensor:
        """Λ (P), complex; (2P) for a full set."""
        return torch.complex(-self.log_damping.exp(), self.frequency)

    @property
    def matrices(self) -> tuple[Tensor, Tensor]:
        """B (P, H) and C (H, P), complex; 2P for a full set."""
        return torch.view_as_complex(self.input_matrix), torch.view_as_complex(self.output_matrix)

    @property
    def step(self) -> Tensor:
        """Δ (P); (2P) for a full set, where both members of a pair have the same."""
        step = self.log_step.exp()
        return step if self.pairs == "half" else step.repeat(2)

    def parameters_for_regularisation(self) -> Sets:
        """The full sets, with Δ tied across the halves: exact conjugates where half of them is kept."""
        sets = [self.eigenvalues, *self.matrices]
        if self.pairs == "full":
            return Sets._make([*sets, self.step])
        full = (torch.cat([x, x.conj()], axis) for x, axis in zip(sets, (0, 0, 1), strict=True))
        return Sets._make([*full, self.step.repeat(2)])

    def loss(
        self, y: Tensor, target: Tensor, *, imaginary_weight: float = 1e-3, symmetry_weight: float = 1e-4
    ) -> dict[str, Tensor]:
        """`s5.training_loss` of y = layer(u) and target, both (…, T, H): total, base, imaginary, symmetry."""
        sets = self.parameters_for_regularisation()[:3]
        return training_loss(y, target, *sets, imaginary_weight=imaginary_weight, symmetry_weight=symmetry_weight)

    def complex_gradients(self) -> dict[str, Tensor]:
        """What backward left, as ∂L/∂a + i ∂L/∂b for Λ, B and C, and ∂L/∂D and ∂L/∂log Δ.

        Raises ValueError, naming it, where a parameter has no gradient: backward has not run, or did not reach it.
        """
        gradients = {name: parameter.grad for name, parameter in self.named_parameters()}
        for name, gradient in gradients.items():
            if gradient is None:
                raise ValueError(f"{name}: expected a gradient, got None; call backward on a loss of this layer first")
        # Re Λ = −exp(log_damping), hence ∂L/∂log_damping = Re Λ · ∂L/∂Re Λ.
        damped = gradients["log_damping"] / self.eigenvalues.real.detach()
        return {
            "eigenvalues": torch.complex(damped, gradients["frequency"]),
            "input_matrix": torch.view_as_complex(gradients["input_matrix"]),
            "output_matrix": torch.view_as_complex(gradients["output_matrix"]),
            "feedthrough": gradients["feedthrough"],
            "log_step": gradients["log_step"],
        }

    def statistics(self) -> dict[str, float]:
        """`s5.statistics` of the full set."""
        sets = self.parameters_for_regularisation()
        return statistics(sets.eigenvalues.detach(), sets.step.detach(), method=self.method)

    def gradient_flow(self) -> dict[str, dict[str, dict[str, float | bool]]]:
        """`s5.gradient_flow` of `complex_gradients`: is the imaginary part learning?"""
        return gradient_flow(self.complex_gradients())

    def extra_repr(self) -> str:
        return f"states={self.states}, channels={self.channels}, method={self.method!r}, pairs={self.pairs!r}"
