"""The recurrence of flat arrays on the backend of their device, and its derivatives, which are recurrences again."""

import functools
import importlib
import importlib.util
import inspect
from types import ModuleType

import torch
from torch import Tensor
from torch.autograd import forward_ad

__all__ = ["recurrence"]

BLOCK = 2**17  # states whose products are summed at a time: a MiB of single precision


def recurrence(decay: Tensor, drive: Tensor, initial: Tensor, reverse: bool = False) -> Tensor:
    """States of x_t = λ_t x_{t−1} + d_t, or reversed; what nobody can differentiate goes without the cost of autograd.

    **Arguments**: decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P), one dtype; D is 1 or B.
    """
    arrays = decay, drive, initial
    backward = torch.is_grad_enabled() and any(x.requires_grad for x in arrays)
    forward = getattr(forward_ad, "_current_level", 0) >= 0  # private names: a release without them pays the cost
    if backward or forward or _transforms_active():
        return _Recurrence.apply(*arrays, reverse)
    return _backend(drive.device).scan(*arrays, reverse)


_transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


class _Recurrence(torch.autograd.Function):
    """The scan of flat arrays of one dtype, as the backends take them, and its derivatives, which are scans again."""

    @staticmethod
    def forward(*inputs):
        return _backend(inputs[1].device).scan(*inputs)

    @staticmethod
    def setup_context(ctx, inputs, output):
        decay, _, initial, ctx.reverse = inputs
        ctx.save_for_backward(decay, initial, output)
        ctx.save_for_forward(decay, initial, output)

    @staticmethod
    def backward(ctx, cotangent):
        """g_t = ḡ_t + conj(λ_{t+1}) g_{t+1}; ∂drive = g, ∂λ_t = g_t conj(x_{t−1}), ∂initial = conj(λ_0) g_0."""
        decay, initial, states = ctx.saved_tensors
        backend = _backend(states.device)
        if hasattr(backend, "scan_vjp") and not ctx.reverse and not torch.is_grad_enabled():
            return *backend.scan_vjp(decay, states, initial, cotangent), None
        constant, first = decay.ndim == 2, -1 if ctx.reverse else 0
        nothing = torch.zeros_like(initial)
        onward = decay if constant else _delayed(decay, torch.zeros_like(decay[:, 0]), not ctx.reverse)
        onward = onward.conj_physical()
        flow = recurrence(onward, cotangent, nothing, not ctx.reverse)
        on_decay = on_initial = None
        if ctx.needs_input_grad[0]:
            if constant:
                on_decay = _correlation(flow, states, initial, ctx.reverse)
            else:
                on_decay = flow * _delayed(states, initial, ctx.reverse).conj()
            if decay.shape[0] != on_decay.shape[0]:
                on_decay = on_decay.sum(0, keepdim=True)
        if ctx.needs_input_grad[2]:
            on_initial = flow.select(1, first) * (onward if constant else decay.select(1, first).conj_physical())
        return on_decay, flow, on_initial, None

    @staticmethod
    def jvp(ctx, decay_tangent, drive_tangent, initial_tangent, _):
        """The tangent δx follows the same recurrence, driven by δd_t + δλ_t x_{t−1} from δinitial."""
        decay, initial, states = ctx.saved_tensors
        drive = torch.zeros_like(states) if drive_tangent is None else drive_tangent
        if decay_tangent is not None:
            along = decay_tangent.unsqueeze(1) if decay.ndim == 2 else decay_tangent
            drive = drive + along * _delayed(states, initial, ctx.reverse)
        start = torch.zeros_like(initial) if initial_tangent is None else initial_tangent
        return _Recurrence.apply(decay, drive, start, ctx.reverse)

    @staticmethod
    def vmap(info, in_dims, decay, drive, initial, reverse):
        """The mapped axis becomes the outer part of the batch; a decay that it does not reach stays one."""
        drive, initial = (_mapped(info, dim, x) for dim, x in zip(in_dims[1:3], (drive, initial), strict=True))
        if in_dims[0] is not None or decay.shape[0] > 1:
            decay = _mapped(info, in_dims[0], decay)
            decay = decay.expand(-1, drive.shape[1], *decay.shape[2:]).flatten(0, 1)
        states = _Recurrence.apply(decay, drive.flatten(0, 1), initial.flatten(0, 1), reverse)
        return states.unflatten(0, drive.shape[:2]), 0


# PyTorch asks for it in every call, and working it out takes as long as ten operations.
_Recurrence.forward.__signature__ = inspect.signature(_Recurrence.forward)  # type: ignore[attr-defined]


@functools.cache
def _backend(device: torch.device) -> ModuleType:
    triton = device.type == "cuda" and importlib.util.find_spec("triton") is not None
    return importlib.import_module("impl.torch.cuda.s5" if triton else "impl.torch.chunked.s5")


def _delayed(x: Tensor, first: Tensor, reverse: bool) -> Tensor:
    """x_{t−1}, or x_{t+1} reversed: (B, T, P) moved by one time in the order of the recurrence, `first` moving in."""
    first = first.unsqueeze(1)
    return torch.cat([x[:, 1:], first] if reverse else [first, x[:, :-1]], 1)


def _correlation(flow: Tensor, states: Tensor, initial: Tensor, reverse: bool) -> Tensor:
    """Σ_t g_t conj(x_{t−1}), (B, P), by blocks that stay in the cache instead of one more array of states."""
    times, block = flow.shape[1], max(BLOCK // initial.numel(), 1)
    if times <= block:
        return (flow * _delayed(states, initial, reverse).conj_physical()).sum(1)
    first = flow.select(1, -1 if reverse else 0) * initial.conj_physical()
    later, earlier = flow.narrow(1, 1 - reverse, times - 1), states.narrow(1, int(reverse), times - 1)
    pairs = zip(later.split(block, 1), earlier.split(block, 1), strict=True)
    return torch.stack([first, *((g * x.conj_physical()).sum(1) for g, x in pairs)]).sum(0)


def _mapped(info, dim: int | None, x: Tensor) -> Tensor:
    return x.expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)
