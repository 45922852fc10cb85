"""Cases of the Kuramoto row: shape bucket, spread of the phases, structures, lag and a seed."""

import numpy as np
from hypothesis import strategies as st

from properties.case import Case
from properties.half_precision import HALVES
from properties.inputs.attention import CAUSAL, Bucket, values_of
from properties.inputs.structures import fill

BUCKETS = (
    Bucket(5, 7, 4, 3),
    Bucket(1, 1, 1, 1),
    Bucket(8, 8, 8, 8, (2,), options=CAUSAL),
    Bucket(17, 17, 4, 4, (2,), options=CAUSAL | {"scale": 0.5}),
    Bucket(4, 9, 2, 3, (2, 1), keys_batch=(3,)),
    Bucket(33, 33, 8, 8, options=CAUSAL),
    Bucket(9, 5, 3, 4, (2,), options=CAUSAL),
)
LARGE = (Bucket(200, 330, 72, 40, (2,)), Bucket(300, 300, 64, 64, options=CAUSAL))
LARGE_IN_DOUBLE = (Bucket(70, 140, 20, 12, (2,)), Bucket(140, 140, 20, 20, options=CAUSAL))  # the gauge is slow there
# Standard deviations of scale·⟨q, k⟩ in radians: linear, a turn, many turns.
SPREADS = {
    "float64": (0.125, 1.0, 8.0, 64.0),
    "float32": (0.125, 1.0, 8.0, 64.0),
    "float16": (0.125, 0.5),
    "bfloat16": (0.125, 0.25),
}
LAGS = (0.0, 0.5, -1.0, 1.5, 3.0, -6.0)
# In half precision sums of sines of either sign are lost in rounding.
HALF_LAGS = (0.5, -1.0, 1.5, 1.0, -0.5)
KEYS = ("normal", "few_valued", "constant", "alternating", "sparse")
VALUES = ("normal", "few_valued", "constant", "alternating", "cancelling", "increasing", "sparse")
OSCILLATORS = (((), ()), ((2,), ()), ((2, 3), (3,)))
SIZES = (7, 1, 33, 100)
COUPLINGS = (1.0, 0.25, -2.0, 8.0)
PHASES = ("normal", "few_valued", "constant", "increasing", "sparse")


def fill_case(bucket: Bucket, kinds: tuple[str, str], spread: float, lag: float, seed: int, dtype: str) -> Case:
    random, (of_keys, of_values) = np.random.default_rng(seed), kinds
    batch = bucket.batch if bucket.keys_batch is None else bucket.keys_batch
    size = np.sqrt(spread / (bucket.options.get("scale", 1.0) * np.sqrt(max(bucket.channels, 1))))
    q = size * fill(random, (*bucket.batch, bucket.times, bucket.channels), "normal")
    k = size * fill(random, (*batch, bucket.keys, bucket.channels), of_keys)
    v = values_of(random, (*batch, bucket.keys, bucket.value_channels), of_values, dtype)
    drawn = f"{bucket}, {of_keys} keys, {of_values} values, phases ±{spread:g}, lag {lag:g}"
    return Case((), dtype, seed, bucket.options, drawn).with_inputs(q, k, v, np.asarray(lag))


@st.composite
def cases(draw, dtype: str) -> Case:
    """Bucket, structures, spread of the phases, lag and a seed."""
    bucket = draw(st.sampled_from(BUCKETS))
    kinds = draw(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)))
    spread = draw(st.sampled_from(SPREADS[dtype]))
    lag = draw(st.sampled_from(HALF_LAGS if dtype in HALVES else LAGS))
    return fill_case(bucket, kinds, spread, lag, draw(st.integers(0, 2**32 - 1)), dtype)


def large_case(case: Case) -> Case:
    """More queries and keys than a tile of any kernel's."""
    lags = HALF_LAGS if case.dtype in HALVES else LAGS
    buckets = LARGE_IN_DOUBLE if case.dtype == "float64" else LARGE
    bucket, lag = buckets[case.seed % len(buckets)], lags[case.seed % len(lags)]
    return fill_case(bucket, ("normal", "normal"), SPREADS[case.dtype][0], lag, case.seed, case.dtype)


def fill_oscillators(
    size: int, batches: tuple, structure: str, coupling: float, lag: float, seed: int, dtype: str
) -> Case:
    random, (of_phase, of_frequency) = np.random.default_rng(seed), batches
    phase = np.pi * fill(random, (*of_phase, size), structure)
    frequency = random.normal(size=(*of_frequency, size))
    drawn = f"{size} oscillators, batch {of_phase}, {structure} phases, coupling {coupling:g}, lag {lag:g}"
    return Case((), dtype, seed, drawn=drawn).with_inputs(phase, frequency, np.asarray(coupling), np.asarray(lag))


@st.composite
def oscillators(draw, dtype: str) -> Case:
    """Number of oscillators, batches, structure of the phases, coupling, lag and a seed."""
    return fill_oscillators(
        draw(st.sampled_from(SIZES)),
        draw(st.sampled_from(OSCILLATORS)),
        draw(st.sampled_from(PHASES)),
        draw(st.sampled_from(COUPLINGS)),
        draw(st.sampled_from(LAGS)),
        draw(st.integers(0, 2**32 - 1)),
        dtype,
    )
