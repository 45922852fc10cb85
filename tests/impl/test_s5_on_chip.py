"""The Triton kernels that keep the states of a layer on chip, in Triton's interpreter: small sizes, and no GPU."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

JUDGED = """
import tests.impl.bounds
import impl.torch.s5
from impl.torch.cuda import s5_layer as fast
from impl.triton import s5_layer as kernels
from properties.catalogue import shipped
from properties.inputs import s5 as drawn
from properties.inputs.s5 import Bucket
from properties.laws.s5 import restart
from properties.laws.universal import adjointness, gradients_agree, values_agree
from properties.systems.s5 import KERNELS

impl.torch.s5._on_chip = lambda *arrays: fast.fits(*arrays)
# Two lanes of 16 times a tile and windows of two tiles: 80 times pass through every way in which they meet.
ordinary = kernels.plan
def small(channels, states, *, gradient):
    return kernels.Plan(2, 16, 16, 16, 2, 4, 1, False, None)

(apply,) = (kernel for kernel in KERNELS if kernel.name == "s5.apply")
for plan, bucket, dtype in (
    (small, Bucket(80, 17, 3), "float32"), (ordinary, Bucket(64, 1, 1), "float32"),
    (small, Bucket(33, 2, 5), "float16"),
):
    kernels.plan = plan
    implementation = list(shipped(apply, "torch", "cpu", (dtype,)))[0]
    kinds = ("damped", "drawn", "usual", "normal", "normal", "from a state")
    case = drawn.make(bucket, drawn.fill_layer, kinds, 0, 0, dtype)
    for law in (values_agree, gradients_agree, adjointness, restart):
        law(implementation, case)
"""


def test_the_layer_and_its_gradient_are_the_recurrence_within_the_gauge():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", JUDGED], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
