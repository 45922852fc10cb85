"""Both ways in which JAX sums squares give the norm of the reference, from the smallest numbers to the largest."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from impl.jax import clipping_size as size  # noqa: E402
from reference import clipping as reference  # noqa: E402
from reference.numbers import ARITHMETICS, gauge  # noqa: E402

WAYS = {"one reading": size._in_one_reading, "two readings": size._in_two_readings}
EXPONENTS = (0, 41, -41, 42, -42, 66, -66, 110, -110)  # around the limits of Blue's kinds, and near the range's ends


def drawn(exponent, spread):
    """Two arrays, the second one complex, the elements up to 2^spread smaller than the largest ones."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(1030,)), random.normal(size=(7, 3)) + 1j * random.normal(size=(7, 3))]
    arrays = [x * 2.0 ** (exponent - random.integers(0, spread + 1, size=x.shape)) for x in arrays]
    return [x.astype(np.complex64 if np.iscomplexobj(x) else np.float32) for x in arrays]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spread", [0, 12, 90])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_sum_of_squares_is_that_of_the_reference(way, exponent, spread):
    arrays = drawn(exponent, min(spread, 110 + exponent))
    total, unit = WAYS[way]([jax.numpy.asarray(x) for x in arrays])
    wide = [x.astype(complex if np.iscomplexobj(x) else float) for x in arrays]
    [(norm, allowed)] = gauge(reference.global_norm, wide, arithmetic=ARITHMETICS["float32"])
    assert abs(np.sqrt(float(total)) * 2.0 ** int(unit) - norm) <= allowed


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_finite_stays_so(way):
    for bad in (np.nan, np.inf):
        total, _ = WAYS[way]([jax.numpy.asarray([1.0, bad, 2.0**100], np.float32)])
        assert np.array_equal(float(total), bad, equal_nan=True)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_hides_nothing(way):
    """The exponent of a device without anything lies below every other's."""
    total, unit = WAYS[way]([jax.numpy.zeros(3)])
    _, least = WAYS[way]([jax.numpy.full(3, np.finfo(np.float32).tiny)])
    assert total == 0 and unit < least
