"""Attention by the sine of a phase difference, and the mean-field coupling of oscillators.

float16, bfloat16, float32 or float64, one dtype a call; `TypeError` for other types and `ValueError` for shapes that do
not fit, naming the argument. Sources: Kuramoto, Chemical Oscillations, Waves, and Turbulence, 1984; Sakaguchi,
Kuramoto, A soluble active rotator model showing phase transitions via mutual entrainment, 1986.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

from impl.jax.attention_arguments import check_alike, check_attention, joined, require
from impl.jax.flat import OnCuda, triton_serves
from impl.jax.products import product

__all__ = ["attend", "phase_coupling"]

ENTRIES = 2**20  # of the matrix of phases at a time: 4 MiB of single precision


def attend(q: Array, k: Array, v: Array, lag: Array, *, causal: bool = False, scale: float = 1.0) -> Array:
    """Σ_j sin(scale·⟨q_i, k_j⟩ + lag) v_j over all keys j, or over j ≤ i where causal. No softmax, and O(T) memory.

    **Arguments**: q (…, T, D), k (…, S, D), v (…, S, E), lag (). **Returns**: (…, T, E). Differentiable in all four,
    in forward mode where Triton does not serve: it takes halves on CUDA.
    """
    check_alike(q=q, k=k, v=v, lag=lag)
    batch = check_attention(q, k, v, None)
    require("lag", lag.ndim == 0, "()", lag)
    if triton_serves(q, k, v) and 0 not in batch:
        from impl.jax.cuda import kuramoto as cuda

        if max(q.shape[-1], v.shape[-1]) <= cuda.WIDEST:
            options = (("causal", bool(causal)), ("scale", float(scale)))
            flat = [jnp.broadcast_to(x, (*batch, *x.shape[-2:])).reshape(-1, *x.shape[-2:]) for x in (q, k, v)]
            # The gradient of the lag is a sum over rows, each of which may be too large for a half.
            behind = jnp.broadcast_to(lag.astype(_inside(lag)), flat[0].shape[:1])
            result = OnCuda(cuda.value, cuda.vjp, _in_pieces, options)(*flat, behind)
            return result.reshape(*batch, q.shape[-2], v.shape[-1])
    return _in_pieces(q, k, v, lag, causal=causal, scale=scale)


def _in_pieces(q: Array, k: Array, v: Array, lag: Array, *, causal: bool, scale: float) -> Array:
    """Some queries at a time, which the gradient forms again: lag is (), or that of each row of a flat batch."""
    wide_q, wide_k, wide_v, wide_lag = (x.astype(_inside(x)) for x in (q, k, v, lag[..., None, None]))
    batch = jnp.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])

    @jax.checkpoint
    def some(rows: Array, first: Array) -> Array:
        phase = scale * product(rows, jnp.swapaxes(wide_k, -1, -2)) + wide_lag
        later = jnp.arange(k.shape[-2]) > first + jnp.arange(rows.shape[-2])[:, None]
        return product(jnp.where(later & causal, 0, jnp.sin(phase)), wide_v)

    times = q.shape[-2]
    size = max(ENTRIES // max(math.prod(batch) * k.shape[-2], 1), 1)
    if times <= size:
        return some(wide_q, jnp.zeros((), int)).astype(q.dtype)
    pieces = -(-times // size)
    padded = jnp.pad(wide_q, [(0, 0)] * (q.ndim - 2) + [(0, pieces * size - times), (0, 0)])
    rows = jnp.moveaxis(padded.reshape(*q.shape[:-2], pieces, size, q.shape[-1]), -3, 0)
    found = lax.map(lambda piece: some(*piece), (rows, size * jnp.arange(pieces)))
    whole = jnp.moveaxis(found, 0, -3).reshape(*batch, pieces * size, v.shape[-1])
    return whole[..., :times, :].astype(q.dtype)


def phase_coupling(phase: Array, frequency: Array, coupling: Array, lag: Array) -> Array:
    """ω_i + K/N Σ_j sin(θ_j − θ_i − lag), in O(N): the coupling has rank 2.

    **Arguments**: phase and frequency (…, N), coupling and lag (). **Returns**: (…, N).
    """
    check_alike(phase=phase, frequency=frequency, coupling=coupling, lag=lag)
    require("phase", phase.ndim > 0, "(…, N)", phase)
    require("frequency", frequency.shape[-1:] == phase.shape[-1:], f"(…, {phase.shape[-1]})", frequency)
    for name, array in (("coupling", coupling), ("lag", lag)):
        require(name, array.ndim == 0, "()", array)
    joined("frequency", phase.shape[:-1], frequency.shape[:-1])
    theta, omega, strength, behind = (x.astype(_inside(x)) for x in (phase, frequency, coupling, lag))
    cosine, sine = (part.sum(-1, keepdims=True) / max(phase.shape[-1], 1) for part in (jnp.cos(theta), jnp.sin(theta)))
    late = theta + behind
    return (omega + strength * (sine * jnp.cos(late) - cosine * jnp.sin(late))).astype(phase.dtype)


def _inside(x: Array) -> jnp.dtype:
    return jnp.promote_types(x.dtype, jnp.float32)
