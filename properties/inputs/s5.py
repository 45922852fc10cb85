"""Strategies of cases for the S5 row: shape bucket, kinds, structures, scale and a seed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from properties.case import Case
from properties.inputs.state_spaces import (
    FREQUENCIES,
    MODULI,
    PHASES,
    REAL_PARTS,
    STEPS,
    decays,
    eigenvalues,
    sequence,
    state,
    steps,
)
from properties.inputs.structures import STRUCTURES, fill

SCALES = {
    "float32": (0, -30, 30, -8, 8, 0, -17, 17),
    "float64": (0, -200, 200, -30, 30, 0, -90, 90),
    "bfloat16": (0, -30, 30, -8, 8, 0, -17, 17),
    "float16": (0, -4, 2, -1, 1),
}
Random = np.random.Generator
Filled = tuple[tuple[np.ndarray, ...], str]


@dataclass(frozen=True)
class Bucket:
    """Shapes and options of one case: few, so that a compiling framework compiles a bounded number of times.

    varying: batch axes of a decay that varies in time. A full set has an even number of states.
    """

    times: int = 1
    states: int = 1
    channels: int = 1
    batch: tuple[int, ...] = ()
    initial: tuple[int, ...] = ()
    varying: tuple[int, ...] | None = None
    complex_decay: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "".join(f", {value}" for value in self.options.values())
        return f"T={self.times} P={self.states} H={self.channels} batch {self.batch}{options}"


BILINEAR, FULL, WEIGHTED = {"method": "bilinear"}, {"pairs": "full"}, {"weight": 2.0**-10}

RUNS = (
    Bucket(5, 3),
    Bucket(1, 1),
    Bucket(2, 2, batch=(3,), initial=(3,)),
    Bucket(17, 4, batch=(2,), initial=(2,), varying=()),
    Bucket(5, 8, batch=(2, 1), initial=(3,), varying=(2, 3)),
    Bucket(17, 3, batch=(2,), complex_decay=False),
    Bucket(64, 2, varying=()),
    Bucket(300, 1),
)
LAYERS = (
    Bucket(5, 3, 2),
    Bucket(1, 1, 1),
    Bucket(2, 2, 3, batch=(2,), initial=(2,)),
    Bucket(17, 3, 2, options=BILINEAR),
    Bucket(17, 4, 1, options=FULL),
    Bucket(5, 40, 34, batch=(3,)),
    Bucket(64, 1, 2, initial=(2,)),
    Bucket(1100, 2, 1, batch=(4,)),
)
SETS = (
    Bucket(states=3, channels=2),
    Bucket(states=1, channels=1),
    Bucket(states=8, channels=3),
    Bucket(states=3, channels=2, options=BILINEAR),
)
ONE_STEPS = (
    Bucket(states=3, channels=2),
    Bucket(states=1, channels=1),
    Bucket(states=8, channels=3, batch=(2,), initial=(2,)),
    Bucket(states=2, channels=2, batch=(3, 1), initial=(2,)),
)
OUTPUTS = (
    Bucket(5, channels=3),
    Bucket(1, channels=1),
    Bucket(17, channels=2, batch=(2,)),
    Bucket(5, channels=3, options=WEIGHTED),
)
PAIRED_SETS = (
    Bucket(states=2, channels=2),
    Bucket(states=8, channels=1),
    Bucket(states=4, channels=3, options=WEIGHTED),
)
LOSS_WEIGHTS = {"imaginary_weight": 2.0**-8, "symmetry_weight": 2.0**-6}
LOSSES = (
    Bucket(5, 2, 2),
    Bucket(3, 4, 3, batch=(2,), options=LOSS_WEIGHTS),
)


def fill_run(random: Random, bucket: Bucket, kinds: tuple[str, ...], scale: float) -> Filled:
    modulus, phase, structure, rest = kinds
    shape = (bucket.states,) if bucket.varying is None else (*bucket.varying, bucket.times, bucket.states)
    decay = decays(random, shape, modulus, phase, bucket.complex_decay)
    drive = scale * sequence(random, (*bucket.batch, bucket.times, bucket.states), structure, True)
    initial = scale * _at_rest_or_not(random, (*bucket.initial, bucket.states), rest)
    return (decay, drive, initial), f"{modulus} {phase} decay, {structure} drive, {rest}"


def fill_layer(random: Random, bucket: Bucket, kinds: tuple[str, ...], scale: float) -> Filled:
    real_part, frequency, stride, structure, matrix, rest = kinds
    shape = (*bucket.batch, bucket.times, bucket.channels)
    spectrum, input_matrix, step = _set(random, bucket, (real_part, frequency, stride, matrix))
    inputs = (
        spectrum,
        input_matrix,
        fill(random, (bucket.channels, bucket.states), matrix, True),
        random.normal(size=bucket.channels),
        step,
        scale * sequence(random, shape, structure, False),
        scale * _at_rest_or_not(random, (*bucket.initial, bucket.states), rest),
    )
    return inputs, f"{real_part} Λ, {frequency} frequencies, {stride} steps, {structure} u, {matrix} B and C, {rest}"


def fill_set(random: Random, bucket: Bucket, kinds: tuple[str, ...], scale: float) -> Filled:
    real_part, frequency, stride, matrix = kinds
    spectrum, input_matrix, step = _set(random, bucket, kinds)
    drawn = f"{real_part} Λ, {frequency} frequencies, {stride} steps, {matrix} B"
    return (spectrum, scale * input_matrix, step), drawn


def fill_step(random: Random, bucket: Bucket, kinds: tuple[str, ...], scale: float) -> Filled:
    modulus, phase, matrix = kinds
    inputs = (
        decays(random, (bucket.states,), modulus, phase),
        fill(random, (bucket.states, bucket.channels), matrix, True),
        fill(random, (bucket.channels, bucket.states), matrix, True),
        random.normal(size=bucket.channels),
        scale * state(random, (*bucket.initial, bucket.states)),
        scale * random.normal(size=(*bucket.batch, bucket.channels)),
    )
    return inputs, f"{modulus} {phase} decay, {matrix} B and C"


def fill_outputs(random: Random, bucket: Bucket, kinds: tuple[str, ...], scale: float) -> Filled:
    (structure,) = kinds
    y = scale * sequence(random, (*bucket.batch, bucket.times, bucket.channels), structure, True)
    return (y,), f"{structure} y"


def fill_pairs(random: Random, bucket: Bucket, kinds: tuple[str, ...], scale: float) -> Filled:
    """A conjugate-symmetric set whose second half is off by 2^−k, or one that has nothing to do with the first."""
    matrix, distance = kinds
    arrays = []
    for shape, axis in (
        ((bucket.states // 2,), 0),
        ((bucket.states // 2, bucket.channels), 0),
        ((bucket.channels, bucket.states // 2), 1),
    ):
        half, other = (fill(random, shape, matrix, True) for _ in range(2))
        arrays.append(np.concatenate([half, np.conj(half) + DISTANCES[distance] * other], axis=axis))
    return tuple(scale * array for array in arrays), f"{matrix} sets, {distance}"


def fill_loss(random: Random, bucket: Bucket, kinds: tuple[str, ...], scale: float) -> Filled:
    """Outputs and targets of one size, and the sets behind them."""
    structure, matrix, distance = kinds
    (y,), described = fill_outputs(random, bucket, (structure,), scale)
    target = scale * sequence(random, y.shape, "normal", False)
    sets_, of_sets = fill_pairs(random, bucket, (matrix, distance), 1.0)
    return (y, target, *sets_), f"{described}, {of_sets}"


DISTANCES = {"unrelated halves": 1.0, "nearly symmetric": 2.0**-8}
RESTS = ("from rest", "from a state")


def _set(random: Random, bucket: Bucket, kinds: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    real_part, frequency, stride, matrix = kinds
    return (
        eigenvalues(random, bucket.states, real_part, frequency),
        fill(random, (bucket.states, bucket.channels), matrix, True),
        steps(random, bucket.states, stride),
    )


def _at_rest_or_not(random: Random, shape: tuple[int, ...], rest: str) -> np.ndarray:
    return state(random, shape) * (rest != "from rest")


def strategy(
    buckets: tuple[Bucket, ...], fill_case: Callable[..., Filled], *kinds: Iterable[str]
) -> Callable[[str], st.SearchStrategy[Case]]:
    """cases(dtype): a bucket, one of each kind, a power of two as scale, and a seed.

    Only the seed is an integer: Hypothesis likes to repeat one draw in another of its kind, and cases would be alike.
    """
    combinations = tuple(product(*kinds))

    @st.composite
    def cases(draw, dtype: str) -> Case:
        bucket = draw(st.sampled_from(buckets))
        drawn_kinds = draw(st.sampled_from(combinations))
        scale = draw(st.sampled_from(SCALES[dtype]))
        seed = draw(st.integers(0, 2**32 - 1))
        return make(bucket, fill_case, drawn_kinds, scale, seed, dtype)

    return cases


def make(
    bucket: Bucket, fill_case: Callable[..., Filled], kinds: tuple[str, ...], scale: int, seed: int, dtype: str
) -> Case:  # fmt: skip
    inputs, drawn = fill_case(np.random.default_rng(seed), bucket, kinds, 2.0**scale)
    case = Case((), dtype, seed, dict(bucket.options), f"{bucket}, {drawn}, scale 2^{scale}")
    return case.with_inputs(*map(np.asarray, inputs))


runs = strategy(RUNS, fill_run, MODULI, PHASES, STRUCTURES, RESTS)
layers = strategy(LAYERS, fill_layer, REAL_PARTS, FREQUENCIES, STEPS, STRUCTURES, STRUCTURES, RESTS)
sets = strategy(SETS, fill_set, REAL_PARTS, FREQUENCIES, STEPS, STRUCTURES)
one_steps = strategy(ONE_STEPS, fill_step, MODULI, PHASES, STRUCTURES)
outputs = strategy(OUTPUTS, fill_outputs, STRUCTURES)
paired_sets = strategy(PAIRED_SETS, fill_pairs, STRUCTURES, DISTANCES)
losses = strategy(LOSSES, fill_loss, STRUCTURES, STRUCTURES, DISTANCES)
