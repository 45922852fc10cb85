"""The response of a discrete S5 layer as JAX primitives, so that CUDA may keep the states on chip.

Three of them: the response, its tangent, linear in the tangents of the arrays, and the transpose of that, the gradient.
Everywhere else than on CUDA, and for all further derivatives, they are what JAX makes of the plain composition.
"""

import importlib.util
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from impl.jax.chunked.s5 import recurrence

ARRAYS = 6
WIDEST = 128  # channels that a kernel holds on chip


def kept_on_chip(decay: Array, discrete: Array, output_matrix: Array, u: Array) -> bool:
    """Whether a GPU is at hand, and its kernel takes this layer."""
    single = all(x.dtype == jnp.complex64 for x in (decay, discrete, output_matrix))
    here = jax.default_backend() == "gpu" and importlib.util.find_spec("jax_triton") is not None
    return here and single and u.shape[-1] <= WIDEST


def response(
    decay: Array, discrete: Array, output_matrix: Array, feedthrough: Array, u: Array, initial: Array
) -> tuple[Array, Array]:
    """y = 2 Re(C x) + D u (B, T, H) in the dtype of u, and the last state (B, P), of x_t = λ x_{t−1} + B̄ u_t.

    λ (P), B̄ (P, H), C (H, P) complex64, D (H) real, u (B, T, H), x_{−1} (B, P) complex64; nothing is empty.
    """
    return tuple(response_p.bind(decay, discrete, output_matrix, feedthrough, u, initial))


def driven(discrete: Array, u: Array) -> Array:
    """B̄ u as two real products."""
    return lax.complex(product(u, discrete.real), product(u, discrete.imag))


def read_out(output_matrix: Array, states: Array) -> Array:
    """2 Re(C x) as two real products."""
    return product(states.real, 2 * output_matrix.real) - product(states.imag, 2 * output_matrix.imag)


def product(x: Array, matrix: Array) -> Array:
    """x matrixᵀ in full precision: on a GPU the default would round single to 11 bits."""
    return jnp.matmul(x, matrix.T, precision=lax.Precision.HIGHEST)


def _plain(decay, discrete, output_matrix, feedthrough, u, initial):
    inside = u.astype(jnp.float32)
    states = recurrence(decay[None], driven(discrete, inside), initial)
    y = read_out(output_matrix, states) + feedthrough.astype(jnp.float32) * inside
    return y.astype(u.dtype), states[:, -1]


def _tangent(*arrays):
    return jax.jvp(_plain, arrays[:ARRAYS], arrays[ARRAYS:])[1]


def _gradient(*arrays):
    return jax.vjp(_plain, *arrays[:ARRAYS])[1](tuple(arrays[ARRAYS:]))


def _response_on_cuda(*arrays):
    from impl.jax.cuda import s5_layer

    return s5_layer.layer(*arrays)


def _gradient_on_cuda(*arrays):
    from impl.jax.cuda import s5_layer

    return s5_layer.gradients(*arrays)


def _primitive(name: str, function: Callable, on_cuda: Callable | None = None) -> Primitive:
    """A primitive of several results that is `function`, on CUDA another, and for every transformation `function`."""
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_impl(jax.jit(primitive.bind))
    primitive.def_abstract_eval(
        lambda *arrays: [jax.core.ShapedArray(x.shape, x.dtype) for x in jax.eval_shape(function, *arrays)]
    )
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=True))
    if on_cuda:
        mlir.register_lowering(primitive, mlir.lower_fun(on_cuda, multiple_results=True), platform="cuda")
    batching.primitive_batchers[primitive] = lambda arrays, axes: (
        found := jax.vmap(function, in_axes=tuple(axes))(*arrays),
        (0,) * len(found),
    )
    ad.primitive_jvps[primitive] = lambda primals, tangents: jax.jvp(
        function, tuple(primals), tuple(map(ad.instantiate_zeros, tangents))
    )
    return primitive


response_p = _primitive("s5_response", _plain, _response_on_cuda)
tangent_p = _primitive("s5_response_tangent", _tangent)
gradient_p = _primitive("s5_response_gradient", _gradient, _gradient_on_cuda)


def _pushed(primals, tangents):
    return response_p.bind(*primals), tangent_p.bind(*primals, *map(ad.instantiate_zeros, tangents))


def _pulled(cotangents, *arrays):
    """Arrays are given, their tangents are what the map is linear in."""
    found = gradient_p.bind(*arrays[:ARRAYS], *map(ad.instantiate_zeros, cotangents))
    linear = [ad.is_undefined_primal(tangent) for tangent in arrays[ARRAYS:]]
    return [None] * ARRAYS + [g if is_linear else None for g, is_linear in zip(found, linear, strict=True)]


ad.primitive_jvps[response_p] = _pushed
ad.primitive_transposes[tangent_p] = _pulled
