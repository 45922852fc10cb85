"""What jax-triton is asked for, by a stand-in for it."""

import importlib
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("jax", reason="jax is not installed")

CALLS = "impl.jax.cuda.calls"


def imported(monkeypatch, **names):
    """The room as it is with a jax-triton of these names; other tests import it anew."""
    monkeypatch.setitem(sys.modules, "jax_triton", SimpleNamespace(triton_lib=SimpleNamespace(**names)))
    monkeypatch.setitem(sys.modules, CALLS, None)
    del sys.modules[CALLS]
    return importlib.import_module(CALLS)


def test_a_size_that_is_not_specialised_on_is_never_the_constant_1(monkeypatch):
    types: dict = {}
    calls = imported(
        monkeypatch, _JAX_TO_TRITON_TYPE_MAP=types, triton_call=lambda *arguments, **options: (arguments, options)
    )
    kernel = SimpleNamespace(arg_names=["x", "rows", "stride", "factor", "out"], do_not_specialize=["rows", "factor"])
    (x, rows, stride, factor), options = calls.triton_call("an array", 1, 1, 0.5, kernel=kernel, grid=3)
    assert (x, stride, factor, options) == ("an array", 1, 0.5, {"kernel": kernel, "grid": 3})
    assert rows != 1 and isinstance(rows, int) and int(rows) == 1
    assert rows == type(rows)(1) and hash(rows) == hash(type(rows)(1))  # the same call is the same to JAX
    assert set(types.values()) == {"fp32", "fp64"}


def test_a_jax_triton_that_names_types_otherwise_is_refused(monkeypatch):
    with pytest.raises(ImportError, match=r"expected a release that names Triton's types as 0\.3\.1 does"):
        imported(monkeypatch)
