"""Rows of S5: a scan with constant decays that forget within a thousand times, and the whole layer."""

import numpy as np

from properties.inputs import s5 as s5_inputs
from properties.inputs.s5 import Bucket
from tests.benchmarks.job import (
    BACKWARD,
    BOTH,
    COMPLEX,
    FORWARD,
    REAL,
    SMOKE,
    Job,
    Peer,
    Shape,
    complex_normal,
    normal,
)
from tests.benchmarks.one_bucket import judged_in

# As wide as what is timed, and long enough for the tiles of a run to hand on their states.
RUN = Bucket(300, 20, batch=(2,), initial=(2,))
LAYERS = tuple(Bucket(200, 64, channels, batch=(2,), initial=(2,)) for channels in (128, 32))
KINDS_OF_RUN = ("contracting", "turning", "normal", "from a state")
KINDS_OF_LAYER = ("damped", "drawn", "usual", "normal", "normal", "from a state")
LONGEST_MEMORY = 1000.0  # times
BEYOND_FILTERS = 2**24  # states


def draw_run(random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    batch, times, states = shape
    modulus = 1 - 1 / random.uniform(2, LONGEST_MEMORY, states)
    decay = (modulus * np.exp(1j * random.uniform(-np.pi, np.pi, states))).astype(np.complex64)
    return decay, complex_normal(random, batch, times, states), complex_normal(random, batch, states)


def scan_bytes(direction: str, shape: Shape) -> int:
    """A state: forward reads its drive and writes it; backward reads its cotangent and itself and writes a gradient."""
    batch, times, states = shape
    sequence, ends = COMPLEX * batch * times * states, COMPLEX * (batch + 1) * states
    forward, backward = 2 * sequence + ends, 3 * sequence + 2 * ends
    return {FORWARD: forward, BACKWARD: backward, BOTH: forward + backward}[direction]


def draw_layer(random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    batch, times, channels, states = shape
    return (
        (-0.5 + 1j * np.pi * np.arange(states)).astype(np.complex64),
        complex_normal(random, states, channels) / np.float32(np.sqrt(channels)),
        complex_normal(random, channels, states) / np.float32(np.sqrt(states)),
        normal(random, channels),
        np.exp(random.uniform(np.log(1e-3), np.log(1e-1), states)).astype(np.float32),
        normal(random, batch, times, channels),
        complex_normal(random, batch, states),
    )


def layer_cotangents(random: np.random.Generator, shape: Shape) -> tuple[np.ndarray, ...]:
    batch, times, channels, states = shape
    return normal(random, batch, times, channels), complex_normal(random, batch, states)


def layer_bytes(direction: str, shape: Shape) -> int:
    """Forward reads u and writes y; backward reads u and the cotangent of y and writes the gradient of u."""
    batch, times, channels, states = shape
    sequence, own = REAL * batch * times * channels, COMPLEX * (2 * channels + 2 + batch) * states
    return {FORWARD: 2 * sequence + own, BACKWARD: 3 * sequence + 2 * own, BOTH: 5 * sequence + 3 * own}[direction]


def layer_flops(direction: str, shape: Shape) -> int:
    """Real times complex, and the real part of complex times complex: two real products each; twice that backward."""
    batch, times, channels, states = shape
    forward = 2 * (2 * 2 * batch * times * channels * states)
    return {FORWARD: forward, BACKWARD: 2 * forward, BOTH: 3 * forward}[direction]


def states_in_memory(
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial, *, method="zoh", pairs="half"
):  # fmt: skip
    """The layer by way of an array of all states: the library's product, the scan, the library's product."""
    from impl.torch import s5
    from impl.torch.s5_discretization import factors

    system = *factors(eigenvalues, step, method), input_matrix, output_matrix, feedthrough
    return s5.through_memory(*system, u, initial, pairs)


def _filtered(shape: Shape, memory: int) -> str:
    states = int(np.prod(shape))
    return f"one filter a channel; timed up to {BEYOND_FILTERS} states, not {states}" if states > BEYOND_FILTERS else ""


JOBS = (
    Job(
        "s5.scan",
        (FORWARD, BOTH),
        ("B", "T", "P"),
        {
            "cuda": ((16, 16_384, 128), (8, 1_000_000, 32), (1, 1_048_576, 32)),
            "cpu": ((1, 1000, 16), (16, 1000, 64), (1, 100_000, 32)),
            SMOKE: ((1, 17, 2),),
        },
        draw_run,
        lambda random, shape: (complex_normal(random, *shape),),
        scan_bytes,
        judged_in(lambda seed, dtype: s5_inputs.make(RUN, s5_inputs.fill_run, KINDS_OF_RUN, 0, seed, dtype)),
        (
            Peer(
                "jax.lax.associative_scan", "jax", "impl.libraries.s5:jax_associative_scan", directions=(FORWARD, BOTH)
            ),
            Peer("scipy.signal.lfilter", "numpy", "impl.libraries.s5:scipy_lfilter", too_much=_filtered),
            Peer(
                "accelerated-scan",
                "torch",
                "impl.libraries.s5:accelerated_scan",
                directions=(FORWARD, BOTH),
                requires="accelerated_scan",
                devices=("cuda",),
            ),
        ),
    ),
    Job(
        "s5.apply",
        (FORWARD, BOTH),
        ("B", "T", "H", "P"),
        {"cuda": ((16, 16_384, 128, 64), (16, 16_384, 32, 64)), "cpu": ((4, 1000, 64, 32),), SMOKE: ((1, 17, 3, 2),)},
        draw_layer,
        layer_cotangents,
        layer_bytes,
        judged_in(
            lambda seed, dtype: s5_inputs.make(LAYERS[seed % 2], s5_inputs.fill_layer, KINDS_OF_LAYER, 0, seed, dtype)
        ),
        (
            Peer(
                "states in memory",
                "torch",
                "tests.benchmarks.s5:states_in_memory",
                directions=(FORWARD, BOTH),
                library=False,
            ),
            Peer("s5-pytorch", "torch", "impl.libraries.s5:s5_pytorch", requires="s5"),
        ),
        flops_at_least=layer_flops,
    ),
)
