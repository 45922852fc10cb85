"""Rows of the magnitudes of many tensors in single precision."""

import math

import numpy as np

from properties.systems import diagnostics as drawn
from tests.benchmarks.job import FORWARD, REAL, SMOKE, Job, Peer, Shape
from tests.benchmarks.one_bucket import judged_in


def draw(random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    tensors, numbers = shape
    return tuple(random.standard_normal(numbers, dtype=np.float32) for _ in range(tensors))


def bytes_at_least(direction: str, shape: Shape) -> int:
    """One reading."""
    return REAL * math.prod(shape)


def torch_expressions(arrays):
    """What one writes down for each tensor, where everything is finite."""
    import torch

    reports = [
        {
            "largest": x.abs().max(),
            "mean": x.abs().mean(),
            "nonfinite": (~torch.isfinite(x)).sum(),
            "rms": x.square().mean().sqrt(),
            "zeros": (x == 0).sum(),
        }
        for x in arrays
    ]
    return {name: torch.stack([report[name] for report in reports]) for name in reports[0]}


JOBS = (
    Job(
        "diagnostics.magnitudes",
        (FORWARD,),
        ("tensors", "numbers"),
        {"cuda": ((192, 1_310_720), (1000, 16_384)), "cpu": ((192, 32_768), (1000, 1024)), SMOKE: ((3, 7),)},
        draw,
        lambda random, shape: (),
        bytes_at_least,
        judged_in(lambda seed, dtype: drawn.fill_case(drawn.SETS[0], "normal", "zeros", 0, seed, dtype)),
        (Peer("one expression a number", "torch", f"{__name__}:torch_expressions", library=False),),
        frameworks=("torch",),
    ),
)
