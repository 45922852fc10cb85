"""From the ingredients to torch functions with the contract's signature, in reverse and in forward mode."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import Function

from tests.defects.tridiagonal.chain import Algorithm, dense

KERNELS = ("tridiagonal.resolvent_diagonal", "tridiagonal.log_determinant")


def function_of(kernel: str, algorithm: Algorithm) -> Callable:
    """The kernel computed by that algorithm."""
    rule = {KERNELS[0]: _Resolvent, KERNELS[1]: _Determinant}[kernel]

    def function(main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor) -> Tensor:
        _check(main, upper, lower, shift)
        return algorithm.result(rule.apply(algorithm, main, upper, lower, shift))

    return function


class _Rule(Function):
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.algorithm, *arrays = inputs
        ctx.save_for_backward(*arrays)
        ctx.save_for_forward(*arrays)


class _Resolvent(_Rule):
    @staticmethod
    def forward(algorithm, *arrays):
        return algorithm.diagonal(algorithm.chain(*arrays))

    @staticmethod
    def backward(ctx, cotangent):
        return _gradients(ctx.algorithm, ctx.algorithm.gradient, ctx.saved_tensors, cotangent)

    @staticmethod
    def jvp(ctx, _, *directions):
        return ctx.algorithm.forward(*_inverse_and_tangent(ctx.algorithm, ctx.saved_tensors, directions))


class _Determinant(_Rule):
    @staticmethod
    def forward(algorithm, *arrays):
        return algorithm.logarithm(algorithm.chain(*arrays))

    @staticmethod
    def backward(ctx, cotangent):
        return _gradients(ctx.algorithm, ctx.algorithm.determinant_gradient, ctx.saved_tensors, cotangent)

    @staticmethod
    def jvp(ctx, _, *directions):
        return ctx.algorithm.determinant_forward(*_inverse_and_tangent(ctx.algorithm, ctx.saved_tensors, directions))


def _gradients(algorithm: Algorithm, rule: Callable, arrays: tuple, cotangent: Tensor) -> tuple:
    """One gradient for the algorithm, None, and one for each input."""
    if not arrays[0].shape[-1]:
        return None, *map(torch.zeros_like, arrays)
    sites, bonds = rule(algorithm.chain(*arrays), algorithm.cotangent(cotangent))
    found = zip(algorithm.per_input(sites, bonds, arrays), arrays, strict=True)
    return None, *(None if gradient is None else algorithm.to_input(gradient, array) for gradient, array in found)


def _inverse_and_tangent(algorithm: Algorithm, arrays: tuple, directions: tuple) -> tuple[Tensor, Tensor]:
    directions = tuple(torch.zeros_like(x) if t is None else t for x, t in zip(arrays, directions, strict=True))
    return torch.linalg.inv(dense(*arrays)), algorithm.dense(*directions)


def _check(main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor) -> None:
    if not main.ndim:
        raise ValueError("main: expected shape (…, N), got a scalar")
    if not (main.is_floating_point() or main.is_complex()):
        raise TypeError(f"main: expected a floating or complex dtype, got {main.dtype}")
    sites, batch = main.shape[-1], main.shape[:-1]
    for name, array in (("upper", upper), ("lower", lower), ("shift", shift)):
        own = array.shape if name == "shift" else array.shape[:-1]
        if name != "shift" and array.shape[-1:] != (max(sites - 1, 0),):
            raise ValueError(f"{name}: expected shape (…, {max(sites - 1, 0)}), got {tuple(array.shape)}")
        try:
            batch = torch.broadcast_shapes(batch, own)
        except RuntimeError:
            raise ValueError(f"{name}: {tuple(own)} does not broadcast with {tuple(batch)}") from None
