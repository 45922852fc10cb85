"""Sums of float32 data in every order that kernels use stay inside the gauge, which is not much wider than they."""

import numpy as np
import pytest
from hypothesis import given

from reference.numbers import gauge
from tests.numbers.orders import ORDERS, backward, forward
from tests.numbers.structures import (
    SINGLE,
    double,
    lengths,
    ratio,
    scales,
    seeds,
    structured,
    structures,
    worst_case_error,
)


def total(x):
    return np.sum(x, axis=-1)


@pytest.mark.parametrize("order", ORDERS)
@given(seed=seeds, structure=structures, length=lengths, scale=scales)
def test_a_sum_in_any_usual_order_stays_inside(order, seed, structure, length, scale):
    x = structured(np.random.default_rng(seed), (3, length), structure, scale)
    (sums,) = gauge(total, double(x), arithmetic=SINGLE)
    assert ratio(order(x), sums) <= 1


@given(seed=seeds, structure=structures, length=lengths)
def test_a_complex_sum_stays_inside(seed, structure, length):
    rng = np.random.default_rng(seed)
    z = structured(rng, (2, length), structure) + np.complex64(1j) * structured(rng, (2, length), structure)
    (sums,) = gauge(total, double(z), arithmetic=SINGLE)
    assert max(ratio(order(z), sums) for order in ORDERS) <= 1


@given(seed=seeds, structure=structures, length=lengths)
def test_running_sums_and_means_stay_inside(seed, structure, length):
    x = structured(np.random.default_rng(seed), (2, length), structure)
    (running,) = gauge(lambda x: np.cumsum(x, axis=-1), double(x), arithmetic=SINGLE)
    assert ratio(np.cumsum(x, axis=-1, dtype=np.float32), running) <= 1
    (mean,) = gauge(lambda x: np.mean(x, axis=-1), double(x), arithmetic=SINGLE)
    assert ratio(forward(x) / np.float32(length), mean) <= 1


def test_equal_terms_round_alike():
    """Their errors add linearly: without the coherence of equal terms this ratio is 7."""
    worst = 0.0
    for seed in range(20):
        x = np.full(4096, np.random.default_rng(seed).uniform(0.1, 1), np.float32)
        (sums,) = gauge(np.sum, double(x), arithmetic=SINGLE)
        worst = max(worst, ratio(forward(x), sums))
    assert 1 / 16 < worst <= 1  # 0.11


def test_terms_below_the_rounding_of_the_sum_are_lost_in_one_direction():
    """One large term and many small ones of one sign: a random walk would allow a fifth of this loss."""
    worst = 0.0
    for seed in range(20):
        small = SINGLE.accumulate * np.random.default_rng(seed).uniform(0, 1, 4095)
        x = np.concatenate([[1.0], small]).astype(np.float32)
        (sums,) = gauge(np.sum, double(x), arithmetic=SINGLE)
        worst = max(worst, ratio(forward(x), sums))
    assert 1 / 2 < worst <= 1  # 0.82


def test_partial_sums_of_sorted_terms_wander_and_return():
    worst = 0.0
    for seed in range(20):
        x = structured(np.random.default_rng(seed), (4096,), "sorted")
        (sums,) = gauge(np.sum, double(x), arithmetic=SINGLE)
        worst = max(worst, ratio(forward(x), sums), ratio(backward(x), sums))
    assert 1 / 8 < worst <= 1


def test_the_gauge_of_a_sum_is_within_twelve_times_the_worst_of_its_orders():
    """Over 200 draws of positive data, element by element."""
    rng = np.random.default_rng(0)
    x = np.abs(structured(rng, (200, 256), "normal"))
    (sums,) = gauge(total, double(x), arithmetic=SINGLE)
    assert max(ratio(order(x), sums) for order in ORDERS) > 1 / 12


@given(seed=seeds, length=lengths.filter(lambda length: length > 2))
def test_a_term_forgotten_is_seen(seed, length):
    x = np.abs(structured(np.random.default_rng(seed), (length,), "normal")) + np.float32(1)
    (sums,) = gauge(np.sum, double(x), arithmetic=SINGLE)
    assert ratio(forward(x[1:]), sums) > 1


@given(seed=seeds, structure=structures, length=lengths)
def test_the_worst_case_is_classical(seed, structure, length):
    """tolerance ≤ γ_{n−1} Σ|x|, n u/(1 − n u) with its inputs exact: Higham, Accuracy and Stability, (4.4)."""
    x = double(structured(np.random.default_rng(seed), (length,), structure))
    unit, additions = SINGLE.accumulate, max(np.count_nonzero(x) - 1, 0)
    classical = additions * unit / (1 - additions * unit) * np.sum(np.abs(x))
    assert np.isclose(worst_case_error(np.sum, x), classical, rtol=4 * unit, atol=4 * SINGLE.tiny)


@given(seed=seeds, structure=structures, length=lengths)
def test_the_largest_element_is_one_lipschitz(seed, structure, length):
    x = structured(np.random.default_rng(seed), (3, length), structure)
    (largest,) = gauge(lambda x: np.max(x * 3.0, axis=-1), double(x), arithmetic=SINGLE)
    assert ratio(np.max(x * np.float32(3), axis=-1), largest) <= 1
