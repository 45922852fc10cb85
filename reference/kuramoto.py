"""Attention by the sine of a phase difference, and the mean-field coupling of oscillators.

Sources: Y. Kuramoto, Chemical Oscillations, Waves, and Turbulence, 1984; H. Sakaguchi and Y. Kuramoto, A soluble active
rotator model showing phase transitions via mutual entrainment, 1986.
"""

import numpy as np

from reference.pullback import like_input
from reference.shapes import require_shape

__all__ = ["attend", "attend_vjp", "phase_coupling", "phase_coupling_vjp"]


def attend(q, k, v, lag, *, causal=False, scale=1.0):
    """Σ_j sin(scale·⟨q_i, k_j⟩ + lag) v_j over all keys j, or over j ≤ i where causal. No softmax.

    q (…, T, D), k (…, S, D), v (…, S, E), lag () → (…, T, E). Raises ValueError for shapes that do not fit.
    """
    phase, counts = _phases(q, k, v, lag, causal, scale)
    return (np.sin(phase) * counts) @ v


def attend_vjp(q, k, v, lag, cotangent, *, causal=False, scale=1.0):
    """Gradients of q, k, v and lag. With dS = (cotangent vᵀ)∘cos S: ∂q = scale·dS k, ∂k = scale·dSᵀ q, ∂lag = Σ dS."""
    phase, counts = _phases(q, k, v, lag, causal, scale)
    by_phase = (cotangent @ np.swapaxes(v, -1, -2)) * np.cos(phase) * counts
    return (
        like_input(scale * (by_phase @ k), q),
        like_input(scale * (np.swapaxes(by_phase, -1, -2) @ q), k),
        like_input(np.swapaxes(np.sin(phase) * counts, -1, -2) @ cotangent, v),
        np.sum(by_phase),
    )


def phase_coupling(phase, frequency, coupling, lag):
    """ω_i + K/N Σ_j sin(θ_j − θ_i − lag), in radians a time.

    phase and frequency (…, N), coupling and lag () → (…, N). Written in O(N) through the sums of cos θ_j and sin θ_j,
    the form that loses more digits. Raises ValueError for shapes that do not fit.
    """
    cosine, sine, behind = _order(phase, frequency, coupling, lag)
    return frequency + coupling * (sine * np.cos(behind) - cosine * np.sin(behind))


def phase_coupling_vjp(phase, frequency, coupling, lag, cotangent):
    """Gradients of the four. With R e^{iψ} the mean of e^{iθ}, out_i = ω_i + K Im(R e^{iψ} e^{−i(θ_i + lag)})."""
    cosine, sine, behind = _order(phase, frequency, coupling, lag)
    oscillators = max(np.shape(phase)[-1], 1)
    slope = cosine * np.cos(behind) + sine * np.sin(behind)
    by_sine, by_cosine = (np.sum(cotangent * part, axis=-1, keepdims=True) for part in (np.cos(behind), np.sin(behind)))
    collective = (np.cos(phase) * by_sine + np.sin(phase) * by_cosine) / oscillators
    return (
        like_input(coupling * (collective - cotangent * slope), phase),
        like_input(cotangent, frequency),
        np.sum(cotangent * (sine * np.cos(behind) - cosine * np.sin(behind))),
        -coupling * np.sum(cotangent * slope),
    )


def _phases(q, k, v, lag, causal, scale):
    """scale·⟨q_i, k_j⟩ + lag, and 1 or 0 for each pair that counts."""
    for name, array in (("q", q), ("k", k), ("v", v)):
        require_shape(name, np.ndim(array) >= 2, "(…, T, D)", array)
    require_shape("k", np.shape(k)[-1] == np.shape(q)[-1], f"(…, S, {np.shape(q)[-1]})", k)
    require_shape("v", np.shape(v)[-2] == np.shape(k)[-2], f"(…, {np.shape(k)[-2]}, E)", v)
    require_shape("lag", np.shape(lag) == (), "()", lag)
    times, keys = np.shape(q)[-2], np.shape(k)[-2]
    counts = np.tri(times, keys) if causal else np.ones((times, keys))
    return scale * (q @ np.swapaxes(k, -1, -2)) + lag, counts


def _order(phase, frequency, coupling, lag):
    """The means of cos θ and of sin θ, and θ + lag."""
    require_shape("phase", np.ndim(phase) >= 1, "(…, N)", phase)
    oscillators = np.shape(phase)[-1]
    require_shape("frequency", np.shape(frequency)[-1:] == (oscillators,), f"(…, {oscillators})", frequency)
    require_shape("coupling", np.shape(coupling) == (), "()", coupling)
    require_shape("lag", np.shape(lag) == (), "()", lag)
    means = [np.sum(part, axis=-1, keepdims=True) / max(oscillators, 1) for part in (np.cos(phase), np.sin(phase))]
    return *means, phase + lag
