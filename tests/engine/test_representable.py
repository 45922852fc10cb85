"""Rounding to a dtype is idempotent, exact on the dtype's own values, and to nearest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.representable import REAL_DTYPES, representable

NORMAL = st.floats(-1e4, 1e4, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 2.0**-10)
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@pytest.mark.parametrize("dtype", REAL_DTYPES)
@given(NORMAL)
def test_rounding_is_to_nearest_and_idempotent(dtype, x):
    rounded = representable(np.array(x), dtype)
    assert abs(rounded - x) <= UNIT[dtype] * abs(x)
    assert representable(rounded, dtype) == rounded


def test_bfloat16_agrees_with_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    values = np.random.default_rng(0).normal(size=1000)
    expected = torch.from_numpy(values).to(torch.float32).to(torch.bfloat16).to(torch.float64).numpy()
    assert np.array_equal(representable(values, "bfloat16"), expected)


def test_complex_parts_round_one_by_one_and_integers_stay():
    assert representable(np.array([1 / 3 + 1j / 3]), "float32")[0] == complex(np.float32(1 / 3), np.float32(1 / 3))
    assert representable(np.arange(3), "float16").dtype.kind == "i"


def test_an_unknown_dtype_is_named():
    with pytest.raises(ValueError, match="float8"):
        representable(np.ones(1), "float8")
