"""The Triton kernels of the tridiagonal row in Triton's interpreter, which needs no GPU, only small sizes."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

JUDGED = """
import tests.impl.bounds
import sys
import numpy as np
import impl.torch.tridiagonal as face
from impl.torch.cuda import tridiagonal as fast
from impl.triton.tridiagonal_tiles import Plan
from properties.catalogue import shipped
from properties.case import Case
from properties.laws.universal import gradients_agree, values_agree
from properties.representable import representable
from properties.systems.tridiagonal import KERNELS

class Everywhere:
    type = "cuda"

choose = face._kernel
face._kernel = lambda name, internal, device: choose(name, internal, Everywhere)
fast.rows_of_blocks = lambda blocks: {"ROWS": 2 if blocks > 3 else 1, "num_warps": 1}
ordinary, random = fast.plan, np.random.default_rng(0)
(kernel,) = (kernel for kernel in KERNELS if kernel.name == sys.argv[1])

def drawn(kind, *shape):
    values = random.normal(size=shape) + (1j * random.normal(size=shape) if kind == "complex" else 0)
    return representable(np.asarray(values), "float32")

# Chains, rows of lanes, lanes, sites and blocks that meet in every way: alone, ragged, in one row, in several blocks.
for batch, sites, plan, main, bonds in (
    (3, 5, None, "real", "real"),
    (3, 21, Plan(2, 2, 2, 8, 1), "real", "real"),
    (1, 50, Plan(1, 1, 2, 8, 4), "complex", "real"),
    (2, 2, Plan(2, 1, 2, 4, 1), "complex", "complex"),
):
    fast.plan = (lambda *_, plan=plan: plan) if plan else ordinary
    (implementation, *_) = shipped(kernel, "torch", "cpu", ("float32",))
    shift = drawn("real", batch) + 0.5j
    off = drawn(bonds, batch, sites - 1), drawn(bonds, batch, sites - 1)
    case = Case((drawn(main, batch, sites), *off, shift), "float32")
    values_agree(implementation, case)
    gradients_agree(implementation, case)
"""


@pytest.mark.parametrize("kernel", ["resolvent_diagonal", "log_determinant"])
def test_the_triton_kernels_and_their_gradients_lie_within_the_gauge(kernel):
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", JUDGED, f"tridiagonal.{kernel}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
