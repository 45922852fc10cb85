"""What a failure says of weaker arithmetics: a gauge that is infinite forgives everything and explains nothing."""

import numpy as np
import pytest

from properties.case import Case
from properties.catalogue import brought
from properties.failure import fitting_arithmetic
from properties.laws.universal import values_agree
from properties.systems import kernels_matching

NORMS = """
import numpy as np

def overflowing(gradients):
    return np.sqrt(np.sum(gradients[0] ** 2))

def halved(gradients):
    return np.sqrt(np.sum(gradients[0].astype(np.float16) ** 2)).astype(np.float32)
"""


@pytest.mark.parametrize(
    ("function", "value", "told"),
    [("overflowing", 2.0**70, "in every weaker arithmetic known"), ("halved", 1 + 2.0**-14, "would hold as float16")],
)
def test_an_overflow_is_not_explained_by_a_dtype_that_overflows_too(function, value, told, tmp_path):
    home = tmp_path / "norms.py"
    home.write_text(NORMS)
    (kernel,) = kernels_matching("clipping.global_norm")
    judged = brought(kernel, f"{home}:{function}", "numpy", "cpu", "float32")
    with np.errstate(over="ignore"):
        assert told in fitting_arithmetic(values_agree, judged, Case((np.array([value]),), "float32"))
