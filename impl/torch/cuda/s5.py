"""The scan of the s5 row on CUDA: flat arrays handed to the Triton kernels."""

import torch
import triton.language as tl
from torch import Tensor

from impl.triton import s5 as kernels

__all__ = ["scan", "scan_vjp"]

_DTYPE = {torch.float32: tl.float32, torch.float64: tl.float64}
_WORD = {torch.float32: torch.int32, torch.float64: torch.int64}


def scan(decay: Tensor, drive: Tensor, initial: Tensor, reverse: bool = False) -> Tensor:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P), one dtype, D is 1 or B → (B, T, P).
    """
    decay, drive, initial = map(_plain, (decay, drive, initial))
    plan, sizes, slots = _dealt(decay, drive, light=decay.ndim == 2)
    states = torch.empty_like(drive)
    with torch.cuda.device_of(drive):
        kernels.states[(plan.programs,)](
            _numbers(decay), _numbers(drive), _numbers(initial), *sizes, slots, _numbers(states),
            REVERSE=reverse, **_options(plan, decay),
        )  # fmt: skip
    return states


def scan_vjp(decay: Tensor, states: Tensor, initial: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of decay, drive and initial of a forward scan, in the convention ∂L/∂a + i ∂L/∂b."""
    decay, states, initial, cotangent = map(_plain, (decay, states, initial, cotangent))
    plan, sizes, slots = _dealt(decay, cotangent, light=False)
    rows, times, channels = cotangent.shape
    flow = torch.empty_like(cotangent)
    terms = flow.new_empty((rows, times, channels) if decay.ndim == 3 else (plan.tiles, rows, channels))
    with torch.cuda.device_of(flow):
        kernels.gradients[(plan.programs,)](
            _numbers(decay), _numbers(cotangent), _numbers(states), _numbers(initial), *sizes,
            slots, _numbers(flow), _numbers(terms), CONJUGATE=True, **_options(plan, decay),
        )  # fmt: skip
    by_row = terms if decay.ndim == 3 else terms.sum(0)
    first = decay[:, 0] if decay.ndim == 3 else decay
    return by_row.unflatten(0, (decay.shape[0], -1)).sum(1), flow, flow[:, 0] * first.conj()


def _dealt(decay: Tensor, drive: Tensor, *, light: bool) -> tuple[kernels.Plan, tuple[int, ...], Tensor]:
    """The plan, the sizes as the kernels take them, and the slots in which tiles meet."""
    rows, times, channels = drive.shape
    real = drive.dtype.to_real()
    plan = kernels.plan(rows * channels, times, real.itemsize, light=light)
    parts = 4 if decay.ndim == 3 else 2
    slots = torch.zeros(plan.slots(rows * channels, parts), dtype=_WORD[real], device=drive.device)
    row = decay.stride(0) if decay.shape[0] > 1 else 0
    return plan, (times, channels, rows * channels, plan.tiles, row), slots


def _plain(x: Tensor) -> Tensor:
    return x.resolve_conj().resolve_neg().contiguous()


def _numbers(x: Tensor) -> Tensor:
    """What Triton takes: no complex numbers, but their parts."""
    return torch.view_as_real(x) if x.is_complex() else x


def _options(plan: kernels.Plan, decay: Tensor) -> dict:
    kind = {torch.complex64: "words", torch.complex128: "pairs"}.get(decay.dtype, "real")
    return {"KIND": kind, "VARYING": decay.ndim == 3, "DTYPE": _DTYPE[decay.dtype.to_real()], **plan.options()}
