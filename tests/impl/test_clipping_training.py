"""One line in a training loop: the gradients of a model in place, an optax chain, and the Triton kernels."""

import os
import subprocess
import sys

import numpy as np
import pytest

from properties.comparison import compare
from reference import clipping as reference
from reference.numbers import ARITHMETICS, gauge

SINGLE = ARITHMETICS["float32"]


def wide(gradient):
    return gradient.astype(complex if gradient.dtype.kind == "c" else float)


def agrees(arrays, report, given, max_norm):
    """The clipped set and its report are those of the reference."""
    expected = gauge(reference.safe_clip, [wide(g) for g in given], arithmetic=SINGLE, max_norm=max_norm)
    found = [*arrays, *(np.asarray(report[name]) for name in sorted(report))]
    compare("safe_clip_", [wide(f) for f in found], [e._replace(value=wide(e.value)) for e in expected])


def model_with_gradients(spoil):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(300, 70), torch.nn.Linear(70, 3, dtype=torch.complex64))
    model.register_parameter("unused", torch.nn.Parameter(torch.ones(2)))
    for parameter in list(model.parameters())[1:]:
        parameter.grad = torch.randn_like(parameter)
    if spoil:
        model[0].weight.grad[3, 5] = float("nan")
        model[1].weight.grad[1, 2] = complex(1, float("inf"))
    return model, [p.grad.numpy().copy() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("max_norm", [1.0, 1e4, 0.0, 2.0**-120])
@pytest.mark.parametrize("spoil", [False, True])
def test_a_model_is_clipped_in_place(max_norm, spoil):
    from impl.torch.clipping_training import safe_clip_

    model, given = model_with_gradients(spoil)
    report = safe_clip_(model, max_norm)
    agrees([p.grad.numpy() for p in model.parameters() if p.grad is not None], report, given, max_norm)


def test_what_is_inside_is_not_touched():
    from impl.torch.clipping_training import safe_clip_

    model, given = model_with_gradients(False)
    safe_clip_(model, float("inf"))
    for parameter, before in zip((p for p in model.parameters() if p.grad is not None), given, strict=True):
        assert np.array_equal(parameter.grad.numpy(), before)


def test_gradients_with_gaps_in_memory_are_clipped():
    torch = pytest.importorskip("torch")
    from impl.torch.clipping_training import safe_clip_

    parameter = torch.nn.Parameter(torch.zeros(400, 60))
    parameter.grad = torch.randn(400, 120)[:, ::2]
    given = [parameter.grad.numpy().copy()]
    report = safe_clip_([parameter], 1.0)
    agrees([parameter.grad.numpy()], report, given, 1.0)


def test_a_model_without_gradients_has_norm_zero():
    torch = pytest.importorskip("torch")
    from impl.torch.clipping_training import safe_clip_

    assert safe_clip_(torch.nn.Linear(2, 2), 1.0)["norm"] == 0


def test_a_monitor_listens():
    pytest.importorskip("torch")
    from impl.torch.clipping_monitor import Monitor
    from impl.torch.clipping_training import safe_clip_

    monitor = Monitor()
    for spoil in (False, True):
        safe_clip_(model_with_gradients(spoil)[0], 1.0, monitor=monitor)
    found = monitor.statistics()
    assert (found["nan_rate"], found["inf_rate"], found["clip_rate"], found["steps"]) == (0.5, 0.5, 1.0, 2)


def test_an_optax_chain_clips_and_remembers():
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax", reason="optax is not installed")
    from impl.jax.clipping_monitor import statistics
    from impl.jax.clipping_optax import safe_clip

    random = np.random.default_rng(0)
    given = [random.normal(size=(4, 3)).astype(np.float32), np.array([1, np.nan], np.float32)]
    params = {"a": np.zeros((4, 3), np.float32), "b": np.zeros(2, np.float32)}
    rule = optax.chain(safe_clip(1.0), optax.scale(1.0))
    update = jax.jit(rule.update)
    clipped, state = update(dict(zip("ab", given, strict=True)), rule.init(params))
    agrees([np.asarray(clipped["a"]), np.asarray(clipped["b"])], state[0].report, given, 1.0)
    _, state = update(params, state)
    found = statistics(state[0].seen)
    assert (float(found["nan_rate"]), float(found["clip_rate"]), int(found["steps"])) == (0.5, 0.5, 2)


TRITON = """
import numpy as np, torch
from impl.torch.cuda import clipping as fast
from properties.comparison import compare
from reference import clipping as reference
from reference.numbers import ARITHMETICS, gauge
fast.TILE, fast.PROGRAMS, fast.SHARES = 16, 4, 4
random = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    pair = {"float32": torch.complex64, "float64": torch.complex128}[dtype]
    for scale, max_norm, spoil in ((0, 1.0, False), (66, 0.1, True), (-66, float("inf"), True), (110, 1.0, True)):
        scale = scale * (1 if dtype == "float32" else 8)
        real = [random.normal(size=shape) for shape in ((50,), (7, 3), ())]
        pairs = [random.normal(size=n) + 1j * random.normal(size=n) for n in (17, 1)]
        if spoil:
            real[0][[3, 20]] = np.nan, -np.inf
            pairs[0][4], pairs[0][16] = complex(np.nan, np.inf), complex(1, np.inf)
        drawn = [*(g * 2.0**scale for g in real), np.zeros((0, 2)), *(g.view(float) * 2.0**scale for g in pairs)]
        tensors = [torch.tensor(g).to(getattr(torch, dtype)) for g in drawn]
        tensors[4:] = [torch.view_as_complex(t.reshape(-1, 2)) for t in tensors[4:]]
        given = [t.numpy().astype(complex if t.is_complex() else float) for t in tensors]
        expected = gauge(reference.safe_clip, given, arithmetic=ARITHMETICS[dtype], max_norm=max_norm)
        *clipped, norm, factor, nans, infs = fast.sanitized_and_clipped(max_norm, tensors)
        found = [x.numpy() for x in (*clipped, factor, infs, nans, norm)]
        compare("triton", [f.astype(e.value.dtype) for f, e in zip(found, expected)], expected)
        fast.clip_in_place(max_norm, tensors, torch.float64)
        assert all(torch.equal(own, new) for own, new in zip(tensors, clipped))
"""


def test_the_triton_kernels_clip_within_the_gauge():
    pytest.importorskip("triton", reason="triton is not installed")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", TRITON], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_set_without_arrays_has_norm_zero(framework):
    pytest.importorskip(framework)
    import importlib

    clipping = importlib.import_module(f"impl.{framework}.clipping")
    assert clipping.global_norm([]) == 0
    assert clipping.clip_by_global_norm([], max_norm=1.0) == ([], 0)
    assert {name: float(x) for name, x in clipping.safe_clip([], max_norm=1.0)[1].items()} == {
        "factor": 1, "infs": 0, "nans": 0, "norm": 0,
    }  # fmt: skip
    assert clipping.sanitize([]) == ([], 0)
