"""Cases of attention: shape bucket, sharpness of the scores, structure and scale of the values, and a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from properties.case import Case
from properties.inputs.structures import fill

Random = np.random.Generator


@dataclass(frozen=True)
class Bucket:
    """Shapes and options of one case: few, so that a compiling framework compiles a bounded number of times.

    batch: of q; keys_batch: of k and v, that of q if None; lengths: the batch axes of lengths, none given if None.
    """

    times: int
    keys: int
    channels: int
    value_channels: int
    batch: tuple[int, ...] = ()
    keys_batch: tuple[int, ...] | None = None
    lengths: tuple[int, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        padded = "" if self.lengths is None else ", padded"
        return f"T={self.times} S={self.keys} D={self.channels} batch {self.batch}{padded}{options}"


CAUSAL = {"causal": True}

BUCKETS = (
    Bucket(5, 7, 4, 3),
    Bucket(1, 1, 1, 1),
    Bucket(8, 8, 8, 8, (2,), options=CAUSAL),
    Bucket(17, 17, 4, 4, (2, 2), lengths=(2, 1), options=CAUSAL),
    Bucket(4, 9, 2, 3, (3,), lengths=(3,)),
    Bucket(6, 5, 3, 2, (2, 1), keys_batch=(3,), options={"scale": 0.5}),
    Bucket(33, 33, 8, 8, options=CAUSAL),
    Bucket(9, 5, 4, 4, (2,), lengths=(2,), options=CAUSAL | {"scale": 1.0}),
)
LARGE = (Bucket(200, 330, 72, 40, (2,), lengths=(2,)), Bucket(300, 300, 64, 64, options=CAUSAL))
LARGE_IN_DOUBLE = (
    Bucket(70, 140, 20, 12, (2,), lengths=(2,)),
    Bucket(140, 140, 20, 20, options=CAUSAL),
)
# Standard deviations of the scores: from uniform weights to one key that takes all.
SHARPNESS = {
    "float64": (0.25, 1.0, 4.0, 16.0, 64.0),
    "float32": (0.25, 1.0, 4.0, 16.0, 64.0),
    "float16": (0.25, 1.0, 2.0),
    "bfloat16": (0.25, 0.5),
}
SCALES = {
    "float64": (0, -200, 200, -30, 30, 0),
    "float32": (0, -30, 30, -8, 8, 0),
    "float16": (0, -4, 4, -2, 2, 0),
    "bfloat16": (0, -30, 30, -8, 8, 0),
}
KEYS = ("normal", "few_valued", "constant", "alternating", "sparse", "graded")
VALUES = ("normal", "few_valued", "constant", "alternating", "cancelling", "increasing", "sparse")
# Averages of many values of either sign are smaller than the rounding of half precision.
BIASED_VALUES = ("few_valued", "increasing", "sparse", "normal")


def fill_case(bucket: Bucket, kinds: tuple[str, str], sharpness: float, scale: int, seed: int, dtype: str) -> Case:
    random, (of_keys, of_values) = np.random.default_rng(seed), kinds
    batch = bucket.batch if bucket.keys_batch is None else bucket.keys_batch
    size = _size_for(bucket, sharpness)
    q = size * fill(random, (*bucket.batch, bucket.times, bucket.channels), "normal")
    k = size * fill(random, (*batch, bucket.keys, bucket.channels), of_keys)
    v = 2.0**scale * values_of(random, (*batch, bucket.keys, bucket.value_channels), of_values, dtype)
    drawn = f"{bucket}, {of_keys} keys, {of_values} values, sharpness {sharpness:g}, scale 2^{scale}"
    case = Case((), dtype, seed, bucket.options, drawn).with_inputs(q, k, v)
    return case if bucket.lengths is None else case.with_inputs(*case.inputs, _lengths(random, bucket))


def _size_for(bucket: Bucket, sharpness: float) -> float:
    """Of q and of k alike, so that scale·⟨q, k⟩ has about that standard deviation."""
    scale = bucket.options.get("scale", 1 / np.sqrt(max(bucket.channels, 1)))
    return float(np.sqrt(sharpness / (scale * np.sqrt(max(bucket.channels, 1)))))


def values_of(random: Random, shape: tuple[int, ...], structure: str, dtype: str) -> np.ndarray:
    """In half precision the channels have means, so that an average over keys is not lost in rounding."""
    drawn = fill(random, shape, structure)
    if dtype in ("float64", "float32"):
        return drawn
    means = random.choice([-1.0, 1.0], shape[-1]) * 2.0 ** random.integers(0, 3, shape[-1])
    return drawn / 4 + means


def _lengths(random: Random, bucket: Bucket) -> np.ndarray:
    """Any from none to all keys, all of them now and then."""
    assert bucket.lengths is not None
    drawn = random.integers(0, bucket.keys + 1, bucket.lengths)
    return np.where(random.random(bucket.lengths) < 0.25, bucket.keys, drawn)


@st.composite
def cases(draw, dtype: str) -> Case:
    """Bucket, structures, sharpness, scale and a seed. Only the seed is an integer: see the tridiagonal row."""
    bucket = draw(st.sampled_from(BUCKETS))
    kinds = draw(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)))
    sharpness = draw(st.sampled_from(SHARPNESS[dtype]))
    scale = draw(st.sampled_from(SCALES[dtype]))
    return fill_case(bucket, kinds, sharpness, scale, draw(st.integers(0, 2**32 - 1)), dtype)


def large_case(case: Case) -> Case:
    """More queries and keys than a tile of any kernel's; in double precision fewer, for there the gauge is slow."""
    buckets = LARGE_IN_DOUBLE if case.dtype == "float64" else LARGE
    return fill_case(buckets[case.seed % len(buckets)], ("normal", "normal"), 0.5, 0, case.seed, case.dtype)


def with_query_lengths(case: Case) -> Case:
    """Every row with lengths of its own: those of its keys, all of them if none were given, and any of its queries."""
    q, k, v, *lengths = case.inputs
    batch = np.broadcast_shapes(*(x.shape[:-2] for x in (q, k, v)))
    own = lengths[0] if lengths else np.full(batch, k.shape[-2])
    ends = case.random().integers(0, q.shape[-2] + 1, own.shape)
    return case.with_inputs(q, k, v, own, ends, drawn=f"padded queries, {case.drawn}")


def padded_queries(dtype: str) -> st.SearchStrategy[Case]:
    return cases(dtype).map(with_query_lengths)
