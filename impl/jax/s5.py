"""S5: a diagonal state space, discretised, scanned along time and read out; its losses and its reports.

x_t = Λ̄ x_{t−1} + B̄ u_t, and y_t = 2 Re(C x_t) + D u_t where one state of each conjugate pair is kept ("half"), or
y_t = C x_t + D u_t for a full set in the concatenated layout [λ; λ̄] ("full"). P states, H channels, T times. Products
of matrices keep the precision of the data on every device. Every function takes float32 or float64 and their complex
partners, one precision a call, and raises `TypeError` for other types and `ValueError` for shapes and options that do
not fit, naming the argument. Beside single precision, u, D and Δ may be float16 or bfloat16: states stay in single
precision, and y comes in the type of u.
Source: Smith, Warrington, Linderman, Simplified State Space Layers for Sequence Modeling, 2023.
"""

import math

import jax.numpy as jnp
from jax import Array

from impl.jax.chunked.s5 import recurrence
from impl.jax.s5_arguments import HALVES, alike, at_rest, check_reading, check_scan, check_set, joined, require
from impl.jax.s5_discretization import discretize
from impl.jax.s5_losses import conjugate_symmetry_penalty, imaginary_penalty, training_loss
from impl.jax.s5_reports import gradient_flow, hippo_n, statistics
from impl.jax.s5_response import driven, kept_on_chip, product, read_out, response

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


def scan(decay: Array, drive: Array, initial: Array | None = None) -> Array:
    """States of x_t = decay_t x_{t−1} + drive_t from x_{−1} = initial.

    **Arguments**: decay (P), or (…, T, P) where it varies; drive (…, T, P); initial (…, P), zero if left out; batch
    axes broadcast. **Returns**: (…, T, P), complex unless all three are real. Differentiable to any order, in reverse
    and forward mode.
    """
    drive, decay, initial = alike(drive=drive, decay=decay, initial=at_rest("drive", drive, initial))
    batch = check_scan(decay, drive, initial)
    if 0 in (*batch, *drive.shape):
        return decay * initial[..., None, :] + drive
    dtype = jnp.result_type(decay, drive, initial)
    arrays = ((decay, batch if decay.ndim > 2 else (), min(decay.ndim, 2)), (drive, batch, 2), (initial, batch, 1))
    flat = [
        jnp.broadcast_to(x, (*own, *x.shape[x.ndim - core :])).reshape(math.prod(own), *x.shape[x.ndim - core :])
        for x, own, core in arrays
    ]
    return recurrence(*(x.astype(dtype) for x in flat)).reshape(*batch, *drive.shape[-2:])


def apply(
    eigenvalues: Array, input_matrix: Array, output_matrix: Array, feedthrough: Array, step: Array, u: Array,
    initial: Array | None = None, *, method: str = "zoh", pairs: str = "half",
) -> tuple[Array, Array]:  # fmt: skip
    """The whole layer: discretise, scan from `initial`, read out.

    **Arguments**: eigenvalues (P), input_matrix (P, H), output_matrix (H, P); feedthrough (H), step (P) and
    u (…, T, H) real; initial (…, P), zero if left out. pairs="full" takes 2P explicit states and gives a complex y.
    **Returns**: y (…, T, H) and the state after the last time (…, P), which is `initial` where T = 0.
    """
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial = alike(
        eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough,
        step=step, u=u, initial=at_rest("eigenvalues", eigenvalues, initial),
    )  # fmt: skip
    check_set(eigenvalues, input_matrix, step)
    check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    require("u", u.ndim > 1, f"(…, T, {u.shape[-1]})", u)
    require("initial", initial.shape[-1:] == eigenvalues.shape, f"(…, {eigenvalues.shape[0]})", initial)
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    batch = joined("initial", u.shape[:-2], initial.shape[:-1])
    filled = 0 not in (*batch, *u.shape, *decay.shape)
    if pairs == "half" and filled and kept_on_chip(decay, discrete, output_matrix, u):
        inside = u if u.shape[:-2] == batch else _single(u)  # gradients of several rows add up in single precision
        flat = jnp.broadcast_to(inside, (*batch, *u.shape[-2:])).reshape(-1, *u.shape[-2:])
        start = jnp.broadcast_to(initial.astype(decay.dtype), (*batch, *decay.shape)).reshape(-1, *decay.shape)
        y, final = response(decay, discrete, output_matrix, feedthrough, flat, start)
        return _stored(y, u).reshape(*batch, *u.shape[-2:]), final.reshape(*batch, *decay.shape)
    inside = u.astype(jnp.finfo(decay.dtype).dtype)
    states = scan(decay, driven(discrete, inside), initial)
    at_end = (*states.shape[:-2], states.shape[-1])
    final = states[..., -1, :] if u.shape[-2] else jnp.broadcast_to(initial.astype(states.dtype), at_end)
    return _stored(_read_out(output_matrix, states, pairs) + _single(feedthrough) * inside, u), final


def step(
    decay: Array, input_matrix: Array, output_matrix: Array, feedthrough: Array, state: Array, u: Array,
    *, pairs: str = "half",
) -> tuple[Array, Array]:  # fmt: skip
    """One time of the recurrence, state' = Λ̄ state + B̄ u, and y read from state'.

    **Arguments**: decay (P) and input_matrix (P, H) as `discretize` gives them, output_matrix (H, P), feedthrough (H),
    state (…, P), u (…, H) real. **Returns**: y (…, H), complex for pairs="full", and state' (…, P).
    """
    decay, input_matrix, output_matrix, feedthrough, state, u = alike(
        decay=decay, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough, state=state, u=u
    )
    check_set(decay, input_matrix, name="decay")
    check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    require("state", state.shape[-1:] == decay.shape, f"(…, {decay.shape[0]})", state)
    joined("state", u.shape[:-1], state.shape[:-1])
    inside = u.astype(jnp.finfo(decay.dtype).dtype)
    following = decay * state + driven(input_matrix, inside)
    return _stored(_read_out(output_matrix, following, pairs) + _single(feedthrough) * inside, u), following


def _read_out(output_matrix: Array, states: Array, pairs: str) -> Array:
    """2 Re(C x), or C x."""
    if pairs == "full":
        return product(states, output_matrix.astype(states.dtype))
    return read_out(output_matrix, states)


def _single(x: Array) -> Array:
    """x, in single precision if it is a half."""
    return x.astype(jnp.float32) if x.dtype in HALVES else x


def _stored(y: Array, u: Array) -> Array:
    """A real y in the type of u."""
    return y if jnp.iscomplexobj(y) else y.astype(u.dtype)
