"""The Triton scan of S5 in Triton's interpreter, which needs no GPU and no fast machine, only small sizes."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

JUDGED = """
import numpy as np, torch
from impl.torch.cuda import s5 as fast
from properties.comparison import compare
from reference import s5
from reference.numbers import ARITHMETICS, gauge
random = np.random.default_rng(0)
def drawn(*shape):
    return (random.normal(size=shape) + 1j * random.normal(size=shape)).astype(np.complex64)
for batch, times, states, varying in ((2, 37, 5, False), (1, 130, 3, True), (3, 1, 2, False)):
    decay = drawn(batch, times, states) if varying else drawn(1, states)
    decay /= 1.25 * np.abs(decay)
    drive, initial = drawn(batch, times, states), drawn(batch, states)
    plain = [x.astype(complex) for x in (decay if varying else decay[0], drive, initial)]
    expected = gauge(s5.scan, *plain, arithmetic=ARITHMETICS["float32"])
    found = fast.scan(*map(torch.from_numpy, (decay, drive, initial)))
    compare("states", (found.numpy().astype(complex),), expected)
"""


def test_the_triton_scan_is_the_recurrence_within_the_gauge():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", JUDGED], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
