"""Cases of the transformer's parts: shape bucket, structure and scale of x, size of the weights, and a seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from properties.case import Case
from properties.half_precision import HALVES
from properties.inputs.structures import fill

Random = np.random.Generator
Filled = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Bucket:
    """Shapes and options of one case: few, so that a compiling framework compiles a bounded number of times."""

    times: int
    channels: int
    hidden: int = 1
    batch: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"T={self.times} M={self.channels} F={self.hidden} batch {self.batch}{options}"


def _heads(heads: int, **others: Any) -> dict[str, Any]:
    return {"heads": heads, **others}


MULTI_HEADS = (
    Bucket(5, 4, options=_heads(2)),
    Bucket(1, 2, options=_heads(1)),
    Bucket(6, 6, batch=(2,), options=_heads(3, causal=True)),
    Bucket(9, 8, options=_heads(2, causal=True)),
    Bucket(4, 4, batch=(2, 2), options=_heads(4)),
)
BLOCKS = (
    Bucket(4, 4, 6, options=_heads(2)),
    Bucket(1, 2, 3, options=_heads(1, activation="tanh")),
    Bucket(5, 6, 8, batch=(2,), options=_heads(3, causal=True)),
    Bucket(8, 8, 12, options=_heads(2, causal=True, activation="tanh")),
)
NORMS = (
    Bucket(5, 4),
    Bucket(1, 1),
    Bucket(3, 17, batch=(2,)),
    Bucket(2, 64),
    Bucket(4, 8, options={"epsilon": 2.0**-20}),
)
FEED_FORWARDS = (
    Bucket(5, 4, 7),
    Bucket(1, 1, 1),
    Bucket(3, 8, 16, batch=(2,), options={"activation": "tanh"}),
    Bucket(9, 6, 12),
)
LOGITS = (Bucket(5, 4), Bucket(1, 1), Bucket(3, 17, batch=(2,)), Bucket(2, 100))

STRUCTURES = ("normal", "few_valued", "constant", "alternating", "increasing", "sparse", "graded")
SIZES = (0.125, 0.25, 0.5)  # of the weights: the rounding bound of a block grows with their cubes
# A mean far larger than the deviation, which a difference of squares does not survive; half precision neither.
OFFSETS = {"float64": (0.0, 0.0, 2.0**7), "float32": (0.0, 0.0, 2.0**7)}
# Rows of little spread are lost in half precision: those of few channels, or of equal ones.
HALF_STRUCTURES = ("normal", "alternating", "increasing")
FEW_CHANNELS = 8
SCALES = (0, -2, 2, 0)
NORM_SCALES = {"float64": (0, -40, 40, 4, -4), "float32": (0, -20, 20, 4, -4), "float16": (0, 2), "bfloat16": (0, 2, 8)}


def fill_norm(random: Random, bucket: Bucket, x: np.ndarray, size: float) -> Filled:
    return x, 1 + random.normal(size=bucket.channels) / 4, random.normal(size=bucket.channels) / 4


def fill_feed_forward(random: Random, bucket: Bucket, x: np.ndarray, size: float) -> Filled:
    return x, *_layers(random, bucket, size)


def fill_multi_head(random: Random, bucket: Bucket, x: np.ndarray, size: float) -> Filled:
    return x, *_projections(random, bucket, size)


def fill_block(random: Random, bucket: Bucket, x: np.ndarray, size: float) -> Filled:
    norms = (array for _ in range(2) for array in fill_norm(random, bucket, x, size)[1:])
    return x, *_projections(random, bucket, size), *_layers(random, bucket, size), *norms


def fill_logits(random: Random, bucket: Bucket, x: np.ndarray, size: float) -> Filled:
    return x, random.integers(0, bucket.channels, x.shape[:-1])


def _projections(random: Random, bucket: Bucket, size: float) -> Filled:
    channels = bucket.channels
    return tuple(2 * size * random.normal(size=(channels, channels)) / np.sqrt(max(channels, 1)) for _ in range(4))


def _layers(random: Random, bucket: Bucket, size: float) -> Filled:
    channels, hidden = bucket.channels, bucket.hidden
    return (
        4 * size * random.normal(size=(channels, hidden)) / np.sqrt(max(channels, 1)),
        random.normal(size=hidden) / 4,
        4 * size * random.normal(size=(hidden, channels)) / np.sqrt(max(hidden, 1)),
        random.normal(size=channels) / 4,
    )


def make(
    bucket: Bucket,
    filler: Callable,
    structure: str,
    size: float,
    scale: int,
    seed: int,
    dtype: str,
    offset: float = 0.0,
) -> Case:
    random = np.random.default_rng(seed)
    x = 2.0**scale * (fill(random, (*bucket.batch, bucket.times, bucket.channels), structure) + offset)
    drawn = f"{bucket}, {structure} x, scale 2^{scale}, mean {offset:g}, weights {size:g}"
    return Case((), dtype, seed, bucket.options, drawn).with_inputs(*filler(random, bucket, x, size))


def cases_of(
    buckets: tuple[Bucket, ...],
    filler: Callable,
    scales: Mapping[str, tuple[int, ...]] | None = None,
    offsets: Mapping[str, tuple[float, ...]] | None = None,
) -> Callable[[str], st.SearchStrategy[Case]]:
    """Bucket, structure, size of the weights, scale and mean of x and a seed."""
    wide = tuple(bucket for bucket in buckets if bucket.channels >= FEW_CHANNELS)

    @st.composite
    def cases(draw, dtype: str) -> Case:
        bucket = draw(st.sampled_from(wide if dtype in HALVES else buckets))
        structure = draw(st.sampled_from(HALF_STRUCTURES if dtype in HALVES else STRUCTURES))
        size = draw(st.sampled_from(SIZES))
        scale = draw(st.sampled_from((scales or {}).get(dtype, SCALES)))
        offset = draw(st.sampled_from((offsets or {}).get(dtype, (0.0,))))
        if structure == "constant" or bucket.channels == 1:
            # No spread: the result is the rounding of the mean over √ε, which says something of small rows only.
            scale, offset = min(scale, 0), 0.0
        return make(bucket, filler, structure, size, scale, draw(st.integers(0, 2**32 - 1)), dtype, offset)

    return cases


norms = cases_of(NORMS, fill_norm, NORM_SCALES, OFFSETS)
feed_forwards = cases_of(FEED_FORWARDS, fill_feed_forward)
multi_heads = cases_of(MULTI_HEADS, fill_multi_head)
blocks = cases_of(BLOCKS, fill_block)
logits = cases_of(LOGITS, fill_logits, {name: (0, 3, -3) for name in ("float64", "float32")})
