"""The Kuramoto row: kernels, bad inputs, empty cases."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from properties.case import BadInput, Case
from properties.half_precision import HALVES, SINGLE_INSIDE
from properties.inputs import kuramoto as drawn
from properties.kernel import Kernel
from properties.laws import kuramoto as laws
from properties.laws.several_tiles import several_tiles

ATTENTION = ("q", "k", "v", "lag")
COUPLING = ("phase", "frequency", "coupling", "lag")
SMALL = drawn.BUCKETS[4]


def _attention(dtype: str, seed: int = 0, **changes) -> Case:
    return drawn.fill_case(replace(SMALL, **changes), ("normal", "normal"), 0.5, 0.5, seed, dtype)


def _oscillators(dtype: str, seed: int = 0, size: int = 7, batches: tuple = ((2,), ())) -> Case:
    return drawn.fill_oscillators(size, batches, "normal", 1.0, 0.5, seed, dtype)


def _bad(make: Callable[..., Case], arguments: tuple[str, ...]) -> Callable[[str, str, Callable], BadInput]:
    def bad(argument: str, what: str, change: Callable[[np.ndarray], np.ndarray]) -> BadInput:
        def apply(case: Case):
            inputs = list(map(np.asarray, make(case.dtype, case.seed).inputs))
            inputs[arguments.index(argument)] = change(inputs[arguments.index(argument)])
            return tuple(inputs), {}

        return BadInput(argument, what, apply)

    return bad


bad_attention, bad_coupling = _bad(_attention, ATTENTION), _bad(_oscillators, COUPLING)


def _empty_attention(dtype: str) -> tuple[Case, ...]:
    changes: dict[str, dict] = {
        "no key": {"keys": 0},
        "no query": {"times": 0},
        "no channel": {"channels": 0},
        "no value channel": {"value_channels": 0},
        "no row": {"batch": (0,), "keys_batch": ()},
    }
    return tuple(replace(_attention(dtype, **change), drawn=what) for what, change in changes.items())


def _empty_oscillators(dtype: str) -> tuple[Case, ...]:
    return _oscillators(dtype, size=0), _oscillators(dtype, batches=((0,), ()))


KERNELS = (
    Kernel(
        "kuramoto.attend",
        inputs=drawn.cases,
        core=(2, 2, 2, 0),
        laws=(*laws.ATTENTION, *several_tiles(drawn.large_case)),
        refuses=(
            bad_attention("q", "a query without an axis of times", lambda x: x[0, 0, 0]),
            bad_attention("k", "keys with more channels than the queries", lambda x: np.concatenate([x, x], -1)),
            bad_attention("v", "values for fewer keys", lambda x: x[..., 1:, :]),
            bad_attention("lag", "a lag for each channel", lambda x: np.ones(3)),
            bad_attention("q", "integers as queries", lambda x: np.ones(x.shape, np.int64)),
        ),
        empty=_empty_attention,
        dtypes=("float32", "float64", *HALVES),
        variants=SINGLE_INSIDE,
        arguments=ATTENTION,
    ),
    Kernel(
        "kuramoto.phase_coupling",
        inputs=drawn.oscillators,
        core=(1, 1, 0, 0),
        laws=laws.OSCILLATORS,
        refuses=(
            bad_coupling("phase", "a scalar phase", lambda x: x[0, 0]),
            bad_coupling("frequency", "frequencies of fewer oscillators", lambda x: x[1:]),
            bad_coupling("coupling", "a coupling for each oscillator", lambda x: np.ones(7)),
            bad_coupling("lag", "a lag for each oscillator", lambda x: np.ones(7)),
        ),
        empty=_empty_oscillators,
        arguments=COUPLING,
    ),
)
