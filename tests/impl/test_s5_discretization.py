"""The Triton kernel of a held input in Triton's interpreter, and its derivatives of every mode."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

PRELUDE = """
import tests.impl.bounds
import itertools, torch
from impl.torch import s5_discretization as discretization
from impl.torch.cuda.s5_discretization import held
plain = discretization._plainly_held
def fast(eigenvalues, step):
    return held(plain, eigenvalues, step)
"""

JUDGED = """
from properties.catalogue import shipped
from properties.inputs import s5 as drawn
from properties.inputs.s5 import REAL_PARTS, STEPS, Bucket
from properties.laws.universal import adjointness, gradients_agree, values_agree
from properties.systems.s5 import KERNELS
discretization._held = fast
(discretize,) = (kernel for kernel in KERNELS if kernel.name == "s5.discretize")
for kinds, dtype in itertools.product(itertools.product(REAL_PARTS, ("drawn",), STEPS), ("float32", "float64")):
    implementation = list(shipped(discretize, "torch", "cpu", (dtype,)))[0]
    case = drawn.make(Bucket(1, 7, 2), drawn.fill_set, (*kinds, "normal"), 0, 0, dtype)
    for law in (values_agree, gradients_agree, adjointness):
        law(implementation, case)
"""

MODES = """
random = torch.Generator().manual_seed(0)
arrays = [torch.randn(5, generator=random, dtype=dtype).requires_grad_() for dtype in (torch.complex128, torch.float64)]
assert torch.autograd.gradcheck(fast, arrays, check_forward_ad=True, check_batched_grad=True)
assert torch.autograd.gradgradcheck(fast, arrays)
torch.testing.assert_close(torch.vmap(fast)(*arrays), plain(*arrays))
origin, step = torch.zeros(1, dtype=torch.complex128, requires_grad=True), torch.tensor([0.25], dtype=torch.float64)
decay, gain = fast(origin, step)
(slope,) = torch.autograd.grad(gain.real.sum(), origin)
assert (decay.item(), gain.item(), slope.item()) == (1, 1 / 4, 1 / 32)  # exactly: Δ, and half of Δ²
"""


@pytest.mark.parametrize("program", [JUDGED, MODES], ids=["gauge", "modes"])
def test_the_factors_and_their_derivatives(program):
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", PRELUDE + program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
