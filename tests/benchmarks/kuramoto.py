"""Rows of Kuramoto attention in bfloat16."""

import functools
import math

import numpy as np

from properties.inputs import kuramoto as drawn
from properties.inputs.attention import Bucket
from tests.benchmarks.job import BACKWARD, BOTH, FORWARD, SMOKE, Job, Peer, Shape, normal
from tests.benchmarks.one_bucket import judged_in

HALF = 2  # bytes
SCALE = {"scale": 0.125}
BUCKET = Bucket(17, 17, 16, 16, (2,), options=SCALE)


def draw(random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    return (*(normal(random, *shape) for _ in range(3)), np.asarray(0.5, np.float32))


def bytes_at_least(direction: str, shape: Shape) -> int:
    """Forward reads q, k, v and writes the result; backward reads them and a cotangent, and writes three."""
    return {FORWARD: 4, BACKWARD: 7, BOTH: 4 + 7}[direction] * HALF * math.prod(shape)


def flops_at_least(direction: str, shape: Shape) -> int:
    """Two products of T × T × D a head; five more backward, the first of them again."""
    batch, heads, times, channels = shape
    forward = 2 * 2 * batch * heads * times * times * channels
    return int({FORWARD: 1, BACKWARD: 2.5, BOTH: 3.5}[direction] * forward)


def torch_sines(q, k, v, lag, *, causal=False, scale=1.0):
    """sin(scale·q kᵀ + lag) v as one writes it down."""
    import torch

    phase = torch.sin(scale * (q @ k.mT) + lag)
    return (phase.tril() if causal else phase) @ v


def torch_compiled_sines(q, k, v, lag, *, causal=False, scale=1.0):
    """The same through `torch.compile`."""
    return _compiled()(q, k, v, lag, causal=causal, scale=scale)


@functools.cache
def _compiled():
    """Compiled once, whatever is timed; its gradient may be asked for twice."""
    import torch
    import torch._functorch.config

    torch._functorch.config.donated_buffer = False
    return torch.compile(torch_sines)


JOBS = (
    Job(
        "kuramoto.attend",
        (FORWARD, BACKWARD, BOTH),
        ("B", "H", "T", "D"),
        {"cuda": ((1, 16, 8192, 64), (1, 16, 8192, 128)), "cpu": ((1, 4, 512, 64),), SMOKE: ((1, 1, 17, 16),)},
        draw,
        lambda random, shape: (normal(random, *shape),),
        bytes_at_least,
        judged_in(lambda seed, dtype: drawn.fill_case(BUCKET, ("normal", "few_valued"), 0.125, 0.5, seed, dtype)),
        (
            Peer("eager", "torch", f"{__name__}:torch_sines", library=False, directions=(FORWARD, BACKWARD, BOTH)),
            Peer(
                "torch.compile",
                "torch",
                f"{__name__}:torch_compiled_sines",
                library=False,
                devices=("cuda",),
                directions=(FORWARD, BACKWARD, BOTH),
            ),
        ),
        flops_at_least=flops_at_least,
        dtype="bfloat16",
        options=SCALE,
    ),
)
