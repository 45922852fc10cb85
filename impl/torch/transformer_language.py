"""Training a small causal language model of pre-norm blocks, with the sizes of all weights and gradients on the way."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from impl.torch.diagnostics import magnitudes
from impl.torch.transformer import block as shipped_block
from impl.torch.transformer import cross_entropy, layer_norm

__all__ = ["Report", "Run", "initial", "logits", "train"]

RATE = 2.0**-7  # of Adam
PROJECTIONS, LAYERS = ("w_q", "w_k", "w_v", "w_o"), ("w_1", "b_1", "w_2", "b_2")
NORMS = ("gamma_1", "beta_1", "gamma_2", "beta_2")


class Report(NamedTuple):
    """One step: the loss in nats before it, and `diagnostics.magnitudes` of weights and of gradients, by name."""

    step: int
    loss: float
    weights: dict[str, dict[str, float]]
    gradients: dict[str, dict[str, float]]

    def __str__(self) -> str:
        sizes = (_line(name, self.weights[name], self.gradients[name]) for name in self.weights)
        return "\n".join((f"step {self.step}: loss {self.loss:.4f}", *sizes))


def _line(name: str, weights: dict[str, float], gradients: dict[str, float]) -> str:
    return (
        f"  {name:14} weights rms {weights['rms']:.2e}, gradients rms {gradients['rms']:.2e}, "
        f"largest {gradients['largest']:.2e}, zeros {gradients['zeros']:.0f}, not finite {gradients['nonfinite']:.0f}"
    )


class Run(NamedTuple):
    losses: list[float]
    reports: list[Report]


def initial(
    *, vocabulary: int, times: int, channels: int = 32, hidden: int = 64, layers: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """The parameters by name: normal with deviation 1/√(inputs), offsets zero, the read-out small: logits near zero."""
    drawn = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=drawn) / shape[0] ** 0.5

    sizes = {"w_1": (channels, hidden), "w_2": (hidden, channels), "b_1": (hidden,), "b_2": (channels,)}
    found = {
        "letters": torch.randn(vocabulary, channels, generator=drawn),
        "places": torch.randn(times, channels, generator=drawn),
    }
    for layer in range(layers):
        for name in (*PROJECTIONS, *LAYERS, *NORMS):
            shape = sizes.get(name, (channels, channels) if name in PROJECTIONS else (channels,))
            start = normal(*shape) if name.startswith("w") else torch.zeros(shape) + name.startswith("gamma")
            found[f"{layer}.{name}"] = start
    found |= {"gamma": torch.ones(channels), "beta": torch.zeros(channels)}
    return found | {"readout": normal(channels, vocabulary) / 16}


def logits(
    parameters: dict[str, Tensor], tokens: Tensor, *, heads: int, causal: bool, block: Callable = shipped_block
) -> Tensor:
    """tokens (B, T) int64 → (B, T, V): the letter and its place, blocks, a layer norm, the read-out."""
    x = parameters["letters"][tokens] + parameters["places"][: tokens.shape[-1]]
    layers = sum(name.endswith(".w_q") for name in parameters)
    for layer in range(layers):
        own = (parameters[f"{layer}.{name}"] for name in (*PROJECTIONS, *LAYERS, *NORMS))
        x = block(x, *own, heads=heads, causal=causal)
    return layer_norm(x, parameters["gamma"], parameters["beta"]) @ parameters["readout"]


def train(
    batches: Iterable, *, vocabulary: int, heads: int = 2, causal: bool = True, block: Callable = shipped_block,
    every: int = 10, told: Callable[[Report], None] = lambda report: None, **sizes: int,
) -> Run:  # fmt: skip
    """Adam on the mean cross-entropy of the next token, one step a batch.

    **Arguments**: batches of tokens (B, T + 1), integers below vocabulary; block as `transformer.block`; every so many
    steps `told` hears a report; sizes go to `initial`. **Returns**: the loss before each step, and the reports.
    """
    whole = [torch.as_tensor(batch) for batch in batches]
    parameters = initial(vocabulary=vocabulary, times=whole[0].shape[-1] - 1, **sizes)
    for parameter in parameters.values():
        parameter.requires_grad_()
    optimiser, run = torch.optim.Adam(parameters.values(), RATE), Run([], [])
    for step, tokens in enumerate(whole):
        optimiser.zero_grad()
        loss = cross_entropy(logits(parameters, tokens[:, :-1], heads=heads, causal=causal, block=block), tokens[:, 1:])
        loss.backward()
        run.losses.append(float(loss.detach()))
        if step % every == 0:
            run.reports.append(_report(step, run.losses[-1], parameters))
            told(run.reports[-1])
        optimiser.step()
    return run


def _report(step: int, loss: float, parameters: dict[str, Tensor]) -> Report:
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters.values()]
    return Report(step, loss, _by_name(parameters, list(parameters.values())), _by_name(parameters, gradients))


def _by_name(names: Iterable[str], arrays: list[Tensor]) -> dict[str, dict[str, float]]:
    found = {what: values.tolist() for what, values in magnitudes([x.detach() for x in arrays]).items()}
    return {name: {what: float(values[i]) for what, values in found.items()} for i, name in enumerate(names)}
