"""(e^z − 1)/z on CUDA in one kernel, where PyTorch's operations on a few states would take a hundred microseconds."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import Function

from impl.triton import s5_discretization as kernels

__all__ = ["exponential_quotient"]


def exponential_quotient(plain: Callable, z: Tensor) -> Tensor:
    """(e^z − 1)/z of complex z. `plain` is the same function, differentiable to any order in any mode: for all but
    values and gradients."""
    return _Quotient.apply(plain, z)[0]


class _Quotient(Function):
    @staticmethod
    def forward(plain, z):
        z = z.resolve_conj().contiguous()
        result, slope = torch.empty_like(z), torch.empty_like(z)
        arrays = [torch.view_as_real(x) for x in (z, result, slope)]
        with torch.cuda.device_of(z):
            kernels.exponential_quotient[(-(-z.numel() // kernels.BLOCK),)](*arrays, z.numel(), BLOCK=kernels.BLOCK)
        return result, slope

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.plain, z = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(z, output[1])
        ctx.save_for_forward(z, output[1])

    @staticmethod
    def backward(ctx, cotangent, _):
        z, slope = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *torch.func.vjp(ctx.plain, z)[1](cotangent)
        return None, cotangent * slope.conj()

    @staticmethod
    def jvp(ctx, _, tangent):
        z, _ = ctx.saved_tensors
        (along,) = torch.func.vjp(ctx.plain, z)[1](tangent.conj())  # conj(q') times that
        return along.conj(), None

    @staticmethod
    def vmap(info, in_dims, plain, z):
        result = torch.vmap(plain, in_dims[1])(z)
        return (result, result.new_empty(0)), (0, None)


# PyTorch asks for it in every call, and working it out takes as long as ten operations.
_Quotient.forward.__signature__ = inspect.signature(_Quotient.forward)  # type: ignore[attr-defined]
