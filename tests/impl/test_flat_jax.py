"""Flat kernels of JAX: where no GPU is, what stands for Triton's kernels obeys the same rules as they."""

import pytest

jax = pytest.importorskip("jax", reason="jax is not installed")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from impl.jax.flat import OnCuda  # noqa: E402


def mixed(weights, values, row, *, power):
    """Row `row` of values^power, weighted."""
    chosen = jnp.take_along_axis(values, row[:, None, None], 1)[:, 0]
    return weights[:, None] * chosen**power


def on_cuda(weights, values, row, *, power):
    return mixed(weights, values, row, power=power), weights


def on_cuda_vjp(weights, values, row, saved, cotangent, *, power):
    return jax.vjp(lambda *numbers: mixed(*numbers, row, power=power), weights, values)[1](cotangent)


KERNEL = OnCuda(on_cuda, on_cuda_vjp, mixed, (("power", 2),))


def drawn():
    random = np.random.default_rng(0)
    weights, values = (jnp.asarray(random.normal(size=shape), jnp.float32) for shape in ((3,), (3, 4, 2)))
    return weights, values, jnp.array([0, 3, 1])


def test_the_gradient_is_that_of_what_stands_for_the_kernel():
    weights, values, row = drawn()
    for kernel in (KERNEL, jax.jit(KERNEL)):
        found = jax.grad(lambda *x, kernel=kernel: kernel(*x, row).sum(), (0, 1))(weights, values)
        expected = jax.grad(lambda *x: mixed(*x, row, power=2).sum(), (0, 1))(weights, values)
        assert all(jnp.array_equal(x, y) for x, y in zip(found, expected, strict=True))


def test_under_vmap_every_slice_is_a_call_of_its_own():
    weights, values, row = drawn()
    many = jnp.stack([values, 2 * values])
    found = jax.vmap(KERNEL, (None, 0, None))(weights, many, row)
    assert jnp.array_equal(found, jnp.stack([KERNEL(weights, one, row) for one in many]))
    slopes = jax.vmap(jax.grad(lambda x: KERNEL(weights, x, row).sum()))(many)
    assert jnp.array_equal(slopes, jnp.stack([jax.grad(lambda x: KERNEL(weights, x, row).sum())(one) for one in many]))
