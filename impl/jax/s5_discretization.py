"""From a continuous diagonal system x' = Λ x + B u to the steps of a recurrence."""

import math

import jax.numpy as jnp
from jax import Array, lax

from impl.jax.s5_arguments import alike, check_set

SERIES_TERMS = 32  # a power of two for pairwise summation; in the unit disc 12 are enough for single, 20 for double


def discretize(eigenvalues: Array, input_matrix: Array, step: Array, *, method: str = "zoh") -> tuple[Array, Array]:
    """Λ̄ and B̄ of x' = Λ x + B u with u held for Δ = step; nothing is clamped. With z = ΛΔ,

    zoh: Λ̄ = e^z, B̄ = Δ (e^z − 1)/z · B, which is Δ·B at z = 0;  bilinear: Λ̄ = (1 + z/2)/(1 − z/2), B̄ = Δ/(1 − z/2) · B.

    **Arguments**: eigenvalues (P), input_matrix (P, H), step (P) real. **Returns**: (P) and (P, H).
    """
    eigenvalues, input_matrix, step = alike(eigenvalues=eigenvalues, input_matrix=input_matrix, step=step)
    check_set(eigenvalues, input_matrix, step)
    step = step.astype(jnp.finfo(eigenvalues.dtype).dtype)
    z = eigenvalues * step
    if method == "zoh":
        decay, gain = jnp.exp(z), step * _exponential_quotient(z)
    elif method == "bilinear":
        resolvent = 1 / (1 - z / 2)
        decay, gain = (1 + z / 2) * resolvent, step * resolvent
    else:
        raise ValueError(f"method: expected 'zoh' or 'bilinear', got {method!r}")
    return decay, gain[:, None] * input_matrix


def _exponential_quotient(z: Array) -> Array:
    """(e^z − 1)/z, 1 at z = 0. In the unit disc its series Σ z^k/(k + 1)!, so that no derivative cancels either."""
    inside = jnp.abs(lax.stop_gradient(z)) <= 1
    near, far = jnp.where(inside, z, 0), jnp.where(inside, 1, z)
    series = jnp.asarray([1 / math.factorial(k + 1) for k in range(SERIES_TERMS)], z.real.dtype)
    power = near[:, None]
    while series.shape[-1] > 1:
        series = series[..., 0::2] + power * series[..., 1::2]
        power = power * power
    return jnp.where(inside, series[:, 0], (jnp.exp(far) - 1) / far)
