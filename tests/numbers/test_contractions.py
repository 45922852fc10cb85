"""Matrix products in float32, tf32 and bf16 stay inside their gauges, whatever the order of summation."""

import numpy as np
import pytest
from hypothesis import given

from reference.numbers import ARITHMETICS, gauge
from tests.numbers.orders import ORDERS, forward
from tests.numbers.structures import SINGLE, double, lengths, ratio, seeds, structured, structures, worst_case_error

BFLOAT_PRODUCTS, TENSOR_FLOAT = ARITHMETICS["bf16_products"], ARITHMETICS["tf32"]


def product(a, b):
    return a @ b


def by_terms(order, a, b):
    return order(a[:, None, :] * b.T[None, :, :])


def rounded_to(bits: int, x: np.ndarray) -> np.ndarray:
    """float32 rounded to that many bits of significand, to nearest even."""
    significand, exponent = np.frexp(double(x))
    return np.ldexp(np.rint(np.ldexp(significand, bits)), exponent - bits).astype(np.float32)


def truncated_to(bits: int, x: np.ndarray) -> np.ndarray:
    significand, exponent = np.frexp(double(x))
    return np.ldexp(np.trunc(np.ldexp(significand, bits)), exponent - bits).astype(np.float32)


@pytest.mark.parametrize("order", ORDERS)
@given(seed=seeds, left=structures, right=structures, length=lengths)
def test_a_product_in_any_usual_order_stays_inside(order, seed, left, right, length):
    rng = np.random.default_rng(seed)
    a, b = structured(rng, (3, length), left), structured(rng, (2, length), right).T
    (products,) = gauge(product, double(a), double(b), arithmetic=SINGLE)
    assert ratio(by_terms(order, a, b), products) <= 1
    assert ratio(a @ b, products) <= 1


@pytest.mark.parametrize("spelling", ["ij,j->i", "ij,ij->i"])
@given(seed=seeds, left=structures, right=structures)
def test_products_with_a_vector_stay_inside_where_their_terms_differ_by_decades(spelling, seed, left, right):
    rng = np.random.default_rng(seed)
    a = structured(rng, (2, 2000), left) * np.exp(3 * rng.normal(size=2000)).astype(np.float32)
    b = structured(rng, (2, 2000), right) if spelling == "ij,ij->i" else structured(rng, (2000,), right)
    (products,) = gauge(lambda a, b: np.einsum(spelling, a, b), double(a), double(b), arithmetic=SINGLE)
    assert max(ratio(order(a * b), products) for order in ORDERS) <= 1
    if b.ndim == 1:
        for (spelled,) in (
            gauge(product, double(a), double(b), arithmetic=SINGLE),
            gauge(lambda a, b: (a @ b[:, None])[:, 0], double(a), double(b), arithmetic=SINGLE),
        ):
            assert max(ratio(order(a * b), spelled) for order in ORDERS) <= 1


@given(seed=seeds, left=structures, right=structures, length=lengths)
def test_a_complex_product_stays_inside(seed, left, right, length):
    rng = np.random.default_rng(seed)
    a = structured(rng, (2, length), left) + np.complex64(1j) * structured(rng, (2, length), right)
    b = (structured(rng, (2, length), right) + np.complex64(1j) * structured(rng, (2, length), left)).T
    (products,) = gauge(product, double(a), double(b), arithmetic=SINGLE)
    assert ratio(a @ b, products) <= 1
    assert ratio(by_terms(forward, a, b), products) <= 1


@given(seed=seeds, left=structures, right=structures, length=lengths)
def test_products_of_rounded_operands_stay_inside_their_arithmetic(seed, left, right, length):
    rng = np.random.default_rng(seed)
    a, b = structured(rng, (3, length), left), structured(rng, (2, length), right).T
    (bfloat,) = gauge(product, double(a), double(b), arithmetic=BFLOAT_PRODUCTS)
    assert ratio(rounded_to(8, a) @ rounded_to(8, b), bfloat) <= 1
    (tensor,) = gauge(product, double(a), double(b), arithmetic=TENSOR_FLOAT)
    assert ratio(rounded_to(11, a) @ rounded_to(11, b), tensor) <= 1
    assert ratio(truncated_to(11, a) @ truncated_to(11, b), tensor) <= 1


def test_tf32_products_are_not_float32_products():
    rng = np.random.default_rng(0)
    a, b = structured(rng, (16, 64), "normal"), structured(rng, (64, 16), "normal")
    computed = rounded_to(11, a) @ rounded_to(11, b)
    (single,) = gauge(product, double(a), double(b), arithmetic=SINGLE)
    (tensor,) = gauge(product, double(a), double(b), arithmetic=TENSOR_FLOAT)
    assert ratio(computed, single) > 8
    assert 1 / 8 < ratio(computed, tensor) <= 1  # 0.21


def test_an_accumulator_that_truncates_stays_inside():
    """Blocks of 16 summed exactly, the accumulator cut towards zero: tensor cores. Positive data drift one way."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 1, (4, 4096)).astype(np.float32), rng.uniform(0.5, 1, (4096, 4)).astype(np.float32)
    accumulator = np.zeros((4, 4))
    for start in range(0, 4096, 16):
        accumulator = accumulator + double(a[:, start : start + 16]) @ double(b[start : start + 16])
        accumulator = double(truncated_to(24, accumulator))
    (products,) = gauge(product, double(a), double(b), arithmetic=TENSOR_FLOAT)
    assert ratio(accumulator, products) <= 1


@given(seed=seeds, left=structures, right=structures, length=lengths)
def test_the_worst_case_is_classical(seed, left, right, length):
    """|fl(AB) − AB| ≤ γ_n |A||B|, Higham (3.13), n the number of nonzero terms; one product rounds once."""
    rng = np.random.default_rng(seed)
    a, b = double(structured(rng, (3, length), left)), double(structured(rng, (2, length), right)).T
    terms = np.maximum((a != 0).astype(float) @ (b != 0), 1)
    unit = SINGLE.accumulate
    classical = terms * unit / (1 - terms * unit) * (np.abs(a) @ np.abs(b))
    bound = worst_case_error(product, a, b)
    assert np.all(bound <= classical * (1 + 4 * unit) + 4 * (length + 1) * SINGLE.tiny)
    assert np.all(bound >= terms * unit * (np.abs(a) @ np.abs(b)) * (1 - 4 * unit))


def test_the_gauge_of_a_product_is_within_sixteen_times_the_worst_of_its_orders():
    rng = np.random.default_rng(0)
    a, b = np.abs(structured(rng, (16, 256), "normal")), np.abs(structured(rng, (16, 256), "normal")).T
    (products,) = gauge(product, double(a), double(b), arithmetic=SINGLE)
    assert max(ratio(by_terms(order, a, b), products) for order in ORDERS) > 1 / 16


@given(seed=seeds, length=lengths)
def test_all_spellings_of_a_product_have_one_value(seed, length):
    rng = np.random.default_rng(seed)
    a, b = double(structured(rng, (4, 3, length), "normal")), double(structured(rng, (4, length, 2), "normal"))
    (products,) = gauge(product, a, b, arithmetic=SINGLE)
    spellings = {
        "einsum": gauge(lambda a, b: np.einsum("bik,bkj->bij", a, b), a, b, arithmetic=SINGLE),
        "matmul": gauge(np.matmul, a, b, arithmetic=SINGLE),
    }
    for (spelled,) in spellings.values():
        np.testing.assert_array_equal(spelled.value.shape, products.value.shape)
        assert ratio(spelled.value, products) <= 1
        assert np.all(spelled.tolerance <= 2 * products.tolerance) and np.all(
            products.tolerance <= 2 * spelled.tolerance
        )
    (vector,) = gauge(product, a[0, 0], b[0, :, 0], arithmetic=SINGLE)
    assert vector.tolerance == pytest.approx(products.tolerance[0, 0, 0])


@given(seed=seeds, length=lengths.filter(lambda length: length > 1))
def test_a_wrong_element_of_an_operand_is_seen(seed, length):
    rng = np.random.default_rng(seed)
    a, b = np.abs(structured(rng, (3, length), "normal")) + 1, np.abs(structured(rng, (length, 2), "normal")) + 1
    (products,) = gauge(product, double(a), double(b), arithmetic=SINGLE)
    wrong = a.copy()
    wrong[0, 0] = a[0, 1] + 1
    assert ratio((wrong @ b).astype(np.float32), products) > 1 or np.allclose(wrong, a)
