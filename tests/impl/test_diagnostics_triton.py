"""The Triton kernels of the magnitudes, in its interpreter."""

import os
import subprocess
import sys

import pytest

TRITON = """
import numpy as np, torch
from impl.torch.cuda import diagnostics as fast
from properties.comparison import compare
from reference import diagnostics as reference
from reference.numbers import ARITHMETICS, gauge
fast.TILE, fast.PIECE, fast.BLOCK = 16, 64, 4
random = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    for scale in (0, 60, -60):
        drawn = [random.normal(size=shape) for shape in ((500,), (7, 3), (), (0, 2), (64,), (65,), (34,), (2,))]
        drawn[0][[3, 400]], drawn[4][:5], drawn[7][:] = (np.nan, -np.inf), 0, np.nan
        factor = 2.0 ** (scale * (1 if dtype == "float32" else 8))
        tensors = [torch.tensor(x * factor).to(getattr(torch, dtype)) for x in drawn]
        tensors[6:] = [torch.view_as_complex(x.reshape(-1, 2)) for x in tensors[6:]]
        tensors[1] = tensors[1].mT
        given = [x.numpy().astype(complex if x.is_complex() else float) for x in tensors]
        expected = gauge(reference.magnitudes, given, arithmetic=ARITHMETICS[dtype])
        found = fast.magnitudes(tensors, getattr(torch, dtype))
        compare("triton", [f.numpy().astype(e.value.dtype) for f, e in zip(found, expected)], expected)
"""


def test_the_magnitudes_of_sets_lie_within_the_gauge():
    pytest.importorskip("triton", reason="triton is not installed")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", TRITON], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
