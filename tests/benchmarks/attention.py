"""Rows of causal softmax attention in bfloat16: dense, and with batches half of which is padding.

A row has as many arrays of lengths as it gives: none, those of the keys, or those of the keys and of the queries.
"""

import functools
import math

import numpy as np

from properties.case import Case
from properties.inputs import attention as drawn
from properties.inputs.attention import Bucket
from tests.benchmarks.job import BOTH, FORWARD, SMOKE, Job, Peer, Shape, normal
from tests.benchmarks.one_bucket import judged_in

HALF = 2  # bytes
CAUSAL = {"causal": True}
LABELS = ("", "half of it padding", "half of it padding, queries too")
DENSE = (("flash", "flash"), ("cuDNN", "cudnn"))  # kernels without a mask of their own
MASKED = (("efficient", "efficient"),)
KERNELS = ((*MASKED, *DENSE), MASKED, ())  # of PyTorch, forced


def draw(given: int, random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    batch, heads, times, channels = shape
    arrays = tuple(normal(random, batch, heads, times, channels) for _ in range(3))
    return (*arrays, *given * [_lengths(shape)])


def _lengths(shape: Shape) -> np.ndarray:
    """From nothing but one token to the whole row: half of all keys are padding."""
    batch, _, times, _ = shape
    return np.linspace(1, times, batch).astype(np.int64)[:, None]


def bytes_at_least(direction: str, shape: Shape) -> int:
    """Forward reads q, k, v and writes the result; backward reads them, result and cotangent, and writes three."""
    return {FORWARD: 4, BOTH: 4 + 8}[direction] * HALF * math.prod(shape)


def flops_at_least(given: int, direction: str, shape: Shape) -> int:
    """Two products of T × T × D a head, half of each where causal; five more backward.

    Of a padded row, queries beyond its length attend to the keys before it, unless they are said to be padding, but
    have no cotangent.
    """
    batch, heads, times, channels = shape
    lengths = _lengths(shape)[:, 0] if given else np.full(batch, times)
    backward = np.sum(lengths**2 / 2)
    forward = backward if given > 1 else np.sum(lengths * (times - lengths / 2))
    products = {FORWARD: 2 * forward, BOTH: 2 * forward + 5 * backward}[direction]
    return int(2 * heads * channels * products)


def _cotangents(given: int, random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    """Those of a loss that leaves out padding."""
    drawn = normal(random, *shape)
    counts = np.arange(shape[-2]) < (_lengths(shape)[..., None] if given else shape[-2])
    return (np.where(counts[..., None], drawn, 0),)


def _judged(given: int, seed: int, dtype: str) -> Case:
    """As timed: every row has a key."""
    bucket = Bucket(17, 17, 16, 16, (2,), lengths=(2,) if given else None, options=CAUSAL)
    case = drawn.fill_case(bucket, ("normal", "few_valued"), 0.25, 0, seed, dtype)
    q, k, v, *lengths = case.inputs
    return case.with_inputs(q, k, v, *given * [np.maximum(length, 1) for length in lengths])


def job(given: int) -> Job:
    return Job(
        "attention.attend",
        (FORWARD, BOTH),
        ("B", "H", "T", "D"),
        {"cuda": ((4, 16, 8192, 128),), "cpu": ((2, 4, 512, 64),), SMOKE: ((1, 1, 17, 16),)},
        functools.partial(draw, given),
        functools.partial(_cotangents, given),
        bytes_at_least,
        judged_in(functools.partial(_judged, given)),
        (
            Peer(
                "torch SDPA",
                "torch",
                f"impl.libraries.attention:torch_sdpa{'_padded' if given > 1 else ''}",
                directions=(FORWARD, BOTH),
            ),
            *(
                Peer(
                    f"torch SDPA, {name}",
                    "torch",
                    f"impl.libraries.attention:torch_sdpa_{function}",
                    directions=(FORWARD, BOTH),
                    devices=("cuda",),
                )
                for name, function in KERNELS[given]
            ),
            Peer(
                "jax.nn.dot_product_attention",
                "jax",
                "impl.libraries.attention:jax_dot_product_attention",
                directions=(FORWARD, BOTH),
                unsound=given > 0,
            ),
        ),
        flops_at_least=functools.partial(flops_at_least, given),
        dtype="bfloat16",
        options=CAUSAL,
        label=LABELS[given],
    )


JOBS = tuple(job(given) for given in range(len(LABELS)))
