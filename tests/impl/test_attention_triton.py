"""The Triton kernels of padded attention in Triton's interpreter, which needs no GPU, only small sizes."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

BEGUN = """
import tests.impl.bounds
import numpy as np, torch
from impl.torch.cuda import attention as fast
from impl.triton.tiles import tiling
from properties.comparison import compare
from properties.half_precision import single_inside
from properties.representable import representable
from reference import attention
from reference.numbers import ARITHMETICS, gauge
random = np.random.default_rng(0)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16}
fast.tiling_of = lambda q, v, held: tiling(q.shape[-1], v.shape[-1], q.dtype.itemsize, held, ROOMY)
def drawn(dtype, *shape):
    return representable(random.normal(size=shape), dtype)
"""
JUDGED = """
for dtype, times, keys, channels, value_channels, causal in CASES:
    arrays = drawn(dtype, 3, times, channels), drawn(dtype, 3, keys, channels), drawn(dtype, 3, keys, value_channels)
    lengths, cotangent = np.array([keys, 0, keys // 2]), drawn(dtype, 3, times, value_channels)
    query_lengths = np.array([times // 3, times, times // 2 + 1] if QUERIES_PADDED else 3 * [times])
    # A loss that ignores padding leaves whole tiles of queries without a cotangent.
    cotangent = np.where((np.arange(times) < lengths[:, None])[..., None], cotangent, 0) if LEFT_OUT else cotangent
    arithmetic = single_inside(dtype) if dtype == "float16" else ARITHMETICS[dtype]
    options = {"causal": causal, "scale": SCALE}
    given = [torch.from_numpy(x).to(DTYPES[dtype]).requires_grad_() for x in arrays]
    found = fast.padded(*given, torch.from_numpy(lengths), torch.from_numpy(query_lengths), causal, SCALE)
    expected = gauge(attention.attend, *arrays, lengths, query_lengths, arithmetic=arithmetic, **options)
    compare("value", (found.detach().double().numpy(),), expected)
    found.backward(torch.from_numpy(cotangent).to(DTYPES[dtype]))
    sides = *arrays, lengths, query_lengths, cotangent
    expected = gauge(attention.attend_vjp, *sides, arithmetic=arithmetic, **options)
    compare("gradient", [x.grad.double().numpy() for x in given], expected[:3])
"""
ANY_PADDING = """
ends = lengths, query_lengths = torch.tensor([70, 0, 33]), torch.tensor([65, 70, 20])
counts, asked = ((torch.arange(70) < end[:, None])[..., None] for end in ends)
q, k, v, cotangent = (torch.from_numpy(drawn("float16", 3, 70, 16)).to(torch.float16) for _ in range(4))
outcomes = []
for filling in (0.0, float("nan")):
    given = [torch.where(kept, x, filling).requires_grad_() for kept, x in ((asked, q), (counts, k), (counts, v))]
    found = fast.padded(*given, *ends, False, 0.3)
    outcomes.append([found.detach(), *torch.autograd.grad(found, given, torch.where(asked, cotangent, filling))])
assert all(torch.equal(plain, other) for plain, other in zip(*outcomes))
assert all(not x[~asked[..., 0]].any() for x in outcomes[0][:2])
"""
ANYWHERE = (
    ("float32", 5, 130, 3, 5, False),
    ("float32", 131, 131, 20, 16, True),
    ("float64", 37, 70, 4, 17, True),
    ("float16", 130, 130, 16, 8, True),
)
ROOMY = (
    ("float16", 3, 65, 8, 8, False),
    ("float16", 200, 200, 16, 16, True),
    ("float16", 140, 140, 128, 128, True),
    ("float16", 40, 130, 72, 20, False),
)


def _interpreted(judged: str, **given) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    program = "".join(f"{name} = {value}\n" for name, value in given.items()) + BEGUN + judged
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("roomy", "cases", "left_out", "queries_padded", "scale"),
    [(False, ANYWHERE, False, False, 0.3), (True, ROOMY, True, False, -0.3), (True, ROOMY, False, True, 0.3)],
    ids=("any GPU", "H100, no cotangent for padding, negative scale", "H100, padded queries"),
)
def test_the_triton_kernels_lie_within_the_gauge(roomy, cases, left_out, queries_padded, scale):
    _interpreted(JUDGED, ROOMY=roomy, CASES=cases, LEFT_OUT=left_out, QUERIES_PADDED=queries_padded, SCALE=scale)


def test_padding_may_hold_anything():
    _interpreted(ANY_PADDING, ROOMY=True)
