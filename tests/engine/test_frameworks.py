"""Adapters: one gradient convention, ∂L/∂a + i ∂L/∂b, exact round trips, honest reports of what is missing."""

import numpy as np
import pytest

from properties.catalogue import load_framework
from properties.errors import Unavailable
from properties.law import NotClaimed


@pytest.fixture(params=["torch", "jax"])
def framework(request):
    try:
        return load_framework(request.param, "cpu")
    except Unavailable as reason:
        pytest.skip(str(reason))


def arrays(framework, *values):
    return tuple(framework.array(np.asarray(value), "float64", "cpu") for value in values)


def gradients(framework, function, inputs, cotangent):
    found = framework.vjp(function, arrays(framework, *inputs), arrays(framework, cotangent), {})
    return [None if g is None else framework.numpy(g) for g in found]


def test_the_gradient_of_the_squared_modulus_is_twice_w(framework):
    w = np.array([1 + 2j, -3 + 0.5j])
    (found,) = gradients(framework, lambda w: (w * w.conj()).real, (w,), np.ones(2))
    assert np.array_equal(found, 2 * w)


def test_the_gradient_of_the_imaginary_part_is_i(framework):
    (found,) = gradients(framework, lambda w: w.imag, (np.array([1 + 2j]),), np.ones(1))
    assert np.array_equal(found, [1j])


def test_a_holomorphic_function_pulls_back_by_the_conjugate_derivative(framework):
    w, cotangent = np.array([1 + 2j]), np.array([3 - 1j])
    (found,) = gradients(framework, lambda w: w * w, (w,), cotangent)
    assert np.array_equal(found, np.conj(2 * w) * cotangent)


def test_a_real_input_of_a_complex_result_has_a_real_gradient(framework):
    x, c, cotangent = np.array([2.0]), np.array([1 + 4j]), np.array([2 - 1j])
    found, _ = gradients(framework, lambda x, c: x * c, (x, c), cotangent)
    assert found.dtype.kind == "f"
    assert np.array_equal(found, np.real(np.conj(c) * cotangent))


def test_forward_and_reverse_mode_are_adjoint(framework):
    w, v, covector = np.array([1 + 2j]), np.array([0.5 - 1j]), np.array([2 + 1j])
    (pushed,) = framework.jvp(lambda w: w * w, arrays(framework, w), arrays(framework, v), {})
    (pulled,) = gradients(framework, lambda w: w * w, (w,), covector)
    assert np.vdot(covector, framework.numpy(pushed)).real == np.vdot(pulled, v).real


def test_values_survive_the_round_trip(framework):
    for value in (np.array(1.5), np.arange(6.0).reshape(2, 3), np.array([1j, 2.0]), np.arange(3)):
        assert np.array_equal(framework.numpy(*arrays(framework, value)), value)


def test_several_outputs_come_as_a_tuple(framework):
    outputs = framework.call(lambda x: (x, 2 * x), arrays(framework, np.ones(2)), {})
    assert [framework.numpy(o).tolist() for o in outputs] == [[1, 1], [2, 2]]


def test_torch_strides_keep_the_values():
    torch = load_framework("torch", "cpu")
    strided = torch.strided(*arrays(torch, np.arange(6.0).reshape(2, 3)))
    assert not strided.is_contiguous()
    assert np.array_equal(torch.numpy(strided), np.arange(6.0).reshape(2, 3))


def test_numpy_says_where_its_gradient_is_missing():
    numpy = load_framework("numpy", "cpu")
    with pytest.raises(NotClaimed, match="_vjp"):
        numpy.vjp(np.sin, (np.ones(1),), (np.ones(1),), {})


def test_jax_counts_its_compilations():
    jax = load_framework("jax", "cpu")

    def function(x):
        return x * 3

    before = jax.compilations()
    jax.call(function, arrays(jax, np.ones(17)), {})
    first = jax.compilations()
    jax.call(function, arrays(jax, np.zeros(17)), {})
    assert first > before
    assert jax.compilations() == first


def test_single_precision_is_judged_as_jax_runs_by_default_and_double_with_x64():
    jax = load_framework("jax", "cpu")
    import jax.numpy as jnp

    for double, dtype in ((False, "float32"), (True, "float64")):
        with jax.working(double):
            assert jax.dtype_of(jnp.eye(2)) == dtype


def test_a_function_that_cannot_be_called_is_not_one_without_forward_mode():
    jax = load_framework("jax", "cpu")
    (x,) = arrays(jax, np.ones(3))

    def misshapen(x):
        return x + np.ones(2)

    with pytest.raises(TypeError, match="incompatible shapes"):
        jax.jvp(misshapen, (x,), (x,), {})


def test_compiled_programs_are_let_go_before_they_are_too_many(monkeypatch):
    jax = load_framework("jax", "cpu")
    let_go = []
    monkeypatch.setattr("jax.clear_caches", lambda: let_go.append(jax.compilations()))
    monkeypatch.setattr("properties.frameworks.jax_adapter.MOST_PROGRAMS", jax.compilations() - jax._let_go + 1)
    for length in range(40, 44):
        with jax.working(double=True):
            jax.call(lambda x: x + 1, arrays(jax, np.ones(length)), {})
    assert len(let_go) >= 1
