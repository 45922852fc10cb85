"""Elementwise functions: slopes hold over the whole disc, honest functions stay inside, exact operations are exact."""

import numpy as np
import pytest
from hypothesis import given

from reference.numbers import ARITHMETICS, free, gauge, like
from reference.numbers.slopes import SLOPES
from tests.numbers.structures import SINGLE, double, ratio, seeds, structured, structures, worst_case_error

ANY, POSITIVE, UNIT, SHORT = (-40.0, 40.0), (2.0**-20, 2.0**20), (-1.0, 1.0), (-8.0, 8.0)
REAL_DOMAINS = {
    "square": ANY,
    "sqrt": POSITIVE,
    "exp": ANY,
    "exp2": ANY,
    "expm1": SHORT,
    "log": POSITIVE,
    "log2": POSITIVE,
    "log1p": POSITIVE,
    "sin": ANY,
    "cos": ANY,
    "tan": UNIT,
    "sinh": SHORT,
    "cosh": SHORT,
    "tanh": SHORT,
    "arctan": ANY,
    "arccos": UNIT,
    "arcsin": UNIT,
    "reciprocal": POSITIVE,
    "absolute": ANY,
}
BINARY = ("add", "subtract", "multiply", "divide", "arctan2", "hypot", "logaddexp")
COMPLEX = (
    "square",
    "sqrt",
    "exp",
    "log",
    "sin",
    "cos",
    "reciprocal",
    "absolute",
    "add",
    "subtract",
    "multiply",
    "divide",
)
ROUNDED = 1 + 2.0**-20  # the differences below are themselves formed in float64
INPUTS = 400


def draw(rng: np.random.Generator, domain: tuple[float, float]) -> np.ndarray:
    low, high = domain
    if low > 0:
        return np.exp(rng.uniform(np.log(low), np.log(high), INPUTS))
    return rng.uniform(low, high, INPUTS) * rng.choice([1.0, 2.0**-8], INPUTS)


def displaced(rng: np.random.Generator, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A point of the disc around each x, often on its rim, and the radius."""
    radius = np.abs(x) * 2.0 ** -rng.integers(1, 16, x.shape)
    share = rng.choice([1.0, 1.0, 0.5], x.shape)
    phase = np.exp(2j * np.pi * rng.random(x.shape)) if np.iscomplexobj(x) else rng.choice([-1.0, 1.0], x.shape)
    return radius, x + share * radius * phase


def assert_slopes_hold(name: str, x: list[np.ndarray], rng: np.random.Generator) -> None:
    function = getattr(np, name)
    radii, moved = zip(*(displaced(rng, one) for one in x), strict=True)
    with np.errstate(all="ignore"):
        value = function(*x)
        slopes = SLOPES[name](x, list(radii), value)
        allowed = sum(slope * radius for slope, radius in zip(slopes, radii, strict=True))
        change = np.abs(function(*moved) - value)
    beyond = change > allowed * ROUNDED + np.abs(value) * 2.0**-48
    assert not np.any(beyond & np.isfinite(change)), [one[beyond][:3] for one in x]


@pytest.mark.parametrize("name", REAL_DOMAINS)
@given(seed=seeds)
def test_a_slope_bounds_every_change_within_a_real_disc(name, seed):
    rng = np.random.default_rng(seed)
    assert_slopes_hold(name, [draw(rng, REAL_DOMAINS[name])], rng)


@pytest.mark.parametrize("name", BINARY)
@given(seed=seeds)
def test_slopes_bound_every_change_within_two_real_discs(name, seed):
    rng = np.random.default_rng(seed)
    assert_slopes_hold(name, [draw(rng, ANY), draw(rng, ANY)], rng)


@pytest.mark.parametrize("name", COMPLEX)
@given(seed=seeds)
def test_slopes_bound_every_change_within_a_complex_disc(name, seed):
    rng = np.random.default_rng(seed)
    operands = [draw(rng, SHORT) + 1j * draw(rng, SHORT) for _ in range(2 if name in BINARY else 1)]
    assert_slopes_hold(name, operands, rng)


@given(seed=seeds)
def test_the_slopes_of_a_power_bound_its_changes(seed):
    rng = np.random.default_rng(seed)
    assert_slopes_hold("power", [draw(rng, (2.0**-4, 2.0**4)), draw(rng, (2.0**-2, 2.0**2))], rng)


@pytest.mark.parametrize("name", REAL_DOMAINS)
@given(seed=seeds)
def test_a_single_precision_function_stays_inside(name, seed):
    x = draw(np.random.default_rng(seed), REAL_DOMAINS[name]).astype(np.float32)
    (image,) = gauge(getattr(np, name), double(x), arithmetic=SINGLE)
    assert ratio(getattr(np, name)(x), image) <= 1


@pytest.mark.parametrize("name", COMPLEX)
@given(seed=seeds)
def test_a_single_precision_function_of_complex_numbers_stays_inside(name, seed):
    rng = np.random.default_rng(seed)
    operands = [
        (draw(rng, SHORT) + 1j * draw(rng, SHORT)).astype(np.complex64) for _ in range(2 if name in BINARY else 1)
    ]
    (image,) = gauge(getattr(np, name), *map(double, operands), arithmetic=SINGLE)
    with np.errstate(all="ignore"):
        assert ratio(getattr(np, name)(*operands), image) <= 1


@given(seed=seeds)
def test_chains_of_functions_stay_inside(seed):
    x = draw(np.random.default_rng(seed), SHORT).astype(np.float32)

    def chain(x):
        return np.log(np.exp(x) + np.exp(-x * x)) * np.tanh(x) + np.sin(3 * x) / (1 + np.sqrt(np.abs(x)))

    (image,) = gauge(chain, double(x), arithmetic=SINGLE)
    assert chain(x).dtype == np.float32
    assert ratio(chain(x), image) <= 1


@given(seed=seeds, structure=structures)
def test_softmax_by_any_shift_stays_inside(seed, structure):
    x = structured(np.random.default_rng(seed), (4, 17), structure)
    mask = np.tril(np.ones((4, 17), bool))

    def softmax(x, shift=np.max):
        scores = np.where(mask, x, -np.inf)
        weights = np.exp(scores - free(shift(scores, axis=-1, keepdims=True)))
        return weights / np.sum(weights, axis=-1, keepdims=True)

    (weights,) = gauge(softmax, double(x), arithmetic=SINGLE)
    assert np.all(weights.tolerance[~mask] == 0)
    assert ratio(softmax(x), weights) <= 1
    assert ratio(softmax(x, lambda scores, **options: np.max(scores, **options) - np.float32(1)), weights) <= 1


@pytest.mark.parametrize("scale", [2.0, -0.25, 0.0, 1j, -4j, np.array([1.0, 0.0, -8.0])])
def test_scaling_by_powers_of_two_is_exact(scale):
    z = np.array([1 + 2j, 3 - 1j, 0.1 + 0.3j])
    assert np.all(worst_case_error(lambda z: z * scale, z) == 0)


def test_adding_zero_is_exact_and_adding_one_is_not():
    x = np.array([0.1, 1.0, 3.0])
    assert np.all(worst_case_error(lambda x: x + 0.0, x) == 0)
    assert np.all(worst_case_error(lambda x: x - np.zeros(3), x) == 0)
    assert np.all(worst_case_error(lambda x: x + 1.0, x) == SINGLE.elementwise * (x + 1))


def test_a_constant_that_the_arithmetic_cannot_hold_enters_rounded():
    assert worst_case_error(lambda x: np.multiply(like(x, np.pi), 2.0), np.ones(())) > 0
    assert worst_case_error(lambda x: np.multiply(like(x, 0.75), 2.0), np.ones(())) == 0
    assert worst_case_error(lambda x: x * np.pi, np.ones(())) > worst_case_error(lambda x: x * 0.75, np.ones(()))


def test_a_divisor_that_may_be_zero_has_an_infinite_gauge():
    (quotient,) = gauge(lambda a, b: 1.0 / (a - b), np.array([1.0, 2.0]), np.array([1.0, 1.0]), arithmetic=SINGLE)
    assert np.isinf(quotient.tolerance[0]) and np.isfinite(quotient.tolerance[1])


def test_beyond_the_largest_number_the_gauge_is_infinite():
    half = ARITHMETICS["float16"]
    (image,) = gauge(np.exp, np.array([10.0, 12.0]), arithmetic=half)
    assert np.isfinite(image.tolerance[0]) and np.isinf(image.tolerance[1])


def test_an_undecided_branch_costs_the_gap_to_the_other():
    def step(x):
        return np.where(x * 3.0 > 1.0, x + 1.0, x)

    near = np.array([1 / 3, 1 / 3 + 2.0**-10])
    (image,) = gauge(step, near, arithmetic=SINGLE)
    assert image.tolerance[0] >= 1 > image.tolerance[1]
    assert ratio(near + 1, image) <= 1 and ratio(near[:1], type(image)(image.value[:1], image.tolerance[:1])) <= 1


@given(seed=seeds)
def test_an_angle_near_the_cut_may_turn(seed):
    z = np.exp(1j * (np.pi + np.random.default_rng(seed).normal(size=8) * 2.0**-26))
    (angles,) = gauge(lambda z: np.angle(z * 3.0), z, arithmetic=SINGLE)
    assert ratio(-angles.value, angles) <= 1
