"""The diagnostics row: sets of arrays, ordinary, spoiled, huge and tiny."""

import numpy as np
from hypothesis import strategies as st

from properties.case import BadInput, Case
from properties.half_precision import HALVES, SINGLE_INSIDE
from properties.inputs.structures import STRUCTURES, fill
from properties.kernel import Kernel
from properties.laws.diagnostics import MAGNITUDES
from properties.laws.several_tiles import several_tiles

# (shape, complex): scalars, empty arrays, a matrix, a long vector.
SETS = (
    (((3, 4), False), ((5,), False)),
    (((), False), ((7,), False), ((2, 3, 2), False), ((1,), False)),
    (((0,), False), ((4, 4), False)),
    (((300,), False), ((2, 2), False), ((3,), True)),
)
SCALES = {
    "float64": (0, -500, 500, 10, -10),
    "float32": (0, -60, 66, 10, -10),
    "float16": (0, 2, -2),
    "bfloat16": (0, -60, 66, 10, -10),
}
SPOILS = ("nothing", "one NaN", "infinities", "zeros", "everything")


def fill_case(shapes: tuple, structure: str, spoil: str, scale: int, seed: int, dtype: str) -> Case:
    random = np.random.default_rng(seed)
    own = [(shape, is_complex and dtype not in HALVES) for shape, is_complex in shapes]
    arrays = [
        _spoiled(2.0**scale * fill(random, shape, structure, is_complex), spoil, random) for shape, is_complex in own
    ]
    drawn = f"{len(arrays)} {structure} arrays, {spoil} spoiled, scale 2^{scale}"
    return Case((), dtype, seed, drawn=drawn).with_inputs(*arrays)


def _spoiled(array: np.ndarray, spoil: str, random: np.random.Generator) -> np.ndarray:
    bad = random.random(array.shape) < 0.25
    if spoil == "one NaN":
        return np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array)
    if spoil == "infinities":
        return np.where(bad, np.inf * random.choice([-1, 1]), array)
    if spoil == "zeros":
        return np.where(bad, 0, array)
    return np.full_like(array, np.nan) if spoil == "everything" else array


@st.composite
def cases(draw, dtype: str) -> Case:
    """A set of shapes, structure, what is spoiled, scale and a seed."""
    return fill_case(
        draw(st.sampled_from(SETS)),
        draw(st.sampled_from(tuple(STRUCTURES))),
        draw(st.sampled_from(SPOILS)),
        draw(st.sampled_from(SCALES[dtype])),
        draw(st.integers(0, 2**32 - 1)),
        dtype,
    )


def _large(case: Case) -> Case:
    """More elements than a piece of any kernel's, not a multiple of it, beside small arrays."""
    shapes = (((70_001,), False), ((20_000,), True), ((3, 5), False))
    return fill_case(shapes, "normal", SPOILS[case.seed % 3 * 2 % 5], 0, case.seed, case.dtype)


def _of_integers(case: Case):
    return (np.ones(3, np.int64),), {}


KERNELS = (
    Kernel(
        "diagnostics.magnitudes",
        inputs=cases,
        core=(),
        laws=(*MAGNITUDES, *several_tiles(_large, gradients=False)),
        refuses=(BadInput("arrays[0]", "an array of integers", _of_integers),),
        dtypes=("float32", "float64", *HALVES),
        variants=SINGLE_INSIDE,
        arguments=("arrays",),
        gathers=True,
    ),
)
