"""Where the training of an S5 layer starts."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.s5_reports import hippo_n

SHORTEST_STEP, LONGEST_STEP = 0.001, 0.1  # Δ is drawn log-uniformly between them (Smith et al. 2023)


class Initialisation(NamedTuple):
    """The kept half of Λ for P states, and whether B and C are drawn real."""

    eigenvalues: Callable[[int, jnp.dtype], Array]
    real_matrices: bool


def _kept_half(states: int, dtype: jnp.dtype) -> Array:
    """HiPPO-N: Re = −½, Im > 0."""
    return hippo_n(2 * states, dtype=jnp.result_type(dtype, jnp.complex64))[states:]


def _diagonal(states: int, dtype: jnp.dtype) -> Array:
    """−1, −2, …, −P, the diagonal of HiPPO-LegS: nothing oscillates."""
    return -jnp.arange(1, states + 1, dtype=dtype) + 0j


INITIALISATIONS = {
    "hippo-n": Initialisation(_kept_half, False),
    # All imaginary gradients are exactly 0, and remain so: a saddle that no descent leaves.
    "real": Initialisation(_diagonal, True),
    # Off the saddle, but without a frequency to begin with.
    "real-eigenvalues": Initialisation(_diagonal, False),
}


@partial(jax.jit, static_argnames=("states", "channels", "initialisation", "pairs", "dtype"))
def draw(
    key: Array, states: int, channels: int, initialisation: str, pairs: str, dtype: jnp.dtype
) -> dict[str, Array]:  # fmt: skip
    """The parameters of the layer by name: E|B|² = 1/H, E|C|² = 1/P, D normal, Δ log-uniform."""
    chosen = INITIALISATIONS[initialisation]
    of_inputs, of_outputs, of_feedthrough, of_steps = jax.random.split(key, 4)
    eigenvalues = chosen.eigenvalues(states, dtype)
    input_matrix = _normal(of_inputs, (states, channels), chosen.real_matrices, dtype) / math.sqrt(channels)
    output_matrix = _normal(of_outputs, (channels, states), chosen.real_matrices, dtype) / math.sqrt(states)
    if pairs == "full":
        eigenvalues = jnp.concatenate([eigenvalues, eigenvalues.conj()])
        input_matrix = jnp.concatenate([input_matrix, _conjugate(input_matrix)])
        output_matrix = jnp.concatenate([output_matrix, _conjugate(output_matrix)], axis=1)
    uniform = jax.random.uniform(of_steps, (states,), dtype)
    return {
        "log_damping": jnp.log(-eigenvalues.real),
        "frequency": eigenvalues.imag,
        "input_matrix": input_matrix,
        "output_matrix": output_matrix,
        "feedthrough": jax.random.normal(of_feedthrough, (channels,), dtype),
        "log_step": math.log(SHORTEST_STEP) + math.log(LONGEST_STEP / SHORTEST_STEP) * uniform,
    }


def _normal(key: Array, shape: tuple[int, int], real: bool, dtype: jnp.dtype) -> Array:
    """Independent normal entries, E|x|² = 1, as pairs of real and imaginary part."""
    if real:
        entries = jax.random.normal(key, shape, dtype)
        return jnp.stack([entries, jnp.zeros_like(entries)], -1)
    return jax.random.normal(key, (*shape, 2), dtype) / math.sqrt(2)


def _conjugate(parts: Array) -> Array:
    return jnp.stack([parts[..., 0], -parts[..., 1]], -1)
