"""S5: a diagonal state space, discretised, scanned along time and read out; its losses and its reports.

x_t = Λ̄ x_{t−1} + B̄ u_t, and y_t = 2 Re(C x_t) + D u_t where one state of each conjugate pair is kept ("half"), or
y_t = C x_t + D u_t for a full set in the concatenated layout [λ; λ̄] ("full"). P states, H channels, T times. Gradients
follow PyTorch's convention ∂L/∂a + i ∂L/∂b and are real for real inputs. Every function takes float32 or float64 and
their complex partners, one precision and one device a call, and raises `TypeError` for other types and `ValueError` for
shapes and options that do not fit, naming the argument. Beside single precision, u, D and Δ may be float16 or bfloat16:
states stay in single precision, and y comes in the type of u.
Source: Smith, Warrington, Linderman, Simplified State Space Layers for Sequence Modeling, 2023.
"""

import importlib
import importlib.util
import math
from types import ModuleType

import torch
from torch import Tensor

from impl.torch.s5_arguments import HALVES, at_rest, check_alike, check_reading, check_scan, check_set, joined, require
from impl.torch.s5_discretization import discretize, factors
from impl.torch.s5_losses import conjugate_symmetry_penalty, imaginary_penalty, training_loss
from impl.torch.s5_recurrence import recurrence
from impl.torch.s5_reports import gradient_flow, hippo_n, statistics

__all__ = [
    "apply",
    "conjugate_symmetry_penalty",
    "discretize",
    "gradient_flow",
    "hippo_n",
    "imaginary_penalty",
    "scan",
    "statistics",
    "step",
    "training_loss",
]


def scan(decay: Tensor, drive: Tensor, initial: Tensor | None = None) -> Tensor:
    """States of x_t = decay_t x_{t−1} + drive_t from x_{−1} = initial.

    **Arguments**: decay (P), or (…, T, P) where it varies; drive (…, T, P); initial (…, P), zero if left out; batch
    axes broadcast. **Returns**: (…, T, P), complex unless all three are real. Differentiable to any order, in reverse
    and forward mode.
    """
    initial = at_rest(drive, initial)
    check_alike(drive=drive, decay=decay, initial=initial)
    batch = check_scan(decay, drive, initial)
    if 0 in batch or not drive.numel():
        return decay * initial.unsqueeze(-2) + drive
    dtype = drive.dtype
    if not dtype == decay.dtype == initial.dtype:
        dtype = torch.promote_types(torch.promote_types(decay.dtype, dtype), initial.dtype)
    varying = batch if decay.ndim > 2 else ()
    states = recurrence(
        _flat(decay, varying, min(decay.ndim, 2), dtype), _flat(drive, batch, 2, dtype), _flat(initial, batch, 1, dtype)
    )
    return states if len(batch) == 1 else states.reshape(*batch, *drive.shape[-2:])


def apply(
    eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, step: Tensor, u: Tensor,
    initial: Tensor | None = None, *, method: str = "zoh", pairs: str = "half",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The whole layer: discretise, scan from `initial`, read out.

    **Arguments**: eigenvalues (P), input_matrix (P, H), output_matrix (H, P); feedthrough (H), step (P) and
    u (…, T, H) real; initial (…, P), zero if left out. pairs="full" takes 2P explicit states and gives a complex y.
    **Returns**: y (…, T, H) and the state after the last time (…, P), which is `initial` where T = 0.
    """
    initial = at_rest(eigenvalues, initial, u.shape[:-2] if isinstance(u, Tensor) else ())
    check_alike(
        eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough,
        step=step, u=u, initial=initial,
    )  # fmt: skip
    check_set(eigenvalues, input_matrix, step)
    check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    require("u", u.ndim > 1, f"(…, T, {u.shape[-1]})", u)
    require("initial", initial.shape[-1:] == eigenvalues.shape, f"(…, {eigenvalues.shape[0]})", initial)
    decay, gain = factors(eigenvalues, step, method)
    batch = joined("initial", u.shape[:-2], initial.shape[:-1])
    arrays = decay, gain, input_matrix, output_matrix, feedthrough
    something = 0 not in (*batch, *u.shape, *decay.shape)
    if pairs == "half" and something and _on_chip(decay, input_matrix, output_matrix, u):
        inside = u if u.shape[:-2] == batch else _single(u)  # gradients of several rows add up in single precision
        flat = inside.expand(*batch, *u.shape[-2:]).flatten(0, -3) if batch else u[None]
        start = initial.to(decay.dtype).expand(*batch, *decay.shape).reshape(-1, *decay.shape)
        y, final = _fused().apply(through_memory, *arrays, flat, start)
        y = y.to(u.dtype)
        return y.unflatten(0, batch) if batch else y[0], final.unflatten(0, batch) if batch else final[0]
    return through_memory(*arrays, u, initial, pairs)


def through_memory(
    decay: Tensor, gain: Tensor, input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, u: Tensor,
    initial: Tensor, pairs: str = "half",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """y and the last state of a discrete system whose B̄ is gain∘B, by way of an array of all states."""
    inside = u.to(decay.dtype.to_real())
    states = scan(decay, _driven(gain.unsqueeze(-1) * input_matrix, inside), initial)
    final = states[..., -1, :].clone() if u.shape[-2] else initial.to(states.dtype).expand(*states.shape[:-2], -1)
    return _stored(_read_out(output_matrix, states, pairs) + _single(feedthrough) * inside, u), final


def step(
    decay: Tensor, input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, state: Tensor, u: Tensor,
    *, pairs: str = "half",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One time of the recurrence, state' = Λ̄ state + B̄ u, and y read from state'.

    **Arguments**: decay (P) and input_matrix (P, H) as `discretize` gives them, output_matrix (H, P), feedthrough (H),
    state (…, P), u (…, H) real. **Returns**: y (…, H), complex for pairs="full", and state' (…, P).
    """
    check_alike(
        decay=decay, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough, state=state, u=u
    )
    check_set(decay, input_matrix, name="decay")
    check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    require("state", state.shape[-1:] == decay.shape, f"(…, {decay.shape[0]})", state)
    joined("state", u.shape[:-1], state.shape[:-1])
    inside = u.to(decay.dtype.to_real())
    following = decay * state + _driven(input_matrix, inside)
    return _stored(_read_out(output_matrix, following, pairs) + _single(feedthrough) * inside, u), following


def _flat(x: Tensor, batch: torch.Size | tuple[()], core: int, dtype: torch.dtype) -> Tensor:
    """x in this dtype with one batch axis, of these axes; nothing is done to what is so already."""
    x = x if x.dtype == dtype else x.to(dtype)
    if len(batch) == 1 and x.shape[:-core] == batch:
        return x
    if not batch:
        return x.unsqueeze(0)
    own = x.shape[x.ndim - core :]
    return x.expand(*batch, *own).reshape(math.prod(batch), *own)


def _on_chip(decay: Tensor, input_matrix: Tensor, output_matrix: Tensor, u: Tensor) -> bool:
    """Whether the kernel that keeps the states on chip takes this layer."""
    if u.device.type != "cuda" or importlib.util.find_spec("triton") is None:
        return False
    return _fused().fits(decay, input_matrix, output_matrix, u)


def _fused() -> ModuleType:
    return importlib.import_module("impl.torch.cuda.s5_layer")


def _driven(discrete: Tensor, u: Tensor) -> Tensor:
    """B̄ u as one real product: real and imaginary parts are neighbouring columns."""
    whole = discrete if discrete.is_complex() else torch.complex(discrete, torch.zeros_like(discrete))
    pairs = torch.view_as_real(whole.resolve_conj())
    states = u @ pairs.transpose(0, 1).flatten(1)
    parts = states.view(*states.shape[:-1], discrete.shape[0], 2)
    if torch.compiler.is_compiling():  # from graph to graph goes no complex view of real numbers
        return torch.complex(*parts.unbind(-1))
    return torch.view_as_complex(parts)


def _read_out(output_matrix: Tensor, states: Tensor, pairs: str) -> Tensor:
    """2 Re(C x) as one real product, or C x."""
    if pairs == "full":
        return states @ output_matrix.to(states.dtype).mT
    parts = torch.stack([2 * output_matrix.real, -2 * _imaginary(output_matrix)], -1)
    return torch.view_as_real(states.resolve_conj()).flatten(-2) @ parts.flatten(1).mT


def _single(x: Tensor) -> Tensor:
    """x, in single precision if it is a half."""
    return x.float() if x.dtype in HALVES else x


def _stored(y: Tensor, u: Tensor) -> Tensor:
    """A real y in the type of u."""
    return y if y.is_complex() else y.to(u.dtype)


def _imaginary(x: Tensor) -> Tensor:
    return x.imag if x.is_complex() else torch.zeros_like(x)
