"""The discretisation of a held input on CUDA in one kernel, where PyTorch's operations on a few states would take a
hundred microseconds."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import Function

from impl.torch.cuda.forward_mode import pushed_forward
from impl.triton import s5_discretization as kernels

__all__ = ["held"]


def held(plain: Callable, eigenvalues: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """e^z and Δ (e^z − 1)/z, z = λΔ, of complex λ and real Δ, (P) each. `plain` is the same function, differentiable to
    any order in any mode: for all but values and gradients."""
    return _Held.apply(plain, eigenvalues, step)[:2]


class _Held(Function):
    @staticmethod
    def forward(plain, eigenvalues, step):
        eigenvalues, step = eigenvalues.resolve_conj().contiguous(), step.contiguous()
        results = [torch.empty_like(eigenvalues) for _ in range(4)]
        size = eigenvalues.numel()
        with torch.cuda.device_of(eigenvalues):
            kernels.held[(-(-size // kernels.BLOCK),)](
                torch.view_as_real(eigenvalues), step, *map(torch.view_as_real, results), size, BLOCK=kernels.BLOCK
            )
        return tuple(results)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.plain, *arrays = inputs
        ctx.mark_non_differentiable(*output[2:])
        ctx.save_for_backward(*arrays, output[0], *output[2:])
        ctx.save_for_forward(*arrays)

    @staticmethod
    def backward(ctx, by_decay, by_gain, *_):
        eigenvalues, step, decay, quotient, slope = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *torch.func.vjp(ctx.plain, eigenvalues, step)[1]((by_decay, by_gain))
        by_z = by_decay * decay.conj() + by_gain * slope.conj()
        return None, step * by_z, (by_z * eigenvalues.conj() + by_gain * quotient.conj()).real

    @staticmethod
    def jvp(ctx, _, *tangents):
        return *pushed_forward(ctx.plain, ctx.saved_tensors[:2], tangents), None, None

    @staticmethod
    def vmap(info, in_dims, plain, *arrays):
        decay, gain = torch.vmap(plain, in_dims[1:])(*arrays)
        nothing = gain.new_empty(0)
        return (decay, gain, nothing, nothing), (0, 0, None, None)


# PyTorch asks for it in every call, and working it out takes as long as ten operations.
_Held.forward.__signature__ = inspect.signature(_Held.forward)  # type: ignore[attr-defined]
