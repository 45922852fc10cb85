"""The Triton kernels that keep the states of a layer on chip, in Triton's interpreter: small sizes, and no GPU."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

JUDGED = """
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

THROUGH_JAX = """
import sys, types
import jax, jax.numpy as jnp, numpy as np, torch

def triton_call(*arguments, kernel, grid, out_shape, zeroed_outputs=(), **options):
    given = [torch.from_numpy(np.array(x)) if hasattr(x, "shape") else x for x in arguments]
    found = [torch.from_numpy(np.full(o.shape, 7, o.dtype)) for o in out_shape]
    for place in zeroed_outputs:
        found[place].zero_()
    kernel[(grid,)](*given, *found, **options)
    return [jnp.asarray(x.numpy()) for x in found]

sys.modules["jax_triton"] = types.SimpleNamespace(triton_call=triton_call)
from impl.jax import s5_response
from impl.jax.cuda import s5_layer
from properties.comparison import compare
from reference.numbers import Gauged

random = np.random.default_rng(0)
def drawn(*shape):
    return jnp.asarray((random.normal(size=shape) + 1j * random.normal(size=shape)).astype(np.complex64))
decay = drawn(5)
decay = 0.875 * decay / abs(decay)
sequence = drawn(1, 40, 3).real
arrays = decay, drawn(5, 3), drawn(3, 5), drawn(3).real, sequence, drawn(1, 5)
cotangents = drawn(1, 40, 3).real, drawn(1, 5)
expected, pull_back = jax.vjp(s5_response._plain, *arrays)
for found, plain in (
    (s5_layer.layer(*arrays), expected), (s5_layer.gradients(*arrays, *cotangents), pull_back(cotangents)),
):
    for one, other in zip(found, plain, strict=True):
        allowed = np.full(other.shape, 2.0**-24 * 40 * abs(other).max())  # a rounding for each time
        compare("on chip", (np.asarray(one),), (Gauged(np.asarray(other), allowed),))
"""


def _runs(script: str) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_layer_and_its_gradient_are_the_recurrence_within_the_gauge():
    _runs(JUDGED)


def test_jax_hands_the_kernels_the_same_arrays():
    pytest.importorskip("jax", reason="jax is not installed")
    _runs(THROUGH_JAX)
