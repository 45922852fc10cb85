"""The Triton kernels that keep the states of a layer on chip, in Triton's interpreter, where sizes are small, and on
a GPU over long sequences."""

import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton", reason="triton is not installed")

from impl.triton import s5_layer as kernels  # noqa: E402
from impl.triton.s5_slabs import LANES  # noqa: E402
from properties.catalogue import shipped  # noqa: E402
from properties.inputs import s5 as drawn  # noqa: E402
from properties.inputs.s5 import Bucket  # noqa: E402
from properties.laws.universal import gradients_agree, values_agree  # noqa: E402
from properties.systems.s5 import KERNELS  # noqa: E402

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
# Tiles of two slabs and windows of two tiles: 260 times pass through every way in which they meet.
ordinary = kernels.plan
def small(rows, channels, states, *, gradient):
    return kernels.Plan(1 if gradient else 2, 32, 32, 16, 2, 4, 1, False)
kernels.Plan.passes = lambda plan: ((True, False), (False, True))

(apply,) = (kernel for kernel in KERNELS if kernel.name == "s5.apply")
for plan, bucket, dtype in (
    (small, Bucket(260, 33, 17), "float32"), (ordinary, Bucket(64, 1, 1), "float32"),
    (small, Bucket(33, 2, 5), "float16"),
):
    kernels.plan = plan
    implementation = list(shipped(apply, "torch", "cpu", (dtype,)))[0]
    kinds = ("damped", "drawn", "usual", "normal", "normal", "from a state")
    case = drawn.make(bucket, drawn.fill_layer, kinds, 0, 0, dtype)
    for law in (values_agree, gradients_agree, adjointness, restart):
        law(implementation, case)
"""


FORWARD_MODE = """
import torch
from torch.autograd import forward_ad
from impl.torch.cuda import s5_layer as fast
from impl.torch.s5 import through_memory
random = torch.Generator().manual_seed(0)
shapes = {"decay": (3,), "gain": (3,), "input": (3, 2)}
shapes |= {"read": (2, 3), "through": (2,), "u": (1, 5, 2), "initial": (1, 3)}
def drawn():
    real = ("through", "u")
    return [torch.randn(shape, generator=random, dtype=torch.float32 if name in real else torch.complex64)
            for name, shape in shapes.items()]
arrays, along = drawn(), drawn()
_, (expected, _) = torch.func.jvp(through_memory, tuple(arrays), tuple(along))
with forward_ad.dual_level():
    y, _ = fast.apply(through_memory, *map(forward_ad.make_dual, arrays, along))
    tangent = forward_ad.unpack_dual(y).tangent
torch.testing.assert_close(tangent, expected)
"""


@pytest.mark.parametrize("program", [JUDGED, FORWARD_MODE], ids=["gauge", "forward mode"])
def test_the_layer_and_its_derivatives(program):
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("law", [values_agree, gradients_agree], ids=str)
def test_what_a_single_row_looks_back_on_over_several_windows(law):
    (apply,) = (kernel for kernel in KERNELS if kernel.name == "s5.apply")
    (implementation,) = shipped(apply, "torch", "cuda", ("float32",))
    plan = kernels.plan(1, 1, 1, gradient=False)
    times = 2 * plan.WINDOW * plan.lane() * LANES.value + 1
    kinds = ("damped", "drawn", "usual", "normal", "normal", "from a state")
    law(implementation, drawn.make(Bucket(times, 1, 1), drawn.fill_layer, kinds, 0, 0, "float32"))
