"""The exponential of a matrix: honest single-precision algorithms stay within the gauge and come near it."""

import numpy as np
import pytest
import scipy.linalg

from reference.numbers import ARITHMETICS, gauge
from reference.numbers.exponential import matrix_exponential

SINGLE = ARITHMETICS["float32"]
SIZES, NORMS, DRAWS = (1, 2, 5, 16), (0.25, 1.0, 4.0, 16.0), 8


def generators(size, norm):
    """Dissipative, skew-Hermitian and general matrices of that norm, held exactly by single precision."""
    random = np.random.default_rng([size, int(4 * norm)])
    for draw in range(DRAWS):
        drawn = random.normal(size=(size, size)) + 1j * random.normal(size=(size, size))
        matrix = drawn if draw % 3 == 0 else drawn - np.conj(drawn.T)
        if draw % 3 == 2:
            matrix = matrix - np.diag(random.uniform(0, 1, size))
        yield (matrix * norm / max(np.linalg.norm(matrix), 1.0)).astype(np.complex64)


def scaled_and_squared(matrix):
    """A Taylor series of degree 8 of A/2^s, ‖A/2^s‖ ≤ 2⁻², squared s times."""
    squarings = max(int(np.ceil(np.log2(max(np.linalg.norm(matrix), 1.0)))) + 2, 0)
    scaled, term = matrix / np.float32(2**squarings), np.eye(len(matrix), dtype=matrix.dtype)
    total = term
    for degree in range(1, 9):
        term = term @ scaled / np.float32(degree)
        total = total + term
    for _ in range(squarings):
        total = total @ total
    return total


@pytest.mark.parametrize("algorithm", [scipy.linalg.expm, scaled_and_squared])
def test_honest_exponentials_stay_within_the_gauge(algorithm):
    worst = 0.0
    for size in SIZES:
        for norm in NORMS:
            for matrix in generators(size, norm):
                (judged,) = gauge(matrix_exponential, matrix.astype(complex), arithmetic=SINGLE)
                found = algorithm(matrix)
                assert found.dtype == np.complex64
                worst = max(worst, float(np.max(np.abs(found - judged.value) / judged.tolerance)))
    assert 2.0**-6 < worst <= 1


def test_the_balls_hold_scipy_s_value():
    balls = pytest.importorskip("reference.numbers.balls", reason="certificates need python-flint")
    for matrix in generators(5, 1.0):
        (ball,) = balls.enclose(matrix_exponential, matrix.astype(complex))
        (judged,) = gauge(matrix_exponential, matrix.astype(complex), arithmetic=ARITHMETICS["float64"])
        assert np.all(ball.distance(judged.value) <= judged.tolerance)


def test_a_series_cut_too_early_is_outside():
    """What torch.linalg.matrix_exp does in single precision at ‖A‖ = ½: degree 4."""
    matrix = np.diag([0.5, -0.5]).astype(np.complex64)
    cut = sum(np.linalg.matrix_power(matrix, k) / np.prod(np.arange(1.0, k + 1)) for k in range(5))
    (judged,) = gauge(matrix_exponential, matrix.astype(complex), arithmetic=SINGLE)
    assert np.max(np.abs(cut - judged.value) / judged.tolerance) > 1
