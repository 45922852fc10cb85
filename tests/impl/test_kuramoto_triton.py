"""The Triton kernels of sine attention in Triton's interpreter, which needs no GPU, only small sizes.

It multiplies bfloat16 as integers, so that float16 stands for both halves here.
"""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

JUDGED = """
import tests.impl.bounds
import numpy as np, torch
from impl.torch.cuda import kuramoto as fast
from impl.triton.tiles import tiling
from properties.comparison import compare
from properties.half_precision import single_inside
from properties.representable import representable
from reference import kuramoto
from reference.numbers import ARITHMETICS, gauge
random = np.random.default_rng(0)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16}
fast.tiling_of = lambda q, v, held: tiling(q.shape[-1], v.shape[-1], q.dtype.itemsize, held, ROOMY)
def drawn(dtype, *shape):
    return representable(random.normal(size=shape), dtype)
for dtype, times, keys, channels, value_channels, causal in CASES:
    arrays = drawn(dtype, 2, times, channels), drawn(dtype, 2, keys, channels), drawn(dtype, 2, keys, value_channels)
    lag, cotangent = np.asarray(0.5), drawn(dtype, 2, times, value_channels)
    arithmetic = single_inside(dtype) if dtype == "float16" else ARITHMETICS[dtype]
    options = {"causal": causal, "scale": 0.3}
    given = [torch.from_numpy(x).to(DTYPES[dtype]) for x in arrays]
    behind = torch.full((2,), 0.5, dtype=DTYPES[dtype])
    found = fast.value(*given, behind, **options)[0].double().numpy()
    compare("value", (found,), gauge(kuramoto.attend, *arrays, lag, arithmetic=arithmetic, **options))
    *found, by_lag = fast.vjp(*given, behind, (), torch.from_numpy(cotangent).to(DTYPES[dtype]), **options)
    expected = gauge(kuramoto.attend_vjp, *arrays, lag, cotangent, arithmetic=arithmetic, **options)
    compare("gradient", [x.double().numpy() for x in (*found, by_lag.double().sum())], expected)
"""
ANYWHERE = (
    ("float32", 5, 70, 3, 5, False),
    ("float32", 67, 67, 20, 16, True),
    ("float64", 37, 21, 4, 17, True),
    ("float16", 130, 130, 16, 8, True),
    ("float16", 70, 50, 72, 8, True),
)
ROOMY = (
    ("float16", 3, 65, 8, 8, False),
    ("float16", 150, 131, 16, 16, True),
    ("float16", 140, 140, 128, 128, True),
    ("float16", 40, 130, 72, 20, False),
)


@pytest.mark.parametrize(("roomy", "cases"), [(False, ANYWHERE), (True, ROOMY)], ids=("any GPU", "H100"))
def test_the_triton_kernels_lie_within_the_gauge(roomy, cases):
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    judged = f"ROOMY, CASES = {roomy}, {cases}\n{JUDGED}"
    done = subprocess.run([sys.executable, "-c", judged], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
