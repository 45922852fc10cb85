"""Differentiable kernels on flat batches: arrays whose first axis is the batch."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class FlatKernel(NamedTuple):
    """A kernel with its holomorphic derivatives, which conjugate nothing.

    value(*arrays) → (result, saved tensors); vjp(*arrays, saved, cotangent) → one gradient for each array, real for a
    real one; jvp(*arrays, tangents) → tangent of the result. No array may be empty.
    """

    value: Callable
    vjp: Callable
    jvp: Callable

    def __call__(self, *arrays: Tensor) -> Tensor:
        """The result, differentiable in every array, once, in reverse and in forward mode, also under `torch.func`."""
        return _Kernel.apply(self, *arrays)[0]


class _Kernel(torch.autograd.Function):
    @staticmethod
    def forward(kernel, *arrays):
        result, saved = kernel.value(*arrays)
        return result, *saved

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.kernel, *arrays = inputs
        _, *saved = output
        ctx.arrays, ctx.saved = len(arrays), len(saved)
        ctx.mark_non_differentiable(*saved)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*arrays, *saved)
        ctx.save_for_forward(*arrays)

    @staticmethod
    def backward(ctx, cotangent, *_):
        if cotangent is None:
            return (None,) * (1 + ctx.arrays)
        return None, *_Gradient.apply(ctx.kernel, ctx.arrays, cotangent, *ctx.saved_tensors)

    @staticmethod
    def jvp(ctx, _, *tangents):
        arrays = ctx.saved_tensors
        given = [torch.zeros_like(x) if t is None else t for x, t in zip(arrays, tangents, strict=True)]
        return _Tangent.apply(ctx.kernel, *arrays, *given), *(None,) * ctx.saved

    @staticmethod
    def vmap(info, in_dims, kernel, *arrays):
        result, *saved = _Kernel.apply(kernel, *_flattened(info, in_dims[1:], arrays))
        # What is saved keeps the flat batch, and the gradient's own rule computes it afresh.
        return (_unflattened(info, result), *saved), (0, *(None for _ in saved))


class _Gradient(torch.autograd.Function):
    """Gradients in PyTorch's convention ∂L/∂a + i ∂L/∂b: the holomorphic ones, conjugated before and after."""

    @staticmethod
    def forward(kernel, count, cotangent, *arrays_and_saved):
        arrays, saved = arrays_and_saved[:count], arrays_and_saved[count:]
        found = kernel.vjp(*arrays, saved, cotangent.conj().resolve_conj())
        return tuple(gradient.conj().resolve_conj() for gradient in found)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *cotangents):
        raise NotImplementedError("this kernel is differentiable once; its gradient has no derivative")

    @staticmethod
    def vmap(info, in_dims, kernel, count, cotangent, *arrays_and_saved):
        flat = _flattened(info, in_dims[2 : 3 + count], (cotangent, *arrays_and_saved[:count]))
        _, saved = kernel.value(*flat[1:])
        found = _Gradient.apply(kernel, count, *flat, *saved)
        return tuple(_unflattened(info, gradient) for gradient in found), (0,) * count


class _Tangent(torch.autograd.Function):
    @staticmethod
    def forward(kernel, *arrays_and_tangents):
        count = len(arrays_and_tangents) // 2
        return kernel.jvp(*arrays_and_tangents[:count], arrays_and_tangents[count:])

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, cotangent):
        raise NotImplementedError("this kernel is differentiable once; its tangent has no derivative")

    @staticmethod
    def vmap(info, in_dims, kernel, *arrays_and_tangents):
        return _unflattened(info, _Tangent.apply(kernel, *_flattened(info, in_dims[1:], arrays_and_tangents))), 0


def _flattened(info, in_dims, arrays) -> list[Tensor]:
    """The mapped axis in front, merged with the batch."""
    mapped = [
        x.unsqueeze(0).expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)
        for x, dim in zip(arrays, in_dims, strict=True)
    ]
    return [x.flatten(0, 1) for x in mapped]


def _unflattened(info, x: Tensor) -> Tensor:
    return x.unflatten(0, (info.batch_size, -1))
