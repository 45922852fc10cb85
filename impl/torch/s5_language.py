"""A small language model of S5 layers, and its training: what a run says of an initialisation."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from impl.torch.s5_layer import S5

LEARNING_RATE = 0.01


class Run(NamedTuple):
    """The cross-entropy in nats before each step, and `S5.gradient_flow` of the first and of the last."""

    losses: list[float]
    first: dict[str, dict[str, dict[str, float | bool]]]
    last: dict[str, dict[str, dict[str, float | bool]]]


class ClippedS5(S5):
    """S5 whose steps are clipped to an interval, as has been published: outside of it their gradient is zero."""

    interval = (0.0, math.inf)

    @property
    def step(self) -> Tensor:
        return self.log_step.exp().clamp(*self.interval)


class LanguageModel(nn.Module):
    """Logits (B, T, V) of the next token: embedding + one residual block of norm, S5, GELU and a linear map, read out.

    The read-out starts small, hence the loss near ln V.
    """

    def __init__(self, vocabulary: int, layer: S5, generator: torch.Generator) -> None:
        super().__init__()
        channels = layer.channels
        self.embedding, self.norm, self.layer = nn.Embedding(vocabulary, channels), nn.LayerNorm(channels), layer
        self.mixing, self.reading = nn.Linear(channels, channels), nn.Linear(channels, vocabulary)
        with torch.no_grad():
            self.embedding.weight.normal_(generator=generator)
            self.mixing.weight.normal_(0, 1 / math.sqrt(channels), generator=generator)
            self.reading.weight.normal_(0, 1 / channels, generator=generator)
        for bias in (self.mixing.bias, self.reading.bias):
            nn.init.zeros_(bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, T), integers below V."""
        embedded = self.embedding(tokens)
        return self.reading(embedded + self.mixing(functional.gelu(self.layer(self.norm(embedded)))))


def train(
    batches: Any, *, vocabulary: int, initialisation: str = "hippo-n", states: int = 32, channels: int = 32,
    seed: int = 0, interval: tuple[float, float] | None = None, record: Callable[[int, S5], None] | None = None,
) -> Run:  # fmt: skip
    """Train with Adam on the CPU, on batches (steps, B, T + 1) of tokens below `vocabulary`, one batch a step.

    batches: whole numbers, as whatever torch.as_tensor takes. interval clips the steps Δ of the S5 layer.
    record(step, layer) is called between backward and the optimiser's step. Raises ValueError for another shape.
    """
    batches = torch.as_tensor(batches, dtype=torch.long)
    if batches.ndim != 3 or 0 in batches.shape or batches.shape[-1] < 2:
        raise ValueError(f"batches: expected shape (steps, B, T + 1), none of them empty, got {tuple(batches.shape)}")
    generator = torch.Generator().manual_seed(seed)
    kind = S5 if interval is None else ClippedS5
    layer = kind(states, channels, initialisation=initialisation, generator=generator)
    if interval is not None:
        layer.interval = interval
    model = LanguageModel(vocabulary, layer, generator)
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    losses, flows = [], []
    for number, tokens in enumerate(batches):
        logits = model(tokens[:, :-1])
        loss = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if number in (0, len(batches) - 1):
            flows.append(layer.gradient_flow())
        if record is not None:
            record(number, layer)
        optimiser.step()
    return Run(losses, flows[0], flows[-1])
