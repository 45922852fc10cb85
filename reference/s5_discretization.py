"""From a continuous diagonal system x' = Λ x + B u to the steps of a recurrence."""

from math import factorial

import numpy as np

from reference.numbers import series_below
from reference.pullback import like_input
from reference.shapes import require_shape

SERIES_RADIUS = 1.0  # beyond it the quotients of the exponential cancel at most a few units
SERIES_TERMS = 20  # 21/22! < 2⁻⁶⁴: what is left out lies below a double


def discretize(eigenvalues, input_matrix, step, *, method="zoh"):
    """Λ̄ and B̄ of x' = Λ x + B u, held for Δ = step. z = ΛΔ.

    zoh: Λ̄ = e^z, B̄ = Δ (e^z − 1)/z · B, which is Δ·B where z = 0.  bilinear: Λ̄ = (1 + z/2)/(1 − z/2),
    B̄ = Δ/(1 − z/2) · B. No clamp on either.
    eigenvalues (P), input_matrix (P, H), step (P) → Λ̄ (P), B̄ (P, H). Raises ValueError for shapes that do not fit and
    for an unknown method.
    """
    check_set(eigenvalues, input_matrix, step)
    decay, quotient = _transfer(eigenvalues * step, method)[:2]
    return decay, np.expand_dims(step * quotient, -1) * input_matrix


def discretize_vjp(eigenvalues, input_matrix, step, decay_cotangent, input_cotangent, *, method="zoh"):
    """Gradients for eigenvalues, input_matrix and step, in the convention ∂L/∂a + i ∂L/∂b, real for a real input.

    B̄ = Δ q(z) B and Λ̄ = f(z) pull back through z = ΛΔ, and through Δ once more: d(Δ q)/dΔ = q + z q'.
    """
    _, quotient, slope, curvature = _transfer(eigenvalues * step, method)
    gain_cotangent = np.sum(input_cotangent * np.conj(input_matrix), axis=-1)
    by_z = np.conj(slope) * decay_cotangent + step * np.conj(curvature) * gain_cotangent
    gradients = (
        step * by_z,
        np.expand_dims(step * np.conj(quotient), -1) * input_cotangent,
        np.conj(eigenvalues) * by_z + np.conj(quotient) * gain_cotangent,
    )
    return tuple(map(like_input, gradients, (eigenvalues, input_matrix, step)))


def _transfer(z, method: str):
    """Λ̄ = f(z) and q(z) of B̄ = Δ q B, with f' and q', each of the shape of z."""
    if method == "zoh":
        decay, divisor = np.exp(z), np.where(z == 0, 1.0, z)
        quotient = np.where(z == 0, 1.0, np.expm1(z) / divisor)
        steep = (decay - quotient) / divisor
        return decay, quotient, decay, np.where(series_below(SERIES_RADIUS, z), _series(z), steep)
    if method == "bilinear":
        quotient = 1 / (1 - z / 2)
        curvature = quotient * quotient / 2
        return (1 + z / 2) * quotient, quotient, quotient / 2 + (1 + z / 2) * curvature, curvature
    raise ValueError(f"method: expected zoh or bilinear, got {method!r}")


def _series(z):
    """q' = Σ (k + 1) z^k/(k + 2)!, where (e^z − q)/z cancels."""
    total = (SERIES_TERMS + 1) / factorial(SERIES_TERMS + 2)
    for k in reversed(range(SERIES_TERMS)):
        total = total * z + (k + 1) / factorial(k + 2)
    return total


def check_set(eigenvalues, input_matrix, step, name: str = "eigenvalues") -> None:
    require_shape(name, np.ndim(eigenvalues) == 1, "(P,)", eigenvalues)
    size = np.shape(eigenvalues)[0]
    fits = np.ndim(input_matrix) == 2 and np.shape(input_matrix)[0] == size
    require_shape("input_matrix", fits, f"({size}, H)", input_matrix)
    require_shape("step", np.shape(step) == (size,), f"({size},)", step)
