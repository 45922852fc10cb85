"""The peers: how the diagonal of the resolvent is computed without this package, or what a part of the job costs."""

import functools
from collections.abc import Callable

import numpy as np

from tests.benchmarks.job import COMPLEX, Peer, Shape

LARGEST_DENSE = 1024
DENSE_COPIES = 8  # bands laid out, summed and made complex, then factors and inverse


def _dense(shape: Shape, memory: int) -> str:
    """Why a shape is not for a peer that holds sites² numbers a chain."""
    chains, sites = shape
    if sites > LARGEST_DENSE:
        return f"it needs sites² numbers a chain, and is timed up to {LARGEST_DENSE} sites, not {sites}"
    needed = DENSE_COPIES * chains * sites**2 * COMPLEX
    if needed > memory:
        return f"it needs {needed / 2**30:.3g} GiB, and {memory / 2**30:.3g} GiB are free"
    return ""


def jax_normalised_scan(main, upper, lower, shift):
    """diag G from `jax.lax.associative_scan` of 2×2 matrices, each product divided by its largest component.

    Leading continuants obey p_i = m_i p_{i−1} − w_{i−1} p_{i−2}, trailing ones x_i = m_i x_{i+1} − w_i x_{i+2}, with
    w_i = upper_i lower_i, and G_ii = p_{i−1} x_{i+1} / (p_i x_{i+1} − w_i p_{i−1} x_{i+2}), homogeneous in p and in x.
    """
    import jax
    import jax.numpy as jnp

    diagonal = main - shift[..., None] + 0j
    sizes = (jnp.max(_size(x), -1, keepdims=True, initial=0) for x in (diagonal, upper, lower))
    per_unit = 1 / functools.reduce(jnp.maximum, sizes)
    diagonal = _scaled(diagonal, per_unit)
    products = (upper * per_unit) * (lower * per_unit) + 0j
    products = jnp.broadcast_to(products, (*diagonal.shape[:-1], products.shape[-1]))
    nothing = jnp.zeros_like(diagonal[..., :1])
    before, after = (jnp.concatenate(both, -1) for both in ((nothing, products), (products, nothing)))

    matrices = _steps(jnp.stack([diagonal, diagonal[..., ::-1]]), jnp.stack([before, after[..., ::-1]]))
    scanned = jax.lax.associative_scan(_later_times_earlier, matrices, axis=matrices.ndim - 1)
    (p, trailing), (p_before, trailing_after) = scanned[:, 0]
    x = jnp.concatenate([trailing[..., -2::-1], nothing + 1], -1)
    x_after = jnp.concatenate([trailing_after[..., -2::-1], nothing], -1)
    return _scaled(p_before * x / (p * x - after * p_before * x_after), per_unit)


def _steps(diagonal, products):
    """[[m, −w], [1, 0]] for every site, on the two leading axes."""
    import jax.numpy as jnp

    one, zero = jnp.ones_like(diagonal), jnp.zeros_like(diagonal)
    return jnp.stack([jnp.stack([diagonal, -products]), jnp.stack([one, zero])])


def _later_times_earlier(earlier, later):
    import jax.numpy as jnp

    product = later[:, :1] * earlier[:1] + later[:, 1:] * earlier[1:]
    return _scaled(product, 1 / jnp.max(_size(product), (0, 1)))


def _size(x):
    """The larger of |Re x| and |Im x|."""
    import jax.numpy as jnp

    return jnp.maximum(jnp.abs(x.real), jnp.abs(x.imag))


def _scaled(x, real):
    """Two products where complex times real would be promoted to a complex product."""
    import jax

    return jax.lax.complex(x.real * real, x.imag * real)


def jax_single_solve(main, upper, lower, shift, right):
    """x of (H − z) x = right by `jax.lax.linalg.tridiagonal_solve` (cuSPARSE on CUDA)."""
    import jax
    import jax.numpy as jnp

    diagonal = main - shift[..., None] + 0j
    batch = jnp.broadcast_shapes(diagonal.shape[:-1], upper.shape[:-1], lower.shape[:-1], right.shape[:-1])
    below, diagonal, above, right = (
        jnp.broadcast_to(x, (*batch, x.shape[-1])).astype(diagonal.dtype)
        for x in (_padded(jnp, lower, 1, 0), diagonal, _padded(jnp, upper, 0, 1), right)
    )
    return jax.lax.linalg.tridiagonal_solve(below, diagonal, above, right[..., None])[..., 0]


def scipy_single_solve(main, upper, lower, shift, right):
    """x of (H − z) x = right by one call of `scipy.linalg.solve_banded`: a batch is a long chain with bonds cut."""
    from scipy.linalg import solve_banded

    diagonal = main - shift[..., None] + np.complex64(0)
    shape = np.broadcast_shapes(diagonal.shape, right.shape)
    bands = np.empty((3, *shape), diagonal.dtype)
    bands[0], bands[1], bands[2] = _padded(np, upper, 1, 0), diagonal, _padded(np, lower, 0, 1)
    right = np.broadcast_to(right, shape).astype(diagonal.dtype)
    return solve_banded((1, 1), bands.reshape(3, -1), right.ravel()).reshape(shape)


def _padded(numpy, band, before: int, after: int):
    return numpy.pad(band, [(0, 0)] * (band.ndim - 1) + [(before, after)])


def _by_unit_vectors(solve: Callable, main, upper, lower, shift):
    """diag G from a solver: the solution for the unit vector e_i has G_ii at site i."""
    sites = main.shape[-1]
    columns = solve(
        main[..., None, :], upper[..., None, :], lower[..., None, :], shift[..., None], np.eye(sites, dtype=np.float32)
    )
    return columns[..., np.arange(sites), np.arange(sites)]


def jax_diagonal_by_solves(main, upper, lower, shift):
    return _by_unit_vectors(jax_single_solve, main, upper, lower, shift)


def scipy_diagonal_by_solves(main, upper, lower, shift):
    return _by_unit_vectors(scipy_single_solve, main, upper, lower, shift)


def _solving_for_main(solve: Callable) -> Callable:
    """One solve with main on the right: random data of the right shape."""

    def one_solve(main, upper, lower, shift):
        return solve(main, upper, lower, shift, main)

    return one_solve


JAX_PART, SCIPY_PART = (_solving_for_main(solve) for solve in (jax_single_solve, scipy_single_solve))
PEERS = (
    Peer("associative scan", "jax", f"{__name__}:jax_normalised_scan", library=False),
    Peer("inverse", "torch", "impl.libraries.tridiagonal:torch_inverse", too_much=_dense),
    Peer("solve_banded", "numpy", "impl.libraries.tridiagonal:scipy_solve_banded", too_much=_dense),
    Peer("one tridiagonal_solve", "jax", f"{__name__}:jax_diagonal_by_solves", JAX_PART, part=True),
    Peer("one solve_banded", "numpy", f"{__name__}:scipy_diagonal_by_solves", SCIPY_PART, part=True),
)
