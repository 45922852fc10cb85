"""Gradient sets to clip: shapes, magnitudes from tiny to nearly overflowing, and what must not be there."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from properties.case import Case
from properties.inputs.structures import STRUCTURES, fill
from properties.representable import representable
from reference.clipping import global_norm


@dataclass(frozen=True)
class Array:
    """Shape and kind of one array of a set."""

    shape: tuple[int, ...]
    is_complex: bool = False


SETS: tuple[tuple[Array, ...], ...] = (
    (Array((3,)), Array((2, 2))),
    (Array(()),),
    (Array((2, 3)), Array((4,), True), Array(())),
    (Array((1,), True),),
    (Array((5,)), Array((0, 3)), Array((2, 1), True)),
    (Array((33, 7)), Array((64,)), Array((7,)), Array((1,))),
    tuple(Array((3,), index % 3 == 0) for index in range(7)),
)
LARGE = (Array((100, 93)), Array((3_001,), True), Array((9_000,)), Array((2,)))
# Few pairs of shapes and bounds: a compiling framework compiles each anew.
BOUNDED = (
    (SETS[0], 1.0),
    (SETS[2], 0.1),
    (SETS[1], 1.0),
    (SETS[4], float("inf")),
    (SETS[5], 3.0),
    (SETS[3], 0.0),
    (SETS[6], 2.0**-90),
)
SINGLES = (
    ((Array((3,)),), 1.0),
    ((Array((2, 3), True),), 0.1),
    ((Array(()),), float("inf")),
    ((Array((40, 5)),), 3.0),
    ((Array((3,)),), 0.0),
)

KINDS = ("plain", "plain", "far apart", "zero", "one element", "some arrays zero")
# Norms near the range's ends, where squares overflow or vanish, and ratios norm/max_norm around 1.
SCALES = {
    "float32": (0, 0, -3, 3, 66, -66, -90, 112, 10),
    "float64": (0, 0, -3, 3, 600, -600, -100, 1000, 10),
}
SHARES = (0.3, 0.0, 0.05, 1.0)  # of what is not finite
HISTORIES = ((SETS[0], 7, 0.9), (SETS[2], 32, 0.5), (SETS[1], 1, 0.9), (SETS[4], 2, 0.75), (SETS[0], 3, 0.0))
NOISY: tuple[tuple[tuple[Array, ...], dict], ...] = (
    (SETS[0], {"scale": 1.0}),
    (SETS[2], {"scale": 0.01, "step": 10}),
    (SETS[4], {"scale": 0.0}),
    (SETS[5], {"scale": 3.0, "step": 7, "decay": 1.0}),
)


def fill_set(arrays: tuple[Array, ...], kind: str, structure: str, scale: int, seed: int, dtype: str) -> Case:
    """A set of that kind, times 2^scale."""
    random = np.random.default_rng(seed)
    drawn = [fill(random, array.shape, structure, array.is_complex) for array in arrays]
    if kind == "zero":
        drawn = [0 * g for g in drawn]
    elif kind == "one element":  # a norm without rounding
        drawn = [0 * g for g in drawn]
        chosen = next(index for index, g in enumerate(drawn) if g.size)
        drawn[chosen] = drawn[chosen] + (np.arange(drawn[chosen].size).reshape(drawn[chosen].shape) == 0)
    elif kind == "far apart":
        exponents = {"float32": 40, "float64": 400}[dtype]
        drawn = [g * 2.0 ** random.integers(-exponents, 1, size=g.shape) for g in drawn]
    elif kind == "some arrays zero":
        drawn = [g * (index % 2) for index, g in enumerate(drawn)]
    described = f"{len(arrays)} arrays, {sum(g.size for g in drawn)} elements, {kind}, {structure}, scale 2^{scale}"
    return Case((), dtype, seed, drawn=described).with_inputs(*(_normal(g * 2.0**scale, dtype) for g in drawn))


def _normal(gradient: np.ndarray, dtype: str) -> np.ndarray:
    """Without subnormal numbers: devices may read them as 0, and 0 is not clipped."""
    tiny = float(np.finfo(dtype).tiny)
    parts = [np.where(np.abs(part) < tiny, 0.0, part) for part in (np.real(gradient), np.imag(gradient))]
    return parts[0] + 1j * parts[1] if np.iscomplexobj(gradient) else parts[0]


@st.composite
def gradient_sets(draw, dtype: str, sets: tuple = SETS) -> Case:
    return draw(filled(draw(st.sampled_from(sets)), dtype))


@st.composite
def filled(draw, arrays: tuple[Array, ...], dtype: str) -> Case:
    """Only the seed is an integer, so that cases are not alike."""
    kind, structure = draw(st.sampled_from(KINDS)), draw(st.sampled_from(tuple(STRUCTURES)))
    scale = draw(st.sampled_from(SCALES[dtype]))
    return fill_set(arrays, kind, structure, scale, draw(st.integers(0, 2**32 - 1)), dtype)


@st.composite
def clipped_sets(draw, dtype: str, bounded: tuple = BOUNDED) -> Case:
    arrays, max_norm = draw(st.sampled_from(bounded))
    case = draw(filled(arrays, dtype))
    return replace(case, options={"max_norm": max_norm}, drawn=f"{case.drawn}, max_norm {max_norm:.3g}")


def large_set(case: Case) -> Case:
    """A set of more elements than a block of any kernel's, of order 1."""
    return fill_set(LARGE, "plain", "normal", 0, case.seed, case.dtype)


def large_clipped_set(case: Case) -> Case:
    """One whose norm is about twice or half the bound."""
    large = large_set(case)
    bound = float(np.exp2(np.rint(np.log2(global_norm(list(large.inputs)))) + case.seed % 2 * 2 - 1))
    return replace(large, options={"max_norm": bound}, drawn=f"{large.drawn}, max_norm {bound:g}")


def large_broken_set(case: Case) -> Case:
    return spoiled(large_set(case), SHARES[0])


def large_broken_clipped_set(case: Case) -> Case:
    return spoiled(large_clipped_set(case), SHARES[2])


def single_arrays(dtype: str) -> st.SearchStrategy[Case]:
    return clipped_sets(dtype, SINGLES)


def broken_sets(dtype: str) -> st.SearchStrategy[Case]:
    """Sets where NaN and ±∞ stand in some elements, in one part or both of a complex one."""
    return st.builds(spoiled, gradient_sets(dtype), st.sampled_from(SHARES))


def broken_clipped_sets(dtype: str) -> st.SearchStrategy[Case]:
    return st.builds(spoiled, clipped_sets(dtype), st.sampled_from(SHARES))


def spoiled(case: Case, share: float) -> Case:
    """About that share of the parts replaced by NaN or ±∞."""
    random = case.random()
    inputs = tuple(_spoil(random, g, share) for g in case.inputs)
    return replace(case, inputs=inputs, drawn=f"{case.drawn}, {share:.0%} not finite")


def _spoil(random: np.random.Generator, gradient: np.ndarray, share: float) -> np.ndarray:
    gradient = np.array(gradient)
    parts = gradient.view(float) if gradient.ndim else gradient.reshape(1).view(float)
    chosen = random.random(parts.shape) < share
    parts[...] = np.where(chosen, random.choice([np.nan, np.inf, -np.inf], size=parts.shape), parts)
    return parts.view(gradient.dtype).reshape(gradient.shape)


@st.composite
def sets_with_history(draw, dtype: str) -> Case:
    """A set and past norms: some far from its own, some equal."""
    arrays, window, quantile = draw(st.sampled_from(HISTORIES))
    case = draw(filled(arrays, dtype))
    structure = draw(st.sampled_from(("normal", "few_valued", "constant", "increasing")))
    random = case.random()
    norm = float(global_norm(list(case.inputs)))
    history = np.abs(fill(random, (window,), structure)) * (norm or 1.0)
    drawn = f"{case.drawn}, {window} past norms, quantile {quantile}"
    inputs = (*case.inputs, representable(history, dtype))
    return replace(case, inputs=inputs, options={"quantile": quantile}, drawn=drawn)


@st.composite
def sets_with_key(draw, dtype: str) -> Case:
    arrays, options = draw(st.sampled_from(NOISY))
    case = draw(filled(arrays, dtype))
    key = case.random().integers(0, 2**32, size=2).astype(np.uint32)
    return replace(case, inputs=(*case.inputs, key), options=options, drawn=f"{case.drawn}, {options}")
