"""Arb balls hold the exact results of rational problems, and float64 lies where it is said to lie."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.numbers import ARITHMETICS, free, gauge, like
from tests.numbers.structures import double, ratio, seeds, structured, structures

balls = pytest.importorskip("reference.numbers.balls", exc_type=ImportError)
DOUBLE = ARITHMETICS["float64"]
sizes = st.integers(1, 4)


def rational(x: np.ndarray) -> np.ndarray:
    """The same numbers as fractions."""
    return np.asarray(np.frompyfunc(lambda one: Fraction(float(one)), 1, 1)(x), object)


def rational_inverse(matrix: np.ndarray) -> np.ndarray:
    """Gauss and Jordan in fractions."""
    size = len(matrix)
    rows = np.concatenate([rational(matrix), rational(np.eye(size))], axis=1)
    for column in range(size):
        pivot = next(row for row in range(column, size) if rows[row, column] != 0)
        rows[[column, pivot]] = rows[[pivot, column]]
        rows[column] = rows[column] / rows[column, column]
        for row in set(range(size)) - {column}:
            rows[row] = rows[row] - rows[row, column] * rows[column]
    return rows[:, size:]


def rational_determinant(matrix: np.ndarray) -> Fraction:
    if len(matrix) == 0:
        return Fraction(1)
    minors = (np.delete(matrix[1:], column, axis=1) for column in range(len(matrix)))
    return sum(((-1) ** j * matrix[0, j] * rational_determinant(minor) for j, minor in enumerate(minors)), Fraction(0))


@given(seed=seeds, size=sizes)
def test_the_exact_inverse_solution_and_determinant_lie_inside(seed, size):
    rng = np.random.default_rng(seed)
    matrix, right = rng.normal(size=(size, size)), rng.normal(size=(size, 2))
    exact = rational_inverse(matrix)
    (inverse,) = balls.enclose(np.linalg.inv, matrix)
    (solution,) = balls.enclose(np.linalg.solve, matrix, right)
    (determinant,) = balls.enclose(np.linalg.det, matrix)
    assert np.all(inverse.contains(exact))
    assert np.all(solution.contains(exact @ rational(right)))
    assert determinant.contains(rational_determinant(rational(matrix)))
    assert not np.any(inverse.contains(exact + Fraction(1, 2**60) * abs(exact)))


@given(seed=seeds, structure=structures)
def test_the_exact_sum_product_and_convolution_lie_inside(seed, structure):
    rng = np.random.default_rng(seed)
    x, y = structured(rng, (7,), structure), structured(rng, (7,), "normal")
    exact_x, exact_y = rational(x), rational(y)
    (total,) = balls.enclose(np.sum, x)
    (product,) = balls.enclose(lambda x, y: x @ y, x, y)
    (convolution,) = balls.enclose(np.convolve, x, y)
    (running,) = balls.enclose(lambda x: np.cumsum(x) / 3.0, x)
    (contracted,) = balls.enclose(lambda x, y: np.einsum("i,j->ij", x, y), x, y)
    assert total.contains(exact_x.sum())
    assert product.contains((exact_x * exact_y).sum())
    assert np.all(
        convolution.contains(
            np.array(
                [sum((exact_x[i] * exact_y[k - i] for i in range(7) if 0 <= k - i < 7), Fraction(0)) for k in range(13)]
            )
        )
    )
    assert np.all(running.contains(np.add.accumulate(exact_x) / 3))
    assert np.all(contracted.contains(exact_x[:, None] * exact_y))


@given(seed=seeds)
def test_more_bits_give_a_ball_inside_the_wider_one(seed):
    x = np.random.default_rng(seed).normal(size=5)

    def chain(x):
        return np.exp(np.sin(x)) / (1 + np.tanh(x) ** 2) + np.log1p(np.abs(x)) * np.sqrt(np.square(x) + 1)

    (wide,), (narrow,) = balls.enclose(chain, x, bits=64), balls.enclose(chain, x, bits=256)
    assert np.all(narrow.width < 2.0**-200) and np.all(wide.width < 2.0**-48)
    assert all(outer.contains(inner) for outer, inner in zip(wide.elements, narrow.elements, strict=True))


@given(seed=seeds, length=st.integers(2, 12))
def test_transforms_in_balls_are_those_of_numpy(seed, length):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, length))
    for transform in (np.fft.fft, np.fft.rfft, np.fft.ifft, lambda x: np.fft.irfft(np.fft.rfft(x), n=x.shape[-1])):
        (enclosed,) = balls.enclose(transform, x)
        assert enclosed.shape == transform(x).shape
        assert np.all(enclosed.distance(transform(x), np.linalg.norm(x)) < 2.0**-45)


@given(seed=seeds, size=sizes)
def test_float64_lies_within_its_gauge_of_the_ball(seed, size):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(2, size, size)) + 1j * rng.normal(size=(2, size, size))
    for function in (
        np.linalg.inv,
        np.linalg.slogdet,
        np.linalg.det,
        lambda m: m @ np.conj(m),
        np.abs,
        np.angle,
        np.linalg.norm,
    ):
        plain = function(matrix)
        plain = plain if isinstance(plain, tuple) else (plain,)
        for ball, value, gauged in zip(
            balls.enclose(function, matrix), plain, gauge(function, matrix, arithmetic=DOUBLE), strict=True
        ):
            assert ball.dtype == np.asarray(value).dtype and ball.shape == np.shape(value)
            assert np.all(ball.distance(value) <= gauged.tolerance)


@given(seed=seeds, structure=structures)
def test_a_certified_value_is_as_near_to_the_truth_as_float64_can_be(seed, structure):
    x = double(structured(np.random.default_rng(seed), (100,), structure))
    (certified,), (plain,) = (gauge(np.sum, x, arithmetic=DOUBLE, certified=flag) for flag in (True, False))
    exact = rational(x).sum()
    assert abs(Fraction(float(certified.value)) - exact) <= Fraction(float(np.spacing(np.abs(certified.value))))
    assert ratio(np.cumsum(x)[-1], certified) <= 1
    assert certified.tolerance <= plain.tolerance + 2 * DOUBLE.output * np.abs(plain.value)


def test_a_certificate_takes_the_bits_that_it_needs():
    """x ↦ 4x(1 − x) doubles the error at every step."""

    def logistic(x):
        for _ in range(200):
            x = 4.0 * x * (1.0 - x)
        return x

    assert balls.enclose(logistic, np.array([0.3]))[0].width > 1
    (enclosed,) = balls.enclose_within(logistic, np.array([0.3]), tolerances=[np.array([2.0**-53])])
    assert enclosed.width < 2.0**-63


def test_an_undecided_comparison_asks_for_more_bits():
    def step(x):
        return np.where(np.square(np.sqrt(x)) > x, 1.0, x)

    with pytest.raises(balls.Undecided, match="bits"):
        balls.enclose(step, np.array([2.0]))
    assert balls.enclose(lambda x: np.where(x > 1, x, 0.0), np.array([2.0, 0.5]))[0].mid.tolist() == [2, 0]


def test_a_singular_matrix_says_nothing_and_its_neighbour_does():
    (inverse,) = balls.enclose(np.linalg.inv, np.stack([np.ones((2, 2)), np.eye(2)]))
    assert np.all(np.isinf(inverse.width[0])) and np.all(inverse.contains(np.zeros((2, 2)))[0])
    assert np.all(inverse.mid[1] == np.eye(2))


def test_shapes_move_as_in_numpy():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for move in (
        lambda x: np.pad(x, 1),
        lambda x: np.moveaxis(x, 0, -1),
        lambda x: x[:, ::2],
        lambda x: np.tril(x),
        lambda x: x.mT,
        lambda x: np.stack([x, x], 1),
        lambda x: np.concatenate([x, x], -1),
        lambda x: np.broadcast_to(x, (5, 2, 3, 4)),
        lambda x: np.flip(x, 0),
        lambda x: np.take(x, [0, 0], 1),
        lambda x: np.max(x, axis=1),
        lambda x: np.clip(x, 0.0, 1.0),
        lambda x: np.roll(x, 1, 0),
        lambda x: np.squeeze(x[:1]),
        lambda x: np.where(x > 0, x, -np.inf),
    ):
        (ball,), (gauged,) = balls.enclose(move, x), gauge(move, x, arithmetic=DOUBLE)
        np.testing.assert_array_equal(ball.mid, move(x))
        np.testing.assert_array_equal(gauged.value, move(x))


def test_choices_and_constants_in_balls():
    (result,) = balls.enclose(lambda x: np.sqrt(like(x, 2.0)) + (x - free(x)), np.array([0.1]))
    assert result.distance(np.sqrt(2.0)) < 2.0**-52 and result.width < 2.0**-100


def test_a_function_without_a_rule_is_refused_by_name():
    with pytest.raises(TypeError, match="sort"):
        balls.enclose(np.sort, np.ones(3))
    with pytest.raises(TypeError, match="floor"):
        balls.enclose(np.floor, np.ones(3))
    with pytest.raises(TypeError, match="number system"):
        balls.enclose(lambda x: float(x[0]), np.ones(3))
