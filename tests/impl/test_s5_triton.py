"""The Triton scan of S5 in Triton's interpreter, which needs no GPU and no fast machine, only small sizes."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

JUDGED = """
import tests.impl.bounds
import numpy as np
import impl.torch.s5_recurrence
from impl.torch.cuda import s5 as fast
from impl.triton import s5 as kernels
from properties.catalogue import shipped
from properties.case import Case
from properties.laws.universal import gradients_agree, values_agree
from properties.systems.s5 import KERNELS

impl.torch.s5_recurrence._backend = lambda device: fast
# Lanes of 2 times, tiles of 4 and windows of 8: 37 times pass through every way in which lanes and tiles meet.
def small(columns, times, bytes_of_number, *, light):
    tiles = -(-times // 4)
    return kernels.Plan(2, 2, 4, 2, tiles, tiles * -(-columns // 4))

ordinary, random = kernels.plan, np.random.default_rng(0)
(scan,) = (kernel for kernel in KERNELS if kernel.name == "s5.scan")
(implementation,) = shipped(scan, "torch", "cpu", ("float32",))

def drawn(*shape):
    values = random.normal(size=shape) + 1j * random.normal(size=shape)
    return values.astype(np.complex64).astype(complex)

for batch, times, states, varying, plan in (
    (2, 37, 3, False, small), (1, 37, 5, True, small), (2, 37, 5, True, ordinary), (3, 1, 2, False, ordinary),
):
    kernels.plan = plan
    decay = drawn(times, states) if varying else drawn(states)
    decay = (decay / (1.25 * np.abs(decay))).astype(np.complex64).astype(complex)
    inputs = decay, drawn(batch, times, states), drawn(batch, states)
    case = Case(inputs, "float32")
    values_agree(implementation, case)
    gradients_agree(implementation, case)
"""


def test_the_triton_scan_and_its_gradient_are_the_recurrence_within_the_gauge():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", JUDGED], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
