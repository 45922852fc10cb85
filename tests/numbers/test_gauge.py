"""The gauge as its users meet it: inputs and results of every shape, arithmetics, refusals, and teeth."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given

from reference.numbers import ARITHMETICS, Gauged, free, gauge, like, lipschitz, weaker
from reference.numbers.bounded import representable
from tests.numbers.structures import SINGLE, STRUCTURES, double, ratio, seeds, structured, structures

DOUBLE, HALF = ARITHMETICS["float64"], ARITHMETICS["float16"]


@pytest.mark.parametrize(("name", "dtype"), [("float64", np.float64), ("float32", np.float32), ("float16", np.float16)])
def test_a_pure_arithmetic_has_the_numbers_of_its_format(name, dtype):
    arithmetic, format_ = ARITHMETICS[name], np.finfo(dtype)
    assert arithmetic.elementwise == arithmetic.accumulate == arithmetic.input == format_.eps / 2
    assert (arithmetic.tiny, arithmetic.huge) == (float(format_.tiny), float(format_.max))
    assert dtype(1) + dtype(arithmetic.elementwise) == 1 < dtype(1) + dtype(2 * arithmetic.elementwise)


def test_weaker_arithmetics_come_strongest_first():
    names = [arithmetic.name for arithmetic in weaker(SINGLE)]
    assert names == ["tf32", "fp16_products", "bf16_products", "float16", "bfloat16"]
    assert weaker(DOUBLE)[0] is SINGLE and weaker(ARITHMETICS["bfloat16"]) == ()
    assert all(SINGLE not in weaker(arithmetic) for arithmetic in weaker(SINGLE))


@given(seed=seeds, structure=structures)
def test_a_weaker_arithmetic_has_a_wider_gauge(seed, structure):
    x = double(structured(np.random.default_rng(seed), (5, 5), structure))
    gauges = [
        gauge(lambda x: np.exp(-np.abs(x)) @ x, x, arithmetic=a)[0].tolerance for a in (SINGLE, *weaker(SINGLE)[2:3])
    ]
    assert np.all(gauges[0] <= gauges[1])


def test_inputs_may_be_nested_and_results_are_flattened():
    def norms(gradients, weights, *, power):
        total = sum(np.sum(np.abs(gradient) ** power) for gradient in gradients[0])
        return [np.sqrt(total), (weights * 2.0, np.arange(3))]

    results = gauge(norms, ([np.ones(3), np.ones((2, 2))],), np.array([1, 2, 3]), arithmetic=SINGLE, power=2)
    assert [type(result) for result in results] == [Gauged] * 3
    assert results[0].value == np.sqrt(7.0) and results[0].tolerance > 0


def test_integers_are_exact_and_a_gathered_input_has_its_own_error_and_its_storage():
    (doubled,) = gauge(lambda index: index * 2, np.arange(4), arithmetic=SINGLE)
    np.testing.assert_array_equal(doubled.tolerance, np.zeros(4))
    (gathered,) = gauge(lambda x, index: np.take(x, index), np.array([1.0, 2.0]), np.array([1, 1]), arithmetic=SINGLE)
    np.testing.assert_allclose(gathered.tolerance, (3 * SINGLE.input + SINGLE.output) * gathered.value)


@pytest.mark.parametrize("shapes", [((2, 0), (0, 3)), ((0, 2), (2, 3))])
def test_zero_length_axes_work(shapes):
    a, b = map(np.zeros, shapes)
    for function in (np.matmul, lambda a, b: np.einsum("ij,jk->ik", a, b), lambda a, b: np.sum(a, axis=-1)):
        (empty,) = gauge(function, a, b[:, :1], arithmetic=SINGLE)
        np.testing.assert_array_equal(empty.value, np.zeros(empty.value.shape))
        assert empty.tolerance.shape == empty.value.shape


def test_the_value_is_that_of_the_plain_reference():
    x = np.random.default_rng(0).normal(size=(3, 4, 4))

    def reference(x):
        return np.sum(np.linalg.inv(x @ x + 4 * np.eye(4)), axis=-1)

    (result,) = gauge(reference, x, arithmetic=SINGLE)
    np.testing.assert_array_equal(result.value, reference(x))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.sort, "sort"),
        (np.linalg.eigh, "eigh"),
        (np.linalg.qr, "qr"),
        (np.floor, "floor"),
        (np.median, "median"),
        (lambda x: np.add(x, 1.0, out=np.zeros(3)), "add"),
        (lambda x: np.multiply.reduce(x), "multiply.reduce"),
        (lambda x: np.einsum("i,i,i->", x, x, x), "einsum"),
        (lambda x: np.sum(x, dtype=float), "sum"),
    ],
)
def test_a_function_without_a_rule_is_refused_by_name(function, name):
    with pytest.raises(TypeError, match=name):
        gauge(function, np.ones(3), arithmetic=SINGLE)


def write(x):
    x[0] = 1.0


def write_in_place(x):
    x += 1.0


@pytest.mark.parametrize(
    "leave",
    [
        lambda x: float(x[0]),
        lambda x: bool(x[0] > 0),
        lambda x: int(x[0]),
        lambda x: x[0].item(),
        lambda x: np.asarray(x),
        lambda x: x.tolist(),
        lambda x: [0, 1][x[0]],
        write,
        write_in_place,
    ],
)
def test_nobody_leaves_the_number_system(leave):
    with pytest.raises(TypeError):
        gauge(leave, np.ones(3), arithmetic=SINGLE)


def test_a_free_choice_carries_no_error_and_is_a_number_of_the_arithmetic():
    x = np.array([0.1, 0.7])
    (result,) = gauge(lambda x: (x - free(np.max(x * 3.0))) * 0.0 + x, x, arithmetic=HALF)
    assert np.isfinite(result.tolerance).all()
    assert isinstance(free(x), np.ndarray) and free(3.0) == 3
    assert (
        representable(np.array([1 / 3, -np.pi, 0.0, np.inf]), SINGLE.elementwise).tolist()
        == np.array([1 / 3, -np.pi, 0.0, np.inf], np.float32).tolist()
    )


def test_like_takes_a_constant_into_the_number_system():
    (root,) = gauge(lambda x: np.sqrt(like(x, 2.0)), np.ones(1), arithmetic=SINGLE)
    assert root.value == np.sqrt(2.0) and 0 < root.tolerance < 16 * SINGLE.elementwise
    assert like(np.ones(1), 2.0) == 2


@given(seed=seeds, structure=structures)
def test_a_lipschitz_contract_grants_a_stable_algorithm(seed, structure):
    """The distance of two clouds up to rotation, by singular vectors that have no gauge of their own."""

    @lipschitz(1.0)
    def distance(a, b):
        u, _, v = np.linalg.svd(np.swapaxes(b, -1, -2) @ a)
        return np.linalg.norm(a - b @ (u @ v))

    rng = np.random.default_rng(seed)
    a, b = structured(rng, (20, 3), structure), structured(rng, (20, 3), "normal")
    (distances,) = gauge(distance, double(a), double(b), arithmetic=SINGLE)
    assert ratio(distance(a, b), distances) <= 1
    assert distances.tolerance < 2.0**-16 * (np.linalg.norm(a) + np.linalg.norm(b))


@given(seed=seeds, structure=structures)
def test_an_error_of_a_few_gauges_in_one_element_is_seen(seed, structure):
    x = structured(np.random.default_rng(seed), (6, 6), structure)
    (result,) = gauge(lambda x: np.tanh(x @ x), double(x), arithmetic=SINGLE)
    computed = np.tanh(x @ x)
    assert ratio(computed, result) <= 1
    wrong = double(computed)
    wrong[2, 3] += 3 * result.tolerance[2, 3] + np.finfo(np.float32).tiny
    assert ratio(wrong, result) > 1


def test_repeated_squaring_stays_inside():
    """λ^t by doubling, t up to 4096, against the recurrence: only because every input carries a backward error."""

    def powers(decay):
        states = [decay]
        for _ in range(1023):
            states.append(states[-1] * decay)
        return np.stack(states)

    decay = np.exp(1j * np.random.default_rng(0).uniform(0, 2 * np.pi, 8)).astype(np.complex64)
    (recurrence,) = gauge(powers, double(decay), arithmetic=SINGLE)
    doubled = decay[None]
    while len(doubled) < 1024:
        doubled = np.concatenate([doubled, doubled * doubled[-1]])
    assert 1 / 16 < ratio(doubled, recurrence) <= 1


@pytest.mark.parametrize("structure", STRUCTURES)
def test_float64_is_judged_with_the_error_of_the_reference_itself(structure):
    """Two float64 programs of different order may differ by the gauges of both."""
    x = double(structured(np.random.default_rng(0), (400,), structure))
    (sums,) = gauge(np.sum, x, arithmetic=DOUBLE)
    assert ratio(np.cumsum(x)[-1], sums) <= 1
    assert ratio(np.cumsum(x[::-1])[-1], sums) <= 1


def test_importing_the_numbers_needs_numpy_and_scipy_only():
    check = "import sys, reference.numbers; assert not {'flint', 'torch', 'jax', 'hypothesis'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_without_flint_the_certificates_name_the_extra():
    check = "import sys; sys.modules['flint'] = None\nimport reference.numbers.balls"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert run.returncode and "gaugeblock[certify]" in run.stderr
