"""The tridiagonal reference is certified: inside Arb balls, its gradients equal to directional derivatives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from properties.systems.tridiagonal import cases
from reference import tridiagonal
from reference.numbers import ARITHMETICS, gauge

balls = pytest.importorskip("reference.numbers.balls", reason="certificates need python-flint")

CERTIFIED = 2.0**-45  # of the largest value, for inputs that cost fewer digits than ORDINARY
ORDINARY = 2.0**12
EXACT_INPUTS = replace(ARITHMETICS["float64"], input=0.0)
FUNCTIONS = ("resolvent_diagonal", "log_determinant")


def cotangent(case, function):
    shape = np.shape(function(*case.inputs))
    random = np.random.default_rng(case.seed)
    return random.normal(size=shape) + 1j * random.normal(size=shape)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(case=cases("float32"))
def test_value_is_certified(name, case):
    certify(getattr(tridiagonal, name), case.inputs)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(case=cases("float32"))
def test_gradient_is_certified(name, case):
    function = getattr(tridiagonal, name)
    certify(getattr(tridiagonal, name + "_vjp"), (*case.inputs, cotangent(case, function)))


def certify(function, inputs):
    """Every value lies within its float64 gauge of the truth, and within 2⁻⁴⁵ of the largest for ordinary inputs."""
    values = function(*inputs)
    values = values if isinstance(values, tuple) else (values,)
    enclosed = balls.enclose(function, *inputs, bits=256)
    for value, ball, judged in zip(values, enclosed, gauge(function, *inputs, arithmetic=EXACT_INPUTS), strict=True):
        assert np.all(ball.distance(value) <= judged.tolerance + 2 * ball.width)
        scale = float(np.max(np.abs(ball.mid), initial=0))
        if np.max(judged.tolerance, initial=0) <= ORDINARY * EXACT_INPUTS.elementwise * scale:
            assert np.all(ball.distance(value, scale) <= CERTIFIED)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(case=cases("float32"))
def test_gradient_is_the_directional_derivative(name, case):
    """Re⟨gradient, v⟩ = Re⟨cotangent, (f(x + hv) − f(x − hv))/2h⟩ + O(h²), h = 2⁻¹⁰⁰, in 600-bit balls."""
    function, pull_back = getattr(tridiagonal, name), getattr(tridiagonal, name + "_vjp")
    covector, random = cotangent(case, function), np.random.default_rng(case.seed)
    directions = [direction(random, array) for array in case.inputs]
    step = 2.0**-100

    def both_sides(*inputs):
        gradients = pull_back(*inputs, covector)
        ahead = function(*(x + step * v for x, v in zip(inputs, directions, strict=True)))
        behind = function(*(x - step * v for x, v in zip(inputs, directions, strict=True)))
        slope = np.sum(np.real(np.conj(covector) * ((ahead - behind) * 2.0**99)))
        return slope, sum(np.sum(np.real(np.conj(g) * v)) for g, v in zip(gradients, directions, strict=True))

    slope, inner = balls.enclose(both_sides, *case.inputs, bits=600)
    assert np.all((slope - inner).distance(0.0, 1 + abs(inner.mid)) <= step)


def direction(random, array):
    drawn = random.normal(size=array.shape) + (1j * random.normal(size=array.shape) if array.dtype.kind == "c" else 0)
    return drawn * np.abs(array)


@pytest.mark.parametrize(
    ("shapes", "argument"),
    [
        (((), (), (), ()), "main"),
        (((4,), (4,), (3,), ()), "upper"),
        (((4,), (3,), (2,), ()), "lower"),
        (((2, 4), (3,), (3,), (3,)), "shift"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(shapes, argument):
    with pytest.raises(ValueError, match=argument):
        tridiagonal.resolvent_diagonal(*(np.ones(shape) for shape in shapes))
