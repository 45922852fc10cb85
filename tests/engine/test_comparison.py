"""Comparison: the gauge decides, element by element, and knows when it proves nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.comparison import Metric, compare, conditioning, ratios, vacuous, vacuous_share
from properties.law import Falsified
from reference.numbers import Gauged

SINGLE = 2.0**-24


def judged(value, tolerance):
    value = np.asarray(value)
    return Gauged(value, np.broadcast_to(np.asarray(tolerance, float), value.shape))


@given(st.integers(0, 6), st.floats(1.001, 100))
def test_one_element_beyond_its_gauge_is_found_and_named(at, error):
    expected = judged(np.arange(7.0), 0.25)
    actual = expected.value.copy()
    actual[at] += 0.25 * error
    with pytest.raises(Falsified) as found:
        compare("value", (actual,), (expected,))
    assert found.value.discrepancy.index == (at,)
    assert found.value.discrepancy.error == pytest.approx(error)


def test_an_error_of_exactly_one_gauge_passes():
    assert compare("value", (np.array([1.25]),), (judged([1.0], 0.25),)) == 1


def test_nan_never_passes_a_finite_gauge():
    assert np.isinf(ratios(np.array([np.nan]), judged([1.0], 0.25))).all()


def test_an_infinite_gauge_demands_nothing():
    assert ratios(np.array([np.nan]), judged([1.0], np.inf)).max() == 0


def test_a_zero_gauge_demands_the_exact_value():
    assert ratios(np.array([0.0]), judged([0.0], 0.0)).max() == 0
    assert np.isinf(ratios(np.array([SINGLE]), judged([0.0], 0.0)).max())


def test_a_wrong_shape_or_kind_is_falsified():
    with pytest.raises(Falsified, match="shape"):
        compare("value", (np.ones((2, 1)),), (judged(np.ones(2), 1.0),))
    with pytest.raises(Falsified, match="complex"):
        compare("value", (np.ones(2),), (judged(np.ones(2) + 0j, 1.0),))


def test_periodic_values_are_compared_modulo_their_period():
    period = 2j * np.pi
    expected = judged([1 + 1j], 4 * SINGLE)
    assert ratios(expected.value + 3 * period, expected, Metric(period)).max() <= 1
    assert ratios(expected.value + period / 2, expected, Metric(period)).max() > 1


def test_a_value_periods_away_may_carry_the_rounding_of_those_periods():
    expected, period = judged([1j], SINGLE), 2j * np.pi
    far = expected.value + 10 * period * (1 + SINGLE / 2)
    assert ratios(far, expected, Metric(period)).max() > 1
    assert ratios(far, expected, Metric(period, SINGLE)).max() <= 1


def test_a_gauge_that_lets_zero_or_a_shuffle_pass_is_vacuous():
    values = np.array([1.0, -2.0, 3.0])
    assert vacuous((judged(values, 4.0),), SINGLE)
    assert vacuous((judged(100 + values, 8.0),), SINGLE)
    assert not vacuous((judged(values, 0.5),), SINGLE)


def test_an_output_that_is_zero_within_its_gauge_does_not_make_the_others_vacuous():
    assert not vacuous((judged([1e-30, 2e-30], SINGLE), judged([5.0], 0.5)), SINGLE)


def test_equal_outputs_are_not_vacuous_for_being_equal():
    assert not vacuous((judged([5.0, 5.0, 5.0], 0.5),), SINGLE)


def test_the_vacuous_share_counts_elements_with_a_gauge_as_large_as_the_output():
    assert vacuous_share((judged([1.0, 1.0, 1.0, 1.0], [0.1, 2.0, np.inf, 0.1]),)) == 0.5


def test_conditioning_is_the_gauge_in_units_of_roundoff_and_size():
    assert conditioning((judged([2.0, -2.0], 2.0 * 64 * SINGLE),), SINGLE) == pytest.approx(64)
