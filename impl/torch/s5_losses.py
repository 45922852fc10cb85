"""What training adds to the loss of an S5 model: penalties on imaginary outputs and on broken conjugate pairs."""

import math

import torch
from torch import Tensor

from impl.torch.s5_arguments import check_alike, check_set, require


def imaginary_penalty(y: Tensor, *, weight: float = 1.0) -> Tensor:
    """weight · mean over batch and time of Σ_h (Im y_h)², y (…, T, H) → (); zero for a real y, and of nothing."""
    check_alike(y=y)
    require("y", y.ndim > 0, "(…, T, H)", y)
    squares = y.imag.square() if y.is_complex() else torch.zeros_like(y) * y
    return weight * squares.sum() / max(math.prod(y.shape[:-1]), 1)


def conjugate_symmetry_penalty(
    eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor, *, weight: float = 1.0
) -> Tensor:
    """weight · (mean |λ_j − conj λ_{j+P}|² + the same for the rows of B and the columns of C), () and ≥ 0.

    Full sets in the concatenated layout: eigenvalues (2P), input_matrix (2P, H), output_matrix (H, 2P). Zero exactly on
    symmetric sets.
    """
    check_alike(eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix)
    check_set(eigenvalues, input_matrix)
    size = eigenvalues.shape[0]
    require("eigenvalues", size % 2 == 0, "(2P), an even number", eigenvalues)
    require("output_matrix", output_matrix.ndim == 2 and output_matrix.shape[1] == size, f"(H, {size})", output_matrix)
    total = eigenvalues.real.new_zeros(())
    for pairs in (eigenvalues, input_matrix, output_matrix.mT):
        kept, partner = pairs.chunk(2) if size else (pairs, pairs)
        total = total + _mean_square(kept - partner.conj())
    return weight * total


def training_loss(
    y: Tensor, target: Tensor, eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor,
    *, imaginary_weight: float = 1e-3, symmetry_weight: float = 1e-4,
) -> dict[str, Tensor]:  # fmt: skip
    """base = mean (Re y − target)², the two penalties under their weights, and total = their sum, each ().

    **Arguments**: y (…, T, H), target (…, T, H) real, the full sets as in `conjugate_symmetry_penalty`.
    """
    check_alike(
        y=y, target=target, eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix
    )  # fmt: skip
    require("target", target.shape == y.shape, f"{tuple(y.shape)} as y has", target)
    base = _mean_square(y.real - target)
    imaginary = imaginary_penalty(y, weight=imaginary_weight)
    symmetry = conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=symmetry_weight)
    return {"total": base + imaginary + symmetry, "base": base, "imaginary": imaginary, "symmetry": symmetry}


def _mean_square(x: Tensor) -> Tensor:
    """mean |x|², 0 of nothing."""
    squares = torch.view_as_real(x.resolve_conj()).square() if x.is_complex() else x.square()
    return squares.sum() / max(x.numel(), 1)
