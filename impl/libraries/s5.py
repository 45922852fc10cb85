"""The scan and the layer of S5 as users compute them with a library."""

import numpy as np


def jax_associative_scan(decay, drive, initial):
    """`jax.lax.associative_scan` of (λ, b) pairs; the initial state enters with the first of them."""
    import jax
    import jax.numpy as jnp

    constant = decay.ndim == 1
    batch = jnp.broadcast_shapes(drive.shape[:-2], initial.shape[:-1], () if constant else decay.shape[:-2])
    shape = (*batch, *drive.shape[-2:])
    dtype = jnp.result_type(decay, drive, initial)
    decay, drive = (jnp.broadcast_to(x, shape).astype(dtype) for x in (decay, drive))
    if not shape[-2]:
        return drive
    drive = drive.at[..., 0, :].add(decay[..., 0, :] * initial)

    def after(first, second):
        return second[0] * first[0], second[0] * first[1] + second[1]

    return jax.lax.associative_scan(after, (decay, drive), axis=-2)[1]


def scipy_lfilter(decay, drive, initial):
    """`scipy.signal.lfilter`, state by state; for a decay that varies, one sample after the other."""
    from scipy.signal import lfilter

    shape = np.broadcast_shapes(drive.shape[:-2], initial.shape[:-1], decay.shape[:-2])
    dtype = np.result_type(decay, drive, initial)
    whole = (*shape, *drive.shape[-2:])
    decay, drive = (np.broadcast_to(x, whole).astype(dtype) for x in (decay, drive))
    states = np.zeros(whole, dtype)
    state = np.broadcast_to(initial, (*shape, whole[-1])).astype(dtype)
    one = np.ones(1, dtype)
    for lane in np.ndindex((*shape, whole[-1]) if drive.size else (0,)):
        at = (*lane[:-1], slice(None), lane[-1])
        rates, x = decay[at], state[lane]
        pieces = [slice(0, None)] if np.all(rates == rates[0]) else [slice(t, t + 1) for t in range(rates.size)]
        for piece in pieces:
            rate = rates[piece][0]
            states[at][piece] = lfilter(one, np.array([1, -rate], dtype), drive[at][piece], zi=np.array([rate * x]))[0]
            x = states[at][piece][-1]
    return states


def accelerated_scan(decay, drive, initial):
    """`accelerated_scan.complex.scan` of gates and tokens (B, P, T); the initial state enters with the first token."""
    import torch
    from accelerated_scan.complex import scan

    constant = decay.ndim == 1
    rows = torch.broadcast_shapes(drive.shape[:-2], initial.shape[:-1], () if constant else decay.shape[:-2])
    decay, drive = (x.expand(*rows, *drive.shape[-2:]).reshape(-1, *drive.shape[-2:]) for x in (decay, drive))
    first = drive[:, :1] + decay[:, :1] * initial.expand(*rows, -1).reshape(-1, 1, initial.shape[-1])
    tokens = torch.cat([first, drive[:, 1:]], 1)
    gates, tokens = (x.to(torch.complex64).mT.contiguous() for x in (decay, tokens))
    return scan(gates, tokens).mT.reshape(*rows, *drive.shape[-2:])


def s5_pytorch(
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial, *, method="zoh", pairs="half"
):  # fmt: skip
    """`discretize_zoh` or `discretize_bilinear`, and `apply_ssm` on every sequence, of s5-pytorch.

    It reads out Re(C x): C enters twice for a kept half, and −iC as well for the imaginary part of a full set.
    """
    import torch
    from s5.s5_model import apply_ssm, discretize_bilinear, discretize_zoh

    decay, discrete = {"zoh": discretize_zoh, "bilinear": discretize_bilinear}[method](eigenvalues, input_matrix, step)
    batch = torch.broadcast_shapes(u.shape[:-2], initial.shape[:-1])

    def read(matrix, through):
        found = [
            apply_ssm(
                decay, discrete, matrix, through, u.expand(*batch, *u.shape[-2:])[at], initial.expand(*batch, -1)[at]
            )
            for at in np.ndindex(*batch)
        ]
        y, final = (torch.stack(parts) for parts in zip(*found, strict=True))
        return y.reshape(*batch, *u.shape[-2:]), final.reshape(*batch, -1)

    if pairs == "half":
        return read(2 * output_matrix, feedthrough)
    (real, final), (imaginary, _) = read(output_matrix, feedthrough), read(-1j * output_matrix, 0 * feedthrough)
    return torch.complex(real, imaginary), final
