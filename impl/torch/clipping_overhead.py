"""What gradient safety costs in a training step, measured."""

import time
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from impl.torch.clipping_training import safe_clip_

WIDTH, DEPTH, REPETITIONS = 1024, 6, 5


class Overhead(NamedTuple):
    """share: seconds of `safe_clip_` over seconds of the backward pass; memory: bytes of its largest temporary over
    bytes of the gradients."""

    share: float
    memory: float


def training_step(tokens: int, width: int = WIDTH, depth: int = DEPTH) -> Overhead:
    """Medians over some steps of a residual network of `depth` square layers, on the CPU, where clipping is needed."""
    torch.manual_seed(0)
    layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
    x = torch.randn(tokens, width)
    seconds: dict[str, list[float]] = {"backward": [], "safety": []}
    for _ in range(REPETITIONS):
        layers.zero_grad(set_to_none=True)
        hidden = x
        for layer in layers:
            hidden = hidden + torch.tanh(layer(hidden))
        loss = hidden.square().mean()
        seconds["backward"].append(_seconds(loss.backward))
        seconds["safety"].append(_seconds(lambda: safe_clip_(layers, 1e-3)))
    with _Largest() as largest:
        safe_clip_(layers, 1e-4)
    bytes_of_gradients = sum(p.grad.nbytes for p in layers.parameters() if p.grad is not None)
    return Overhead(median(seconds["safety"]) / median(seconds["backward"]), largest.bytes / bytes_of_gradients)


def _seconds(run) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


class _Largest(TorchDispatchMode):
    """The bytes of the largest tensor that an operation makes, views and in-place results left out."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {a.untyped_storage().data_ptr() for a in args if isinstance(a, Tensor)}
        for made in result if isinstance(result, tuple | list) else (result,):
            if isinstance(made, Tensor) and made.untyped_storage().data_ptr() not in given:
                self.bytes = max(self.bytes, made.nbytes)
        return result
