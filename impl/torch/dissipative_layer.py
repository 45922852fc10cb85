"""The dissipative potential and its resolvent layer as modules."""

import math

import torch
from torch import Tensor, nn


class Potential(nn.Module):
    """V − iΓ from features: x (…, N, D) → (…, N), complex. Weights are drawn with variance 1/D."""

    def __init__(self, features: int, base_decay: float = 0.01):
        super().__init__()
        self.base_decay = base_decay
        self.value_weight = nn.Parameter(torch.randn(features) / math.sqrt(features))
        self.decay_weight = nn.Parameter(torch.randn(features) / math.sqrt(features))

    def forward(self, x: Tensor) -> Tensor:
        from impl.torch.dissipative import potential

        return potential(x, self.value_weight, self.decay_weight, base_decay=self.base_decay)


class Layer(nn.Module):
    """[Re G, Im G] of a chain with learnt potential and bonds: x (…, N, D) → (…, N, 2).

    N = sites. Bonds start at 1; the shift is z, off the real axis.
    """

    def __init__(self, sites: int, features: int, shift: complex = 1j, base_decay: float = 0.01):
        super().__init__()
        self.potential = Potential(features, base_decay)
        self.upper = nn.Parameter(torch.ones(max(sites - 1, 0)))
        self.lower = nn.Parameter(torch.ones(max(sites - 1, 0)))
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        from impl.torch.dissipative import layer

        weights = self.potential.value_weight, self.potential.decay_weight
        return layer(x, *weights, self.upper, self.lower, self.shift, base_decay=self.potential.base_decay)
