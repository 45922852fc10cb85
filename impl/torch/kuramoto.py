"""Attention by the sine of a phase difference, and the mean-field coupling of oscillators.

float16, bfloat16, float32 or float64, one dtype and one device a call; `TypeError` for other types and `ValueError` for
shapes that do not fit, naming the argument. Sources: Kuramoto, Chemical Oscillations, Waves, and Turbulence, 1984;
Sakaguchi, Kuramoto, A soluble active rotator model showing phase transitions via mutual entrainment, 1986.
"""

import importlib.util
from functools import partial
from types import ModuleType

import torch
from torch import Tensor

from impl.torch.attention_arguments import check_alike, check_attention, joined, require
from impl.torch.chunked import kuramoto as chunked
from impl.torch.flat import FlatKernel

__all__ = ["attend", "phase_coupling"]


def attend(q: Tensor, k: Tensor, v: Tensor, lag: Tensor, *, causal: bool = False, scale: float = 1.0) -> Tensor:
    """Σ_j sin(scale·⟨q_i, k_j⟩ + lag) v_j over all keys j, or over j ≤ i where causal. No softmax, and O(T) memory.

    **Arguments**: q (…, T, D), k (…, S, D), v (…, S, E), lag (). **Returns**: (…, T, E). Once differentiable in all
    four.
    """
    check_alike(q=q, k=k, v=v, lag=lag)
    batch = check_attention(q, k, v, None)
    require("lag", lag.ndim == 0, "()", lag)
    if 0 in (*batch, *q.shape[-2:], *v.shape[-2:]):
        phase = scale * (q @ k.mT) + lag
        return (torch.sin(phase).tril() if causal else torch.sin(phase)) @ v
    flat = [x.expand(*batch, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (q, k, v)]
    backend = _backend(q, v)
    kernel = FlatKernel(
        partial(backend.value, causal=causal, scale=scale),
        partial(backend.vjp, causal=causal, scale=scale),
        partial(chunked.jvp, causal=causal, scale=scale),
    )
    # The gradient of the lag is a sum over rows, each of which may be too large for a half.
    behind = lag.to(torch.promote_types(lag.dtype, torch.float32)).expand(flat[0].shape[0])
    return kernel(*flat, behind).reshape(*batch, q.shape[-2], v.shape[-1])


def phase_coupling(phase: Tensor, frequency: Tensor, coupling: Tensor, lag: Tensor) -> Tensor:
    """ω_i + K/N Σ_j sin(θ_j − θ_i − lag), in O(N): the coupling has rank 2.

    **Arguments**: phase and frequency (…, N), coupling and lag (). **Returns**: (…, N).
    """
    check_alike(phase=phase, frequency=frequency, coupling=coupling, lag=lag)
    require("phase", phase.ndim > 0, "(…, N)", phase)
    require("frequency", frequency.shape[-1:] == phase.shape[-1:], f"(…, {phase.shape[-1]})", frequency)
    for name, array in (("coupling", coupling), ("lag", lag)):
        require(name, array.ndim == 0, "()", array)
    joined("frequency", phase.shape[:-1], frequency.shape[:-1])
    wide = torch.promote_types(phase.dtype, torch.float32)
    theta, omega, strength, behind = (x.to(wide) for x in (phase, frequency, coupling, lag))
    cosine, sine = (part.sum(-1, keepdim=True) / max(phase.shape[-1], 1) for part in (theta.cos(), theta.sin()))
    late = theta + behind
    return (omega + strength * (sine * late.cos() - cosine * late.sin())).to(phase.dtype)


def _backend(q: Tensor, v: Tensor) -> ModuleType:
    """The Triton kernels where they serve, else the chunked one.

    Doubles gain nothing from tiles, and compiled by Triton 3.6 the kernels got some wrong on an H100, at scale 1.
    """
    if q.is_cuda and q.dtype != torch.float64 and importlib.util.find_spec("triton") is not None:
        from impl.torch.cuda import kuramoto as cuda

        if max(q.shape[-1], v.shape[-1]) <= cuda.WIDEST:
            return cuda
    return chunked
