"""The calls that are timed: for each input set one function without arguments that returns its results."""

import functools
from collections.abc import Callable, Sequence

from properties.frameworks import as_outputs
from tests.benchmarks.job import BACKWARD, FORWARD

Calls = list[Callable]


def calls(framework: str, direction: str, function: Callable, inputs: Sequence[tuple], cotangents: Sequence) -> Calls:
    """`function` on every input set, or its gradient for the cotangents beside it, one for each differentiable output.

    - forward: the value, without a graph. - backward: the gradient alone, from a forward pass already made.
    - forward+backward: value and gradient.
    """
    prepare = {"torch": _torch_calls, "jax": _jax_calls, "numpy": _numpy_calls}[framework]
    return prepare(direction, function, inputs, cotangents)


def _torch_calls(direction: str, function: Callable, inputs: Sequence[tuple], cotangents: Sequence) -> Calls:
    import torch

    def differentiable(values):
        return tuple(v for v in values if v.is_floating_point() or v.is_complex())

    def value(arrays):
        with torch.no_grad():
            return function(*arrays)

    def gradient(arrays, result, cotangent):
        return torch.autograd.grad(result, arrays, cotangent, retain_graph=True)

    def value_and_gradient(arrays, cotangent):
        result = differentiable(as_outputs(function(*arrays)))
        return result, torch.autograd.grad(result, differentiable(arrays), cotangent)

    if direction == FORWARD:
        return [functools.partial(value, arrays) for arrays in inputs]
    for arrays in inputs:
        for array in differentiable(arrays):
            array.requires_grad_()
    if direction == BACKWARD:
        results = [differentiable(as_outputs(function(*arrays))) for arrays in inputs]
        followed = [differentiable(arrays) for arrays in inputs]
        return [functools.partial(gradient, *given) for given in zip(followed, results, cotangents, strict=True)]
    return [functools.partial(value_and_gradient, *given) for given in zip(inputs, cotangents, strict=True)]


def _jax_calls(direction: str, function: Callable, inputs: Sequence[tuple], cotangents: Sequence) -> Calls:
    import jax
    import jax.numpy as jnp

    def outputs(*arrays):
        return tuple(o for o in as_outputs(function(*arrays)) if jnp.issubdtype(o.dtype, jnp.inexact))

    def value_and_pull_back(arrays):
        return jax.vjp(outputs, *arrays)

    def value_and_gradient(arrays, cotangent):
        result, pull_back = jax.vjp(outputs, *arrays)
        return result, pull_back(cotangent)

    if direction == FORWARD:
        compiled = jax.jit(function)
        return [functools.partial(compiled, *arrays) for arrays in inputs]
    if direction == BACKWARD:
        # A pull-back that leaves jit carries its residuals as data, so one compilation serves every set.
        followed, gradient = jax.jit(value_and_pull_back), jax.jit(lambda pull_back, cotangent: pull_back(cotangent))
        pull_backs = [followed(arrays)[1] for arrays in inputs]
        return [functools.partial(gradient, *given) for given in zip(pull_backs, cotangents, strict=True)]
    compiled = jax.jit(value_and_gradient)
    return [functools.partial(compiled, *given) for given in zip(inputs, cotangents, strict=True)]


def _numpy_calls(direction: str, function: Callable, inputs: Sequence[tuple], cotangents: Sequence) -> Calls:
    if direction != FORWARD:
        raise ValueError(f"direction: numpy functions are timed forward only, got {direction!r}")
    return [functools.partial(function, *arrays) for arrays in inputs]
