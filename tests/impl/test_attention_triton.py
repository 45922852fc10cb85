"""The Triton kernels of padded attention in Triton's interpreter, which needs no GPU, only small sizes."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

JUDGED = """
import numpy as np, torch
from impl.torch.cuda.attention import padded
from properties.comparison import compare
from properties.half_precision import single_inside
from properties.representable import representable
from reference import attention
from reference.numbers import ARITHMETICS, gauge
random = np.random.default_rng(0)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16}
def drawn(dtype, *shape):
    return representable(random.normal(size=shape), dtype)
for dtype, times, keys, channels, value_channels, causal in (
    ("float32", 5, 130, 3, 5, False), ("float32", 131, 131, 20, 16, True), ("float64", 37, 70, 4, 17, True),
    ("float16", 130, 130, 16, 8, True), ("float16", 3, 65, 8, 8, False),
):
    arrays = drawn(dtype, 3, times, channels), drawn(dtype, 3, keys, channels), drawn(dtype, 3, keys, value_channels)
    lengths, cotangent = np.array([keys, 0, keys // 2]), drawn(dtype, 3, times, value_channels)
    arithmetic = single_inside(dtype) if dtype == "float16" else ARITHMETICS[dtype]
    options = {"causal": causal, "scale": 0.3}
    given = [torch.from_numpy(x).to(DTYPES[dtype]).requires_grad_() for x in arrays]
    found = padded(*given, torch.from_numpy(lengths), causal, 0.3)
    expected = gauge(attention.attend, *arrays, lengths, arithmetic=arithmetic, **options)
    compare("value", (found.detach().double().numpy(),), expected)
    found.backward(torch.from_numpy(cotangent).to(DTYPES[dtype]))
    expected = gauge(attention.attend_vjp, *arrays, lengths, cotangent, arithmetic=arithmetic, **options)
    compare("gradient", [x.grad.double().numpy() for x in given], expected[:3])
"""


def test_the_triton_kernels_lie_within_the_gauge():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", JUDGED], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
