"""The exponential of a matrix as a primitive of all three number systems."""

from typing import Any

import numpy as np
import scipy.linalg

from reference.numbers.bounded import Bounded, settle
from reference.numbers.constants import EXPONENTIAL, EXPONENTIAL_WALK, EXPONENTIAL_WORST

Array = np.ndarray


def matrix_exponential(matrix: Any) -> Any:
    """e^A of square matrices (…, n, n), in the number system of A.

    Rounding: any algorithm as stable as scaling and squaring. With |E| the errors of A and those of the algorithm,
    e^(A+E) − e^A = ∫ e^(sA) E e^((1−s)(A+E)) ds ≤ ‖E‖ e^(μ + ‖E‖) in the 2-norm, μ the largest eigenvalue of
    (A + Aᴴ)/2: an exponential of a dissipative generator is well conditioned however large it is. Source: N. Higham,
    Functions of Matrices, 2008, ch. 10.
    """
    if isinstance(matrix, Bounded):
        return _bounded(matrix)
    if hasattr(matrix, "lift"):
        from reference.numbers.ball_linear_algebra import exponential_of_balls

        return exponential_of_balls(matrix)
    return _exponential(matrix)


def _exponential(matrix: Array) -> Array:
    return scipy.linalg.expm(matrix) if matrix.size else np.array(matrix)


def _bounded(matrix: Bounded) -> Bounded:
    model, size = matrix.model, matrix.shape[-1]
    value = _exponential(matrix.value)
    if not matrix.size:
        return Bounded(value, np.zeros(value.shape), np.zeros(value.shape), model)
    steps = EXPONENTIAL + EXPONENTIAL_WALK * np.sqrt(size) if model.statistical else EXPONENTIAL_WORST * size
    unit = model.arithmetic.elementwise
    backward = _frobenius(matrix.error) + steps * unit * _frobenius(matrix.value)
    hermitian = (matrix.value + np.conj(np.swapaxes(matrix.value, -1, -2))) / 2
    growth = np.linalg.eigvalsh(hermitian)[..., -1:][..., None]
    forward = backward * np.exp(growth + model.deviations * backward)
    products = steps * unit * np.exp(np.maximum(growth, 0))  # the squarings of a factor that starts near 1
    return settle(value, np.broadcast_to(forward + products, value.shape), 0.0, unit * np.abs(value), model)


def _frobenius(matrix: Array) -> Array:
    return np.sqrt((np.abs(matrix) ** 2).sum((-2, -1), keepdims=True))
