"""S5: a diagonal state space, discretised, scanned along time, and read out.

x_t = Λ̄ x_{t−1} + B̄ u_t,  y_t = 2 Re(C x_t) + D u_t for the kept half of a conjugate-symmetric set ("half"), or
y_t = C x_t + D u_t for a full set in the concatenated layout [λ; λ̄] ("full"). Shapes: P states, H channels, T times;
leading axes (…) of decay, drive, u and initial broadcast. Source: J. Smith, A. Warrington, S. Linderman, Simplified
State Space Layers for Sequence Modeling, 2023.
"""

from math import prod

import numpy as np

from reference.pullback import like_input
from reference.s5_discretization import check_set, discretize, discretize_vjp
from reference.s5_losses import (
    conjugate_symmetry_penalty,
    conjugate_symmetry_penalty_vjp,
    imaginary_penalty,
    imaginary_penalty_vjp,
    training_loss,
    training_loss_vjp,
)
from reference.s5_reports import gradient_flow, hippo_n, hippo_spectrum, statistics
from reference.shapes import require_shape

__all__ = [
    "apply",
    "apply_vjp",
    "conjugate_symmetry_penalty",
    "conjugate_symmetry_penalty_vjp",
    "discretize",
    "discretize_vjp",
    "gradient_flow",
    "hippo_n",
    "hippo_spectrum",
    "imaginary_penalty",
    "imaginary_penalty_vjp",
    "scan",
    "scan_vjp",
    "statistics",
    "step",
    "step_vjp",
    "training_loss",
    "training_loss_vjp",
]

READINGS = {"half": 2, "full": 1}  # how often a state counts in y


def scan(decay, drive, initial):
    """States of x_t = decay_t x_{t−1} + drive_t from x_{−1} = initial, by that recurrence.

    decay (P), or (…, T, P) where it varies; drive (…, T, P); initial (…, P) → states (…, T, P), complex
    unless all three are real. Raises ValueError for shapes that do not fit.
    """
    times = _check_scan(decay, drive, initial)
    states, state = [], initial
    for time in range(times):
        state = _at(decay, time) * state + drive[..., time, :]
        states.append(state)
    return np.stack(states, axis=-2) if times else decay * np.expand_dims(initial, -2) + drive


def scan_vjp(decay, drive, initial, cotangent):
    """Gradients for decay, drive and initial: g_t = cotangent_t + conj(decay_{t+1}) g_{t+1} runs backwards;

    ∂drive_t = g_t, ∂decay_t = g_t conj(x_{t−1}), ∂initial = conj(decay_0) g_0; summed over axes along which the input
    was broadcast, a constant decay over time too.
    """
    states = scan(decay, drive, initial)
    times = np.shape(states)[-2]
    adjoints, carried = [], np.zeros(np.shape(states)[:-2] + np.shape(states)[-1:], complex)
    for time in reversed(range(times)):
        adjoint = cotangent[..., time, :] + carried
        carried = np.conj(_at(decay, time)) * adjoint
        adjoints.append(adjoint)
    flow = np.stack(adjoints[::-1], axis=-2) if times else cotangent
    return (
        like_input(flow * np.conj(_delayed(states, initial)), decay),
        like_input(flow, drive),
        like_input(carried, initial),
    )


def apply(
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial, *, method="zoh", pairs="half"
):  # fmt: skip
    """The whole layer: discretise, scan from `initial`, read out.

    eigenvalues (P), input_matrix (P, H), output_matrix (H, P) complex; feedthrough (H), step (P), u (…, T, H) real;
    initial (…, P) complex → y (…, T, H), real for pairs="half", complex for "full", and the state after the last time
    (…, P), `initial` itself where T = 0. Raises ValueError for shapes that do not fit and for unknown options.
    """
    _check_layer(eigenvalues, input_matrix, output_matrix, feedthrough)
    require_shape("u", np.ndim(u) >= 2, "(…, T, H)", u)
    _check_last("u", u, feedthrough)
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    states = scan(decay, u @ np.swapaxes(discrete, -1, -2), initial)
    y = _read_out(output_matrix, states, pairs) + feedthrough * u
    return y, _last(states, initial)


def apply_vjp(
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial, y_cotangent, final_cotangent,
    *, method="zoh", pairs="half",
):  # fmt: skip
    """Gradients of the seven arrays of `apply`, for cotangents of y and of the final state.

    The states receive conj(C)ᵀ ∂y, twice for a half set, and the last one ∂final besides; `scan_vjp` and
    `discretize_vjp` do the rest.
    """
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    drive = u @ np.swapaxes(discrete, -1, -2)
    states = scan(decay, drive, initial)
    weighted = READINGS[pairs] * y_cotangent
    received = _add_to_last(weighted @ np.conj(output_matrix), final_cotangent)
    by_decay, by_drive, by_initial = scan_vjp(decay, drive, initial, received)
    by_parameters = discretize_vjp(eigenvalues, input_matrix, step, by_decay, _summed(by_drive, u), method=method)
    return (
        *by_parameters[:2],
        _summed(weighted, states),
        like_input(y_cotangent * u, feedthrough),
        by_parameters[2],
        like_input(y_cotangent * feedthrough, u) + like_input(by_drive @ np.conj(discrete), u),
        by_initial if np.shape(u)[-2] else like_input(final_cotangent, initial),
    )


def step(decay, input_matrix, output_matrix, feedthrough, state, u, *, pairs="half"):
    """One time of the recurrence: state' = Λ̄ state + B̄ u, and y read from state'.

    decay (P) and input_matrix (P, H) as `discretize` gives them, output_matrix (H, P), feedthrough (H), state (…, P),
    u (…, H) → y (…, H), state' (…, P). Raises ValueError for shapes that do not fit and for unknown pairs.
    """
    _check_layer(decay, input_matrix, output_matrix, feedthrough, "decay")
    _check_last("state", state, decay)
    _check_last("u", u, feedthrough)
    following = decay * state + u @ np.swapaxes(input_matrix, -1, -2)
    return _read_out(output_matrix, following, pairs) + feedthrough * u, following


def step_vjp(
    decay, input_matrix, output_matrix, feedthrough, state, u, y_cotangent, state_cotangent, *, pairs="half"
):  # fmt: skip
    """Gradients of the six arrays of `step`, for cotangents of y and of state'."""
    following = decay * state + u @ np.swapaxes(input_matrix, -1, -2)
    weighted = READINGS[pairs] * y_cotangent
    received = weighted @ np.conj(output_matrix) + state_cotangent
    return (
        like_input(received * np.conj(state), decay),
        _summed(received, np.broadcast_to(u, np.shape(y_cotangent))),
        _summed(weighted, following),
        like_input(y_cotangent * u, feedthrough),
        like_input(np.conj(decay) * received, state),
        like_input(y_cotangent * feedthrough, u) + like_input(received @ np.conj(input_matrix), u),
    )


def _at(decay, time: int):
    return decay if np.ndim(decay) == 1 else decay[..., time, :]


def _delayed(states, initial):
    """x_{t−1} for every t."""
    *batch, times, size = np.shape(states)
    first = np.broadcast_to(np.expand_dims(initial, -2), (*batch, 1, size))
    return np.concatenate([first, states[..., :-1, :]], axis=-2)[..., :times, :]


def _last(states, initial):
    *batch, times, size = np.shape(states)
    return states[..., -1, :] if times else np.broadcast_to(initial, (*batch, size))


def _add_to_last(cotangent, final):
    last = cotangent[..., -1:, :] + np.expand_dims(final, -2)[..., : np.shape(cotangent)[-2], :]
    return np.concatenate([cotangent[..., :-1, :], last], axis=-2)


def _read_out(output_matrix, states, pairs: str):
    if pairs not in READINGS:
        raise ValueError(f"pairs: expected half or full, got {pairs!r}")
    read = states @ np.swapaxes(output_matrix, -1, -2)
    return 2 * np.real(read) if pairs == "half" else read


def _summed(left, right):
    """Σ over batch and time of left_i conj(right_j)."""
    count = prod(np.shape(left)[:-1])
    rows, columns = (np.reshape(x, (count, np.shape(x)[-1])) for x in (left, np.conj(right)))
    return np.swapaxes(rows, -1, -2) @ columns


def _check_layer(eigenvalues, input_matrix, output_matrix, feedthrough, name: str = "eigenvalues") -> None:
    check_set(eigenvalues, input_matrix, eigenvalues, name)
    size, channels = np.shape(input_matrix)
    require_shape("output_matrix", np.shape(output_matrix) == (channels, size), f"({channels}, {size})", output_matrix)
    require_shape("feedthrough", np.shape(feedthrough) == (channels,), f"({channels},)", feedthrough)


def _check_scan(decay, drive, initial) -> int:
    require_shape("drive", np.ndim(drive) >= 2, "(…, T, P)", drive)
    require_shape("decay", np.ndim(decay) >= 1, "(P) or (…, T, P)", decay)
    times, size = np.shape(drive)[-2:]
    varying = f"({size},) or (…, {times}, {size})"
    require_shape("decay", np.shape(decay)[-1] == size, varying, decay)
    require_shape("decay", np.ndim(decay) == 1 or np.shape(decay)[-2] == times, varying, decay)
    _check_last("initial", initial, np.empty(size))
    batch = np.shape(drive)[:-2]
    for name, own in (("decay", np.shape(decay)[:-2]), ("initial", np.shape(initial)[:-1])):
        try:
            batch = np.broadcast_shapes(batch, own)
        except ValueError:
            raise ValueError(f"{name}: expected batch axes that broadcast with {batch}, got {own}") from None
    return times


def _check_last(name: str, array, like) -> None:
    size = np.shape(like)[-1]
    require_shape(name, np.shape(array)[-1:] == (size,), f"(…, {size})", array)
