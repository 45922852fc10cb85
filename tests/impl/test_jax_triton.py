"""What JAX hands to the Triton kernels, in Triton's interpreter: a stand-in for jax-triton, which needs a GPU."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")
pytest.importorskip("jax", reason="jax is not installed")

STAND_IN = """
import sys, types
import jax, jax.numpy as jnp, numpy as np, torch

def in_parts(x):
    return torch.view_as_real(x) if x.is_complex() else x

def triton_call(*arguments, kernel, grid, out_shape, zeroed_outputs=(), **options):
    given = [in_parts(torch.from_numpy(np.array(x))) if hasattr(x, "shape") else x for x in arguments]
    found = [torch.from_numpy(np.full(o.shape, 7, o.dtype)) for o in out_shape]
    for place in zeroed_outputs:
        found[place].zero_()
    options |= {"FAST": False} if "FAST" in options else {}  # the interpreter has no hardware sine
    kernel[(grid,)](*given, *map(in_parts, found), **options)
    return [jnp.asarray(x.numpy()) for x in found]

calls = types.SimpleNamespace(triton_call=triton_call)
sys.modules["impl.jax.cuda.calls"] = calls
from properties.comparison import compare
from reference.numbers import Gauged

random = np.random.default_rng(0)
def drawn(*shape):
    return jnp.asarray((random.normal(size=shape) + 1j * random.normal(size=shape)).astype(np.complex64))

def alike(found, expected, roundings, unit=2.0**-24):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype, (one.dtype, other.dtype)
        allowed = np.full(other.shape, unit * roundings * abs(other).max())
        compare("through jax-triton", (np.asarray(one),), (Gauged(np.asarray(other), allowed),))
"""
LAYER = """
from impl.jax import s5_response
from impl.jax.cuda import s5_layer

decay = drawn(5)
decay = 0.875 * decay / abs(decay)
arrays = decay, drawn(5, 3), drawn(3, 5), drawn(3).real, drawn(1, 40, 3).real, drawn(1, 5)
cotangents = drawn(1, 40, 3).real, drawn(1, 5)
expected, pull_back = jax.vjp(s5_response._plain, *arrays)
alike(s5_layer.layer(*arrays), expected, roundings=40)  # one for each time
alike(s5_layer.gradients(*arrays, *cotangents), pull_back(cotangents), roundings=40)
"""
SCAN = """
from impl.jax.chunked import s5 as plain
from impl.jax.cuda import s5 as fast

for part in (lambda x: x, jnp.real):
    for times in ((), (37,)):
        decay = part(drawn(1, *times, 3))
        decay = 0.875 * decay / abs(decay)
        arrays = decay, part(drawn(2, 37, 3)), part(drawn(2, 3))
        for reverse in (False, True):
            found, expected = (module.scan(*arrays, reverse=reverse) for module in (fast, plain))
            alike([found], [expected], roundings=37)
"""
RESOLVENT = """
from impl.jax import tridiagonal as plain
from impl.jax.cuda import tridiagonal as fast

for part, size in ((jnp.real, 5), (lambda x: x, 21)):
    arrays = part(drawn(2, size)), part(drawn(2, size - 1)), part(drawn(2, size - 1)), 0.5j + drawn(2)
    for name, cotangent in (("resolvent_diagonal", drawn(2, size)), ("log_determinant", drawn(2))):
        expected, pull_back = jax.vjp(getattr(plain, name), *arrays)
        found, saved = getattr(fast, name)(*arrays, jnp.float32)
        gradients = getattr(fast, name + "_vjp")(*arrays, saved, cotangent, jnp.float32)
        alike((found, *gradients), (expected, *pull_back(cotangent)), roundings=200 * size)  # close to singular
"""
ATTENTION = """
from functools import partial
from impl.jax import attention as plain, kuramoto
from impl.jax.cuda import attention as fast, kuramoto as sine

def half(*shape):
    return drawn(*shape).real.astype(jnp.float16)

q, k, v, cotangent = half(2, 70, 20), half(2, 80, 20), half(2, 80, 12), half(2, 70, 12)
ends, options = (jnp.array([80, 33]), jnp.array([40, 70])), {"causal": True, "scale": 0.125}
expected, pull_back = jax.vjp(lambda *x: plain._fused(*x, *ends, **options), q, k, v)
found, *saved = fast.value(q, k, v, *ends, **options)
gradients = fast.vjp(q, k, v, *ends, *saved, cotangent, **options)
alike((found, *gradients), (expected, *pull_back(cotangent)), roundings=8, unit=2.0**-11)
lag = jnp.array([0.5, -0.25], jnp.float32)
expected, pull_back = jax.vjp(lambda *x: kuramoto._in_pieces(*x, **options), q, k, v, lag)
(found,) = sine.value(q, k, v, lag, **options)
gradients = sine.vjp(q, k, v, lag, cotangent, **options)
alike((found, *gradients), (expected, *pull_back(cotangent)), roundings=8, unit=2.0**-11)
"""


@pytest.mark.parametrize("script", [LAYER, SCAN, RESOLVENT, ATTENTION], ids=["layer", "scan", "resolvent", "attention"])
def test_the_kernels_of_pytorch_serve_jax(script):
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", STAND_IN + script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
