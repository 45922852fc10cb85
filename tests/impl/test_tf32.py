"""precision="tf32" is a permission: a CPU, which has no such products, gives the bits that it gives without."""

import numpy as np
import pytest

from properties.catalogue import load_framework, load_function
from properties.systems import kernels_matching
from properties.systems.transformer import TF32

KERNELS = [kernel for kernel in kernels_matching("*") if TF32 in kernel.variants]
SEED = 0


def _case(kernel):
    """A bad input's neighbour: what an unknown precision is tried on, with a known one."""
    (bad,) = (bad for bad in kernel.refuses if bad.argument == "precision")
    return bad.change(next(iter(kernel.empty("float32"))))


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_values_and_gradients_in_tf32_are_those_of_single_precision_on_a_cpu(kernel, framework):
    inputs, options = _case(kernel)
    adapter = load_framework(framework, "cpu")
    function = load_function(f"impl.{framework}.{kernel.system}:{kernel.function_name}")
    arrays = [adapter.array(x, "float32", "cpu") for x in inputs]
    plain, allowed = {**options, "precision": None}, {**options, "precision": "tf32"}
    (value,), (other,) = (adapter.call(function, arrays, chosen) for chosen in (plain, allowed))
    cotangent = adapter.array(np.random.default_rng(SEED).normal(size=value.shape), "float32", "cpu")
    ours, theirs = (adapter.vjp(function, arrays, [cotangent], chosen) for chosen in (plain, allowed))
    for one, two in zip((value, *ours), (other, *theirs), strict=True):
        if one is not None:
            assert adapter.numpy(one).tobytes() == adapter.numpy(two).tobytes()
