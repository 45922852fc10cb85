"""What training adds to the loss of an S5 model: penalties on imaginary outputs and on broken conjugate pairs."""

from math import prod

import numpy as np

from reference.pullback import like_input


def imaginary_penalty(y, *, weight=1.0):
    """weight · mean over batch and time of Σ_h (Im y_h)², y (…, T, H) → (). Zero for real y, and where
    there is no time. Raises ValueError for a scalar y.
    """
    return weight * _total(np.square(np.imag(y))) / _times(y)


def imaginary_penalty_vjp(y, cotangent, *, weight=1.0):
    """The gradient of y: 2i·weight·Im y/times, in the convention ∂L/∂a + i ∂L/∂b."""
    return (like_input(2j * (weight * cotangent / _times(y) * np.imag(y)), y),)


def conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, *, weight=1.0):
    """weight · (mean |λ_j − conj λ_{j+P}|² + the same for the rows of B and the columns of C).

    Full sets in the concatenated layout: eigenvalues (2P), input_matrix (2P, H), output_matrix (H, 2P) → (), ≥ 0, and 0
    exactly on symmetric sets. Raises ValueError for an odd set and for shapes that do not fit.
    """
    deviations = _deviations(eigenvalues, input_matrix, output_matrix)
    return weight * sum(_mean_square(deviation) for deviation in deviations)


def conjugate_symmetry_penalty_vjp(eigenvalues, input_matrix, output_matrix, cotangent, *, weight=1.0):
    """Gradients of the three sets: 2 d/n for the first half and −2 conj(d)/n for the second, d = a − conj(b)."""
    deviations = _deviations(eigenvalues, input_matrix, output_matrix)
    halves = []
    for deviation, axis in zip(deviations, (0, 0, -1), strict=True):
        upper = 2 * (weight * cotangent / max(np.size(deviation), 1) * deviation)
        halves.append(np.concatenate([upper, -np.conj(upper)], axis=axis))
    return tuple(map(like_input, halves, (eigenvalues, input_matrix, output_matrix)))


def training_loss(
    y, target, eigenvalues, input_matrix, output_matrix, *, imaginary_weight=1e-3, symmetry_weight=1e-4
):  # fmt: skip
    """The terms of the loss: base = mean (Re y − target)², imaginary and symmetry as above, total = their sum.

    y (…, T, H) real or complex, target (…, T, H) real, the full sets as in `conjugate_symmetry_penalty` →
    {"total", "base", "imaginary", "symmetry"}, each (). Raises ValueError for shapes that do not fit.
    """
    if np.shape(target) != np.shape(y):
        raise ValueError(f"target: expected the shape of y, {np.shape(y)}, got {np.shape(target)}")
    base = _mean_square(np.real(y) - target)
    imaginary = imaginary_penalty(y, weight=imaginary_weight)
    symmetry = conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=symmetry_weight)
    return {"total": base + imaginary + symmetry, "base": base, "imaginary": imaginary, "symmetry": symmetry}


def training_loss_vjp(
    y, target, eigenvalues, input_matrix, output_matrix, cotangents, *, imaginary_weight=1e-3, symmetry_weight=1e-4
):  # fmt: skip
    """Gradients of the five arrays; cotangents: a real one () for each term, by name."""
    total, base, imaginary, symmetry = (cotangents[name] for name in ("total", "base", "imaginary", "symmetry"))
    residual = 2 * ((total + base) / max(np.size(y), 1) * (np.real(y) - target))
    (of_imaginary,) = imaginary_penalty_vjp(y, total + imaginary, weight=imaginary_weight)
    of_sets = conjugate_symmetry_penalty_vjp(
        eigenvalues, input_matrix, output_matrix, total + symmetry, weight=symmetry_weight
    )
    return like_input(residual + of_imaginary, y), -residual, *of_sets


def _deviations(eigenvalues, input_matrix, output_matrix):
    """a − conj(b) for the first halves a and the second halves b of Λ, B and C."""
    if np.ndim(eigenvalues) != 1 or np.shape(eigenvalues)[0] % 2:
        raise ValueError(f"eigenvalues: expected an even number of pairs' members (2P,), got {np.shape(eigenvalues)}")
    size = np.shape(eigenvalues)[0]
    for name, array, axis in (("input_matrix", input_matrix, 0), ("output_matrix", output_matrix, -1)):
        if np.ndim(array) != 2 or np.shape(array)[axis] != size:
            expected = f"({size}, H)" if axis == 0 else f"(H, {size})"
            raise ValueError(f"{name}: expected shape {expected}, got {np.shape(array)}")
    half = size // 2
    return (
        eigenvalues[:half] - np.conj(eigenvalues[half:]),
        input_matrix[:half] - np.conj(input_matrix[half:]),
        output_matrix[:, :half] - np.conj(output_matrix[:, half:]),
    )


def _mean_square(x):
    """mean |x|², 0 of nothing."""
    squares = np.square(np.real(x)) + np.square(np.imag(x)) if np.iscomplexobj(x) else np.square(x)
    return _total(squares) / max(np.size(x), 1)


def _total(x):
    return np.sum(np.reshape(x, (np.size(x),)), axis=-1)


def _times(y) -> int:
    if np.ndim(y) < 1:
        raise ValueError("y: expected shape (…, T, H), got a scalar")
    return max(prod(np.shape(y)[:-1]), 1)
