"""S5 as a layer: a pytree of parameters that an optimiser may move anywhere, and what training asks of them.

y (…, T, H) of x' = Λ x + B u, y = 2 Re(C x) + D u, sampled at the steps Δ, for u (…, T, H). The parameters are a dict
of real arrays, none clipped or bounded: `log_damping` (P) and `frequency` (P) with Λ = −exp(log_damping) + i·frequency,
so that Re Λ < 0 wherever an optimiser goes and no clamp is needed, which would stop the gradient; `input_matrix`
(P, H, 2) and `output_matrix` (H, P, 2), the real and imaginary parts of B and C, apart, so that no optimiser needs a
convention for complex gradients; `feedthrough` (H); `log_step` (P) with Δ = exp(log_step). A full set has 2P explicit
states that share P steps: y is complex then, and the penalties of `loss` keep it nearly real.
Source: Smith, Warrington, Linderman, Simplified State Space Layers for Sequence Modeling, 2023.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from impl.jax import s5
from impl.jax.s5_arguments import check_choice, check_sizes
from impl.jax.s5_initialisation import INITIALISATIONS, draw

Parameters = Mapping[str, Array]


class Sets(NamedTuple):
    """A full set, concatenated: eigenvalues (2P), input_matrix (2P, H), output_matrix (H, 2P), step (2P)."""

    eigenvalues: Array
    input_matrix: Array
    output_matrix: Array
    step: Array


def init(
    key: Array, states: int, channels: int, *, pairs: str = "half", initialisation: str = "hippo-n",
    dtype: jnp.dtype = jnp.float32,
) -> dict[str, Array]:  # fmt: skip
    """Parameters for P = states and H = channels, whole numbers ≥ 1, drawn from `key`.

    pairs="half" keeps one state of each conjugate pair, "full" holds both, conjugate to begin with; initialisation is
    one of `INITIALISATIONS`. Raises ValueError and TypeError for what does not fit.
    """
    check_sizes(states=states, channels=channels)
    check_choice("pairs", pairs, ("half", "full"))
    check_choice("initialisation", initialisation, tuple(INITIALISATIONS))
    if jax.dtypes.canonicalize_dtype(dtype) != dtype or dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"dtype: expected float32, or float64 where jax_enable_x64 is on, got {dtype}")
    return draw(key, states, channels, initialisation, pairs, dtype)


def apply(parameters: Parameters, u: Array, initial: Array | None = None, *, method: str = "zoh") -> Array:
    """y (…, T, H) for u (…, T, H) real, from the state `initial` (…, P), zero if left out."""
    return run(parameters, u, initial, method=method)[0]


def run(parameters: Parameters, u: Array, initial: Array | None = None, *, method: str = "zoh") -> tuple[Array, Array]:
    """y (…, T, H), and the state after the last time (…, P) to go on from."""
    arrays = (eigenvalues(parameters), *matrices(parameters), parameters["feedthrough"], step(parameters))
    return s5.apply(*arrays, u, initial, method=method, pairs=_pairs(parameters))


def eigenvalues(parameters: Parameters) -> Array:
    """Λ (P), complex; (2P) for a full set."""
    return lax.complex(-jnp.exp(parameters["log_damping"]), parameters["frequency"])


def matrices(parameters: Parameters) -> tuple[Array, Array]:
    """B (P, H) and C (H, P), complex; 2P for a full set."""
    return _complex(parameters["input_matrix"]), _complex(parameters["output_matrix"])


def step(parameters: Parameters) -> Array:
    """Δ (P); (2P) for a full set, where both members of a pair have the same."""
    steps = jnp.exp(parameters["log_step"])
    return steps if _pairs(parameters) == "half" else jnp.tile(steps, 2)


def parameters_for_regularisation(parameters: Parameters) -> Sets:
    """The full sets, with Δ tied across the halves: exact conjugates where half of them is kept."""
    sets = [eigenvalues(parameters), *matrices(parameters)]
    if _pairs(parameters) == "full":
        return Sets._make([*sets, step(parameters)])
    full = (jnp.concatenate([x, x.conj()], axis) for x, axis in zip(sets, (0, 0, 1), strict=True))
    return Sets._make([*full, jnp.tile(step(parameters), 2)])


def loss(
    parameters: Parameters, y: Array, target: Array, *, imaginary_weight: float = 1e-3, symmetry_weight: float = 1e-4
) -> dict[str, Array]:
    """`s5.training_loss` of y = apply(parameters, u) and target, both (…, T, H): total, base, imaginary, symmetry."""
    sets = parameters_for_regularisation(parameters)[:3]
    return s5.training_loss(y, target, *sets, imaginary_weight=imaginary_weight, symmetry_weight=symmetry_weight)


def complex_gradients(parameters: Parameters, gradients: Parameters) -> dict[str, Array]:
    """`gradients`, as jax.grad gives them for the parameters: ∂L/∂a + i ∂L/∂b for Λ, B, C, and ∂L/∂D, ∂L/∂log Δ.

    Real parts and imaginary parts are parameters of their own, so that no conjugate enters.
    """
    # Re Λ = −exp(log_damping), hence ∂L/∂log_damping = Re Λ · ∂L/∂Re Λ.
    damped = gradients["log_damping"] / eigenvalues(parameters).real
    return {
        "eigenvalues": lax.complex(damped, gradients["frequency"]),
        "input_matrix": _complex(gradients["input_matrix"]),
        "output_matrix": _complex(gradients["output_matrix"]),
        "feedthrough": gradients["feedthrough"],
        "log_step": gradients["log_step"],
    }


def statistics(parameters: Parameters, *, method: str = "zoh") -> dict[str, float]:
    """`s5.statistics` of the full set."""
    sets = parameters_for_regularisation(parameters)
    return s5.statistics(sets.eigenvalues, sets.step, method=method)


def gradient_flow(parameters: Parameters, gradients: Parameters) -> dict[str, dict[str, dict[str, float | bool]]]:
    """`s5.gradient_flow` of `complex_gradients`: is the imaginary part learning?"""
    return s5.gradient_flow(complex_gradients(parameters, gradients))


def _complex(parts: Array) -> Array:
    return lax.complex(parts[..., 0], parts[..., 1])


def _pairs(parameters: Parameters) -> str:
    return "half" if parameters["log_damping"].shape == parameters["log_step"].shape else "full"
