"""The transformer's parts, each of which a defect may replace."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impl.torch import transformer as shipped
from impl.torch.attention import multi_head
from tests.defects.defect import Defect, story_of
from tests.defects.half import kind_for

NORM, LAYERS = "transformer.layer_norm", "transformer.feed_forward"
BLOCK, LOSS = "transformer.block", "transformer.cross_entropy"


def centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def deviation(apart: Tensor, epsilon: float) -> Tensor:
    return (apart.square().mean(-1, keepdim=True) + epsilon).sqrt()


def normal(x: Tensor, epsilon: float) -> Tensor:
    apart = centred(x)
    return apart / deviation(apart, epsilon)


def around(x: Tensor, change: Tensor) -> Tensor:
    return x + change


def log_sum(logits: Tensor) -> Tensor:
    return torch.logsumexp(logits, -1)


def mean(losses: Tensor) -> Tensor:
    return losses.sum() / max(losses.numel(), 1)


def chosen(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.gather(-1, targets[..., None])[..., 0]


@dataclass(frozen=True)
class Algorithm:
    """normal: of layer_norm. first, second: the residuals of a block; attention: its heads. The others: of the loss."""

    normal: Callable = normal
    activation: Callable = torch.nn.functional.gelu
    attention: Callable = multi_head
    first: Callable = around
    second: Callable = around
    log_sum: Callable = log_sum
    chosen: Callable = chosen
    mean: Callable = mean

    def layer_norm(self, x: Tensor, gamma: Tensor, beta: Tensor, *, epsilon: float = shipped.EPSILON) -> Tensor:
        shipped.layer_norm(x, gamma, beta)
        return self.normal(x, epsilon) * gamma + beta if x.numel() else x * gamma + beta

    def feed_forward(
        self, x: Tensor, w_1: Tensor, b_1: Tensor, w_2: Tensor, b_2: Tensor, *, activation: str = "gelu"
    ) -> Tensor:
        shipped.feed_forward(x, w_1, b_1, w_2, b_2, activation=activation)
        function = self.activation if activation == "gelu" else torch.tanh
        return function(x @ w_1 + b_1) @ w_2 + b_2

    def block(
        self, x, w_q, w_k, w_v, w_o, w_1, b_1, w_2, b_2, gamma_1, beta_1, gamma_2, beta_2,
        *, heads, causal=False, activation="gelu", epsilon=shipped.EPSILON,
    ):  # fmt: skip
        first = self.layer_norm(x, gamma_1, beta_1, epsilon=epsilon)
        middle = self.first(x, self.attention(first, w_q, w_k, w_v, w_o, heads=heads, causal=causal))
        second = self.layer_norm(middle, gamma_2, beta_2, epsilon=epsilon)
        return self.second(middle, self.feed_forward(second, w_1, b_1, w_2, b_2, activation=activation))

    def cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        shipped.cross_entropy(logits, targets)
        return self.mean(self.log_sum(logits) - self.chosen(logits, targets))


HONEST = Algorithm()


def instead_of(kernel: str, part: str, dtype: str = "float32", **judged: str) -> Callable[[Callable], Defect]:
    """Make a Defect of a wrong part: its name is the function's, its story the docstring."""

    def make(wrong: Callable) -> Defect:
        function = getattr(replace(HONEST, **{part: wrong}), kernel.rpartition(".")[2])
        return kind_for(dtype)(
            wrong.__name__, kernel, function, story_of(wrong), wrong.__module__, dtype=dtype, **judged
        )

    return make
