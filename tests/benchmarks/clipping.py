"""Rows of gradient clipping in place: sets of many tensors in single precision, with nothing to clip or all of it."""

import functools
import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from properties.case import Case
from properties.inputs import clipping as drawn
from tests.benchmarks.job import FORWARD, REAL, SMOKE, Job, Peer, Shape
from tests.benchmarks.one_bucket import judged_in

UNCLIPPED = math.inf
SHRINKING = 0.99  # of the bound from call to call, so that each has something to clip


def judged(clipped: bool):
    """Cases like the timed sets: ordinary numbers, many of them."""

    def fill(seed: int, dtype: str) -> Case:
        case = drawn.fill_set(drawn.SETS[5], "plain", "normal", 0, seed, dtype)
        return replace(case, options={"max_norm": 1.0 if clipped else UNCLIPPED})

    return judged_in(fill)


def draw(random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    tensors, numbers = shape
    return tuple(random.standard_normal(numbers, dtype=np.float32) for _ in range(tensors))


def bytes_at_least(passes: int, direction: str, shape: Shape) -> int:
    """One reading; where the set is clipped, another, and a writing."""
    return passes * REAL * math.prod(shape)


def bounds(clipped: bool):
    """Bounds that clip nothing, or every time anew: in place, what was clipped once has the norm of its bound."""
    if not clipped:
        return itertools.repeat(UNCLIPPED)
    return (SHRINKING**call for call in itertools.count())


def in_place(clip, clipped: bool):
    """A function of the gradients that clips them where they are."""
    coming = bounds(clipped)

    def call(gradients):
        return clip([SimpleNamespace(grad=gradient) for gradient in gradients], next(coming))

    return call


def torch_safe_clip(owners, bound):
    from impl.torch.clipping_training import safe_clip_

    return safe_clip_(owners, bound)


def torch_clip_grad_norm(owners, bound):
    import torch

    return torch.nn.utils.clip_grad_norm_(owners, bound, foreach=True)


def torch_replaced_and_clipped(owners, bound):
    """What training loops do today where gradients may be NaN."""
    for owner in owners:
        owner.grad.nan_to_num_(0.0, 0.0, 0.0)
    return torch_clip_grad_norm(owners, bound)


LIBRARY = "impl.libraries.clipping:torch_clip_grad_norm_foreach"


def job(clipped: bool) -> Job:
    timed = functools.partial(in_place, clipped=clipped)
    return Job(
        "clipping.clip_by_global_norm",
        (FORWARD,),
        ("tensors", "numbers"),
        {"cuda": ((192, 1_310_720), (1000, 16_384)), "cpu": ((192, 32_768), (1000, 1024)), SMOKE: ((3, 7),)},
        draw,
        lambda random, shape: (),
        functools.partial(bytes_at_least, 3 if clipped else 1),
        judged(clipped),
        (
            Peer("clip_grad_norm_", "torch", LIBRARY, timed(torch_clip_grad_norm), unsound=True),
            Peer("nan_to_num_ and clip_grad_norm_", "torch", LIBRARY, timed(torch_replaced_and_clipped), unsound=True),
        ),
        label="every call clips" if clipped else "nothing to clip",
        timed={"torch": timed(torch_safe_clip)},
        frameworks=("torch",),
    )


JOBS = (job(clipped=False), job(clipped=True))
