"""The tridiagonal row in plain JAX, O(N), differentiable in both modes.

Arguments are flat: main (B, N), upper and lower (B, N−1), shift (B), with B, N ≥ 1; `internal` is the real dtype to
compute in. The chain is followed from both ends: arrays (2, B, N) hold the chain and its reversal, each in its own
order; at every site they carry the homogeneous pivots e p/r of `continuants`. With p′, r′ those of the opposite
direction one site ahead and Δ = p p′ − b r r′, which is the determinant up to scale, G_ii = (r/e) p′/Δ.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from impl.jax.chunked.continuants import Pairs, continuants
from impl.jax.chunked.linear_scan import linear_scan
from impl.jax.chunked.powers_of_two import exponent, magnitude, power

TURN = 2 * math.pi
BLOCK = 256  # arguments summed in one go before whole turns are set aside


@partial(jax.custom_jvp, nondiff_argnums=(4,))
def resolvent_diagonal(main: Array, upper: Array, lower: Array, shift: Array, internal) -> Array:
    """G (B, N), complex, in the precision of the data."""
    chain = _chain(main, upper, lower, shift, internal)
    _, diagonal = _per_site(chain, _both_ways(chain))
    return _as_result(diagonal / chain.unit, main)


@resolvent_diagonal.defjvp
def _resolvent_diagonal_jvp(internal, primals, tangents):
    """X = r² δd obeys X_i = r_i² δm_i − k_i r_i r_{i−1} δw_i/e_i + k_i² b_i X_{i−1}.

    δG = −Σ (G/r)² X over both directions, which count δm_i twice.
    """
    main, upper, lower, shift = primals
    chain = _chain(main, upper, lower, shift, internal)
    pairs = _both_ways(chain)
    weight, diagonal = _per_site(chain, pairs)
    along_main, along_bond = _along(chain, tangents)
    before = jnp.pad(pairs.r[..., :-1], ((0, 0), (0, 0), (1, 0)))
    source = pairs.r * (pairs.r * along_main) - pairs.step * pairs.r * (before * along_bond)
    shape = source.shape
    ratio = pairs.step * (chain.balanced * pairs.step)
    moved = linear_scan(source.reshape(-1, shape[-1]), jnp.broadcast_to(ratio, shape).reshape(-1, shape[-1]))
    both = weight * (weight * moved.reshape(shape))
    total = both[0] + both[1, :, ::-1] - diagonal * (diagonal * along_main[0])
    return _as_result(diagonal / chain.unit, main), _as_result(-total / chain.unit / chain.unit, main)


@partial(jax.custom_jvp, nondiff_argnums=(4,))
def log_determinant(main: Array, upper: Array, lower: Array, shift: Array, internal) -> Array:
    """log det (B), complex, its imaginary part the sum of the arguments of the pivots."""
    chain = _chain(main, upper, lower, shift, internal)
    left = continuants(chain.main[0], chain.balanced[0], chain.entering[0], chain.leaving[0])
    return _log_determinant(chain, left, main)


@log_determinant.defjvp
def _log_determinant_jvp(internal, primals, tangents):
    """δ log det = Σ G_ii δm_i − Σ (r r′/Δ)_i δw_i/e_i²."""
    main, upper, lower, shift = primals
    chain = _chain(main, upper, lower, shift, internal)
    pairs = _both_ways(chain)
    _, diagonal = _per_site(chain, pairs)
    _, bond, ahead = _bonds(chain, pairs)
    along_main, along_bond = _along(chain, tangents)
    slope = pairs.r[0, :, :-1] * (ahead[0, :, :-1] / bond[0, :, :-1]) / chain.entering[0, :, 1:]
    total = jnp.sum(diagonal * along_main[0], -1) - jnp.sum(slope * along_bond[0, :, 1:], -1)
    left = Pairs(pairs.p[0], pairs.r[0], pairs.step[0], pairs.mantissa[0], pairs.exponent[0])
    return _log_determinant(chain, left, main), _as_result(total / chain.unit[:, 0], main)


class _Chain(NamedTuple):
    """H − z in a unit near the middle of the range of its entries; (2, B, N), each direction in its own order."""

    main: Array
    balanced: Array  # b = w/e² of the bond that enters a site, 0 at the first
    entering: Array  # e of that bond, 1 where there is none
    leaving: Array  # e of the next bond
    upper: Array  # (B, N−1), each divided by the e of its bond
    lower: Array
    unit: Array  # (B, 1), a power of two


def _chain(main: Array, upper: Array, lower: Array, shift: Array, internal) -> _Chain:
    mixed = any(jnp.iscomplexobj(x) for x in (main, upper, lower, shift))
    dtype = jnp.result_type(internal, jnp.complex64) if mixed else internal
    main, upper, lower, shift = (x.astype(dtype) for x in (main, upper, lower, shift))
    main = main - shift[:, None]
    unit = _unit(jnp.concatenate([main, upper, lower], -1))
    main, upper, lower = main / unit, upper / unit, lower / unit
    sizes = magnitude(upper), magnitude(lower)
    bonded = (sizes[0] > 0) & (sizes[1] > 0)
    halved = (exponent(sizes[0]) + exponent(sizes[1])) // 2
    scale = jnp.where(bonded, power(halved, unit.dtype), 1)
    upper, lower = upper / scale, lower / scale
    balanced = upper * lower

    def mirrored(x, before=0, after=0, value=1):
        return jnp.pad(jnp.stack([x, x[:, ::-1]]), ((0, 0), (0, 0), (before, after)), constant_values=value)

    return _Chain(
        mirrored(main), mirrored(balanced, 1, 0, 0), mirrored(scale, 1), mirrored(scale, 0, 1), upper, lower, unit
    )


def _unit(entries: Array) -> Array:
    """The power of two midway between the largest entry and the smallest, which counts no lower than the square root of
    the range allows."""
    sizes = magnitude(entries)
    largest = exponent(jnp.max(sizes, -1, keepdims=True))
    smallest = exponent(jnp.min(jnp.where(sizes > 0, sizes, jnp.inf), -1, keepdims=True))
    smallest = jnp.clip(smallest, largest + jnp.finfo(sizes.dtype).minexp, largest)
    return power((largest + smallest) // 2, sizes.dtype)


def _both_ways(chain: _Chain) -> Pairs:
    shape = chain.main.shape
    flat = (x.reshape(-1, shape[-1]) for x in chain[:4])
    found = continuants(*flat)
    return Pairs(*(x.reshape((2, shape[1], *x.shape[1:])) for x in found))


def _bonds(chain: _Chain, pairs: Pairs) -> tuple[Array, Array, Array]:
    """p′, Δ and r′ at every site of both directions."""

    def ahead(x, edge):
        return jnp.pad(x[::-1, :, ::-1][..., 1:], ((0, 0), (0, 0), (0, 1)), constant_values=edge)

    balanced = jnp.pad(chain.balanced[..., 1:], ((0, 0), (0, 0), (0, 1)))
    ahead_p, ahead_r = ahead(pairs.p, 1), ahead(pairs.r, 0)
    return ahead_p, pairs.p * ahead_p - balanced * pairs.r * ahead_r, ahead_r


def _per_site(chain: _Chain, pairs: Pairs) -> tuple[Array, Array]:
    """G/r (2, B, N) and G (B, N), in the chain's unit."""
    ahead, bond, _ = _bonds(chain, pairs)
    weight = ahead / bond / chain.leaving
    return weight, pairs.r[0] * weight[0]


def _along(chain: _Chain, tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    """δm and δw/e (2, B, N), laid out like the chain."""
    main, upper, lower, shift = (x.astype(chain.main.dtype) for x in tangents)
    along_main = main - shift[:, None]
    along_bond = upper * chain.lower + chain.upper * lower
    along_bond = jnp.pad(jnp.stack([along_bond, along_bond[:, ::-1]]), ((0, 0), (0, 0), (1, 0)))
    return jnp.stack([along_main, along_main[:, ::-1]]), along_bond


def _log_determinant(chain: _Chain, left: Pairs, like: Array) -> Array:
    dtype = chain.unit.dtype
    angle = jnp.angle(left.mantissa)
    turns = _turns(jnp.angle(left.p * jnp.conj(left.r)), angle)
    # All whole exponents meet before the logarithm: a determinant near 1 of a graded chain loses nothing.
    own = exponent(magnitude(left.mantissa))
    doublings = left.exponent + own + left.p.shape[-1] * exponent(chain.unit[:, 0])
    size = jnp.log(jnp.abs(left.mantissa * power(-own, dtype))) + doublings.astype(dtype) * math.log(2)
    return _as_result(lax.complex(size, angle + TURN * turns), like)


def _turns(angles: Array, total: Array) -> Array:
    """round((Σ angles − total)/2π), with whole turns counted apart so that long sums lose nothing."""
    sites = angles.shape[-1]
    blocks = jnp.pad(angles / TURN, ((0, 0), (0, -sites % BLOCK))).reshape(angles.shape[0], -1, BLOCK).sum(-1)
    whole = jnp.round(blocks)
    return whole.sum(-1) + jnp.round((blocks - whole).sum(-1) - total / TURN)


def _as_result(x: Array, like: Array) -> Array:
    return x.astype(jnp.result_type(like.dtype, jnp.complex64))
