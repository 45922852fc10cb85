"""Rows of the tridiagonal systems: Hermitian H of size about 1 in single precision, Im z = 1."""

import functools
import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from properties.case import Case
from properties.implementation import Implementation
from properties.law import Law
from properties.laws.long_chains import long_chain_gradients, long_chain_values
from properties.systems.tridiagonal import BROADENINGS, KINDS, SCALES, STRUCTURE_PAIRS, Bucket, fill_case
from tests.benchmarks.job import BACKWARD, BOTH, COMPLEX, FORWARD, REAL, SMOKE, Job, Shape, complex_normal, normal
from tests.benchmarks.tridiagonal.peers import PEERS

# Real H and complex shifts, as timed, so that the code judged is the code timed; one shape, to compile once.
JUDGED_SHAPE = Bucket(17, main=(4,), bonds=(4,), shift=(4,))
SHORTEST_LONG_CHAIN = 1000
SHAPES = {
    "cuda": ((1024, 4096), (4, 1_048_576), (1, 1_000_000), (16_384, 256), (65_536, 64)),
    "cpu": ((1, 16), (64, 16), (64, 256), (16, 4096), (1, 100_000)),
    SMOKE: ((1, 16),),
}


def judged(dtype: str) -> st.SearchStrategy[Case]:
    """Every kind, structure and scale of the row, in one shape."""
    return st.builds(
        fill_case,
        st.just(JUDGED_SHAPE),
        st.sampled_from(KINDS),
        st.sampled_from(STRUCTURE_PAIRS),
        st.sampled_from(SCALES[dtype]),
        st.sampled_from(BROADENINGS),
        st.integers(0, 2**32 - 1),
        st.just(dtype),
    )


def draw(random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    chains, sites = shape
    bonds = normal(random, chains, sites - 1)
    return 2 * normal(random, chains, sites), bonds, bonds.copy(), normal(random, chains) + np.complex64(1j)


def bytes_at_least(result_axes: int, direction: str, shape: Shape) -> int:
    """Each pass reads its inputs once and writes its outputs once: 20 bytes a site forward for the diagonal of a real
    H, and 32 backward, whose outputs have the shapes of the inputs."""
    chains, sites = shape
    data = chains * ((3 * sites - 2) * REAL + COMPLEX)
    result = COMPLEX * math.prod(shape[:result_axes])
    forward, backward = data + result, 2 * data + result
    return {FORWARD: forward, BACKWARD: backward, BOTH: forward + backward}[direction]


def long_chains(shape: Shape) -> tuple[Law, ...]:
    """A chain as long as the timed one."""
    sites = shape[-1]
    if sites < SHORTEST_LONG_CHAIN:
        return ()

    def chain(case: Case, implementation: Implementation) -> Case:
        random = case.random()
        bonds = random.normal(size=sites - 1)
        main, shift = 2 * random.normal(size=sites), np.asarray(random.normal() + 1j)
        return case.with_inputs(main, bonds, bonds, shift, drawn=f"chain of {sites} sites")

    return replace(long_chain_values, adapt=chain), replace(long_chain_gradients, adapt=chain)


AXES = ("B", "N")
JOBS = (
    Job(
        "tridiagonal.resolvent_diagonal",
        (FORWARD, BACKWARD, BOTH),
        AXES,
        SHAPES,
        draw,
        lambda random, shape: (complex_normal(random, *shape),),
        functools.partial(bytes_at_least, 2),
        judged,
        PEERS,
        long_chains,
    ),
    Job(
        "tridiagonal.log_determinant",
        (FORWARD,),
        AXES,
        SHAPES,
        draw,
        lambda random, shape: (complex_normal(random, shape[0]),),
        functools.partial(bytes_at_least, 1),
        judged,
    ),
)
