"""What training adds to the loss of an S5 model: penalties on imaginary outputs and on broken conjugate pairs."""

import math

import jax.numpy as jnp
from jax import Array

from impl.jax.s5_arguments import alike, check_set, require


def imaginary_penalty(y: Array, *, weight: float = 1.0) -> Array:
    """weight · mean over batch and time of Σ_h (Im y_h)², y (…, T, H) → (); zero for a real y, and of nothing."""
    (y,) = alike(y=y)
    require("y", y.ndim > 0, "(…, T, H)", y)
    return weight * jnp.square(y.imag).sum() / max(math.prod(y.shape[:-1]), 1)


def conjugate_symmetry_penalty(
    eigenvalues: Array, input_matrix: Array, output_matrix: Array, *, weight: float = 1.0
) -> Array:
    """weight · (mean |λ_j − conj λ_{j+P}|² + the same for the rows of B and the columns of C), () and ≥ 0.

    Full sets in the concatenated layout: eigenvalues (2P), input_matrix (2P, H), output_matrix (H, 2P). Zero exactly on
    symmetric sets.
    """
    eigenvalues, input_matrix, output_matrix = alike(
        eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix
    )
    check_set(eigenvalues, input_matrix)
    size = eigenvalues.shape[0]
    require("eigenvalues", size % 2 == 0, "(2P), an even number", eigenvalues)
    require("output_matrix", output_matrix.ndim == 2 and output_matrix.shape[1] == size, f"(H, {size})", output_matrix)
    sets = (eigenvalues, input_matrix, output_matrix.T)
    return weight * jnp.stack([_mean_square(x[: size // 2] - jnp.conj(x[size // 2 :])) for x in sets]).sum()


def training_loss(
    y: Array, target: Array, eigenvalues: Array, input_matrix: Array, output_matrix: Array,
    *, imaginary_weight: float = 1e-3, symmetry_weight: float = 1e-4,
) -> dict[str, Array]:  # fmt: skip
    """base = mean (Re y − target)², the two penalties under their weights, and total = their sum, each ().

    **Arguments**: y (…, T, H), target (…, T, H) real, the full sets as in `conjugate_symmetry_penalty`.
    """
    y, target, eigenvalues, input_matrix, output_matrix = alike(
        y=y, target=target, eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix
    )
    require("target", target.shape == y.shape, f"{y.shape} as y has", target)
    base = _mean_square(y.real - target)
    imaginary = imaginary_penalty(y, weight=imaginary_weight)
    symmetry = conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=symmetry_weight)
    return {"total": base + imaginary + symmetry, "base": base, "imaginary": imaginary, "symmetry": symmetry}


def _mean_square(x: Array) -> Array:
    """mean |x|², 0 of nothing."""
    return (jnp.square(x.real) + jnp.square(x.imag)).sum() / max(x.size, 1)
