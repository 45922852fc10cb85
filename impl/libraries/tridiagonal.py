"""The diagonal of the resolvent as users compute it from a library's inverse or tridiagonal solver."""

import numpy as np


def torch_inverse(main, upper, lower, shift):
    """`torch.linalg.inv` of the dense matrix."""
    import torch

    diagonal = main - shift[..., None]
    above, below = torch.diag_embed(upper, offset=1), torch.diag_embed(lower, offset=-1)
    return torch.diagonal(torch.linalg.inv(torch.diag_embed(diagonal) + above + below + 0j), dim1=-2, dim2=-1)


def jax_tridiagonal_solve(main, upper, lower, shift):
    """`jax.lax.linalg.tridiagonal_solve` with the identity on the right."""
    import jax
    import jax.numpy as jnp

    diagonal = main - shift[..., None] + 0j
    batch = jnp.broadcast_shapes(diagonal.shape[:-1], upper.shape[:-1], lower.shape[:-1])
    sites = diagonal.shape[-1]

    def band(values, before, after):
        padded = jnp.pad(values, [(0, 0)] * (values.ndim - 1) + [(before, after)])
        return jnp.broadcast_to(padded, (*batch, sites)).astype(diagonal.dtype)

    identity = jnp.broadcast_to(jnp.eye(sites, dtype=diagonal.dtype), (*batch, sites, sites))
    inverse = jax.lax.linalg.tridiagonal_solve(band(lower, 1, 0), band(diagonal, 0, 0), band(upper, 0, 1), identity)
    return jnp.diagonal(inverse, axis1=-2, axis2=-1)


def scipy_solve_banded(main, upper, lower, shift):
    """`scipy.linalg.solve_banded` with the identity on the right, chain by chain."""
    from scipy.linalg import solve_banded

    diagonal = np.asarray(main - shift[..., None] + np.zeros((), np.result_type(main, 1j * main[..., :0])))
    sites = diagonal.shape[-1]
    batch = np.broadcast_shapes(diagonal.shape[:-1], upper.shape[:-1], lower.shape[:-1])
    bands = np.zeros((*batch, 3, sites), np.result_type(diagonal, upper, lower))
    bands[..., 0, 1:], bands[..., 1, :], bands[..., 2, : sites - 1] = upper, diagonal, lower
    identity = np.eye(sites, dtype=bands.dtype)
    diagonals = np.zeros((*batch, sites), bands.dtype)
    for chain in np.ndindex(batch if sites else (0,)):
        diagonals[chain] = np.diagonal(solve_banded((1, 1), bands[chain], identity))
    return diagonals
