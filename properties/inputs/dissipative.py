"""Features, weights, potentials and chains of the dissipative row."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from properties.case import Case
from properties.inputs.structures import STRUCTURES, fill

STRUCTURE_NAMES = tuple(STRUCTURES)


@dataclass(frozen=True)
class Features:
    """Shapes of the layer's arrays."""

    sites: int
    features: int
    batch: tuple[int, ...] = ()
    bonds: tuple[int, ...] = ()
    shift: tuple[int, ...] = ()


FEATURES = (
    Features(3, 2),
    Features(1, 4, (2,)),
    Features(8, 3, (3,), (3,), (3,)),
    Features(17, 5),
    Features(6, 1, (2, 2)),
)
# Logits far below zero, where softplus underflows; far above, where it is its argument.
SCALES = {"float32": (0, 0, 2, -10, 5), "float64": (0, 0, 2, -10, 8)}
DECAYS = ({"base_decay": 0.01}, {"base_decay": 0.0}, {"base_decay": 1.0})


def fill_features(bucket: Features, structures: tuple[str, str], scale: int, seed: int, dtype: str) -> Case:
    """x and both weights; the decay's logits are 2^scale in size, below zero more often than above."""
    random = np.random.default_rng(seed)
    x = fill(random, (*bucket.batch, bucket.sites, bucket.features), structures[0])
    value, decay = (fill(random, (bucket.features,), structures[1]) for _ in range(2))
    shapes = f"{bucket.sites} sites, {bucket.features} features"
    drawn = f"{shapes}, {structures[0]} x, {structures[1]} weights, logits 2^{scale}"
    return Case((), dtype, seed, drawn=drawn).with_inputs(x, value, decay * 2.0**scale)


@st.composite
def features(draw, dtype: str) -> Case:
    bucket = draw(st.sampled_from(FEATURES))
    structures = draw(st.sampled_from(STRUCTURE_NAMES)), draw(st.sampled_from(STRUCTURE_NAMES))
    scale, options = draw(st.sampled_from(SCALES[dtype])), draw(st.sampled_from(DECAYS))
    case = fill_features(bucket, structures, scale, draw(st.integers(0, 2**32 - 1)), dtype)
    return replace(case, options=options, drawn=f"{case.drawn}, {options}")


@st.composite
def layers(draw, dtype: str) -> Case:
    bucket = draw(st.sampled_from(FEATURES))
    structures = draw(st.sampled_from(STRUCTURE_NAMES)), draw(st.sampled_from(STRUCTURE_NAMES))
    case = fill_features(bucket, structures, 0, draw(st.integers(0, 2**32 - 1)), dtype)
    return with_bonds(case, bucket)


def with_bonds(case: Case, bucket: Features) -> Case:
    random = case.random()
    bonds = (*bucket.bonds, bucket.sites - 1)
    upper, lower = (random.normal(size=bonds) for _ in range(2))
    shift = random.normal(size=bucket.shift) + 1j * random.choice([0.25, 1, 4], size=bucket.shift)
    return replace(case, options=DECAYS[0]).with_inputs(*case.inputs, upper, lower, np.asarray(shift))


@dataclass(frozen=True)
class Chain:
    """Shapes and kinds of a chain and a state."""

    sites: int
    batch: tuple[int, ...] = ()
    state: tuple[int, ...] = ()
    complex_bonds: bool = False


CHAINS = (Chain(3), Chain(1), Chain(8, (2,), (2,), True), Chain(16), Chain(5, (), (3,)))
TIMES = (1.0, 0.25, -0.5, 0.0)
GENERATORS = ("dissipative", "hermitian", "uniform decay", "general")


def fill_chain(bucket: Chain, kind: str, structures: tuple[str, str], seed: int, dtype: str) -> Case:
    """main, upper, lower, state; H is normalised to norm 2 at most, for e^{‖H‖t} bounds what a general H does."""
    random = np.random.default_rng(seed)
    bonds = (*bucket.batch, bucket.sites - 1)
    main = fill(random, (*bucket.batch, bucket.sites), structures[0]) + 0j
    upper = fill(random, bonds, structures[1], bucket.complex_bonds)
    lower = fill(random, bonds, structures[1], bucket.complex_bonds)
    if kind != "general":
        lower = np.conj(upper)
    if kind == "dissipative":
        main = main - 1j * np.abs(random.normal(size=main.shape))
    elif kind == "uniform decay":
        main = main - 0.5j
    elif kind == "general":
        main = main + 1j * random.normal(size=main.shape)
    largest = max(float(np.max(np.abs(band), initial=0)) for band in (main, upper, lower))
    scale = 2.0 ** -np.ceil(np.log2(max(largest, 1.0)))
    state = fill(random, (*bucket.state, bucket.sites), "normal", True)
    drawn = f"{bucket.sites} sites, {kind}, {structures[0]} main, {structures[1]} bonds"
    return Case((), dtype, seed, drawn=drawn).with_inputs(main * scale, upper * scale, lower * scale, state)


@st.composite
def chains(draw, dtype: str) -> Case:
    place = draw(st.sampled_from(range(len(CHAINS))))
    kind = draw(st.sampled_from(GENERATORS))
    structures = draw(st.sampled_from(STRUCTURE_NAMES)), draw(st.sampled_from(STRUCTURE_NAMES))
    case = fill_chain(CHAINS[place], kind, structures, draw(st.integers(0, 2**32 - 1)), dtype)
    time = TIMES[place % len(TIMES)]
    return replace(case, options={"time": time}, drawn=f"{case.drawn}, time {time}")


POTENTIALS = (
    ((3,), 2),
    ((1,), 1.5),
    ((2, 8), 1),
    ((40,), float("inf")),
    ((5,), 4),
    ((7,), 1.5),
    ((3, 2), float("inf")),
)
SPREAD = ((9,), (2, 8), (40,), (3, 2, 11))  # not one of them without motion
POTENTIAL_SCALES = {"float32": (0, 0, 66, -66), "float64": (0, 0, 400, -400)}


@st.composite
def potentials(draw, dtype: str) -> Case:
    shape = draw(st.sampled_from(SPREAD))
    structure, scale = draw(st.sampled_from(STRUCTURE_NAMES)), draw(st.sampled_from(POTENTIAL_SCALES[dtype]))
    return fill_potential(shape, structure, scale, draw(st.integers(0, 2**32 - 1)), dtype)


@st.composite
def normed_potentials(draw, dtype: str) -> Case:
    shape, p = draw(st.sampled_from(POTENTIALS))
    structure, scale = draw(st.sampled_from(STRUCTURE_NAMES)), draw(st.sampled_from(POTENTIAL_SCALES[dtype]))
    case = fill_potential(shape, structure, scale, draw(st.integers(0, 2**32 - 1)), dtype)
    return replace(case, options={"p": p}, drawn=f"{case.drawn}, p {p}")


def fill_potential(shape: tuple[int, ...], structure: str, scale: int, seed: int, dtype: str) -> Case:
    """V − iΓ with Γ ≥ 0 and V of that structure, times 2^scale."""
    random = np.random.default_rng(seed)
    values, decays = fill(random, shape, structure), np.abs(random.normal(size=shape))
    drawn = f"shape {shape}, {structure} V, scale 2^{scale}"
    return Case((), dtype, seed, drawn=drawn).with_inputs((values - 1j * decays) * 2.0**scale)
