"""The Schur recursion of tridiagonal chains in homogeneous form, chunk-parallel and free of pivots.

A chain has the pivots d_i = m_i − w_i/d_{i−1}. With e_i a power of two near √|w_i|, d_i = e_{i+1} p_i/r_i they become

    p_i = c_i (m_i p_{i−1} − b_i e_i r_{i−1}),    r_i = c_i e_{i+1} p_{i−1},    b_i = w_i/e_i²,    from p = 1, r = 0,

where c_i is the power of two that brings the larger of p_i, r_i to [1, 2). A vanishing pivot is a value like any other,
and no product of two entries of the matrix is ever formed.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from impl.jax.chunked.powers_of_two import exponent, magnitude, power

SERIAL_SITES = 64  # a chain no longer than this gains nothing from chunks


class Pairs(NamedTuple):
    """p, r and the real k_i = r_i/p_{i−1}, all (chains, N); determinant = mantissa·2^exponent, both (chains)."""

    p: Array
    r: Array
    step: Array
    mantissa: Array
    exponent: Array


def continuants(main: Array, balanced: Array, entering: Array, leaving: Array) -> Pairs:
    """Homogeneous pivots of every site of every chain.

    **Arguments**, all (chains, N), N ≥ 1: main m; balanced b; the powers of two e_i of the bond that enters a site and
    e_{i+1} of the one that leaves it. b = 0 and e = 1 where there is no bond.
    """
    chains, sites = main.shape
    length = chunk_length(sites)
    chunks = -(-sites // length)
    scanned = tuple(
        by_position(x, chunks, length, padding) for x, padding in ((main, 1), (balanced * entering, 0), (leaving, 1))
    )
    p, r, before = jnp.ones_like(main[:, :1]), jnp.zeros_like(main[:, :1]), jnp.zeros((chains, 1), jnp.int32)
    if chunks > 1:
        p, r, before = _carries(scanned)
    (p, r, after), (rows_p, rows_r, steps) = lax.scan(_step, (p, r, before), scanned)
    # Across a chunk boundary k compares two chunks, each with an exponent of its own.
    jumps = power(jnp.clip(after[:, :-1] - before[:, 1:], *_exponents(main)), steps.dtype)
    steps = steps.at[0, :, 1:].multiply(jumps)
    rows_p, rows_r, steps = (by_chain(x, sites) for x in (rows_p, rows_r, steps))
    return Pairs(rows_p, rows_r, steps, p[:, -1], after[:, -1])


def chunk_length(sites: int) -> int:
    """As many steps inside a chunk as there are chunks."""
    return sites if sites <= SERIAL_SITES else int(sites**0.5)


def by_position(x: Array, chunks: int, length: int, padding: float) -> Array:
    """(chains, N) → (position in the chunk, chains, chunks)."""
    x = jnp.pad(x, ((0, 0), (0, chunks * length - x.shape[1])), constant_values=padding)
    return jnp.moveaxis(x.reshape(-1, chunks, length), 2, 0)


def by_chain(x: Array, sites: int) -> Array:
    """The inverse of `by_position`, without the padding."""
    return jnp.moveaxis(x, 0, 2).reshape(x.shape[1], -1)[:, :sites]


def _exponents(like: Array) -> tuple[int, int]:
    information = jnp.finfo(like.dtype)
    return information.minexp, information.maxexp - 1


def _step(state, entries):
    p, r, total = state
    main, product, leaving = entries
    new, old = main * p - product * r, leaving * p
    size = exponent(jnp.maximum(magnitude(new), magnitude(old)))
    scale = power(-size, leaving.dtype)
    p, r = new * scale, old * scale
    return (p, r, total + size), (p, r, leaving * scale)


def _carries(scanned):
    """The pair that enters each chunk and its exponent, (chains, chunks)."""
    main, _, _ = scanned
    one, zero = jnp.ones_like(main[0]), jnp.zeros_like(main[0])

    def advance(matrix, entries):
        first, second, total = matrix
        main, product, leaving = entries
        columns = [(main * p - product * r, leaving * p) for p, r in (first, second)]
        sizes = [magnitude(x) for column in columns for x in column]
        size = exponent(jnp.maximum(jnp.maximum(*sizes[:2]), jnp.maximum(*sizes[2:])))
        scale = power(-size, leaving.dtype)
        first, second = ((p * scale, r * scale) for p, r in columns)
        return (first, second, total + size), None

    start = ((one, zero), (zero, one), jnp.zeros(one.shape, jnp.int32))
    matrices, _ = lax.scan(advance, start, scanned)

    def cross(state, matrix):
        p, r, total = state
        (pp, rp), (pr, rr), growth = matrix
        new_p, new_r = pp * p + pr * r, rp * p + rr * r
        size = exponent(jnp.maximum(magnitude(new_p), magnitude(new_r)))
        scale = power(-size, new_p.real.dtype)
        return (new_p * scale, new_r * scale, total + growth + size), state

    by_chunk = [[jnp.moveaxis(x, 1, 0) for x in column] for column in matrices[:2]]
    first_pair = (one[:, 0], zero[:, 0], jnp.zeros(one.shape[0], jnp.int32))
    _, carries = lax.scan(cross, first_pair, (*by_chunk, jnp.moveaxis(matrices[2], 1, 0)))
    return tuple(jnp.moveaxis(x, 0, 1) for x in carries)
