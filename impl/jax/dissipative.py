"""A non-Hermitian potential V − iΓ on a chain: its making, its resolvent as a layer, its propagation, its size.

H is tridiagonal: main (…, N), upper and lower (…, max(N−1, 0)). Every function takes float32 or float64 and their
complex partners, one precision a call, and raises `TypeError` for other types and `ValueError` for shapes and options
that do not fit, naming the argument.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.tridiagonal import resolvent_diagonal

__all__ = ["layer", "overdamping", "potential", "propagate", "schatten_norm"]


def potential(x: Array, value_weight: Array, decay_weight: Array, *, base_decay: float = 0.01) -> Array:
    """V − iΓ with V = x·w_v and Γ = log(1 + e^{x·w_γ}) + base_decay.

    x (…, N, D), weights (D), all real → (…, N), complex. Γ > 0 in every precision if base_decay > 0, also where
    the logarithm underflows.
    """
    _check_features(x, value_weight, decay_weight)
    if not 0 <= base_decay < math.inf:
        raise ValueError(f"base_decay: expected a finite number ≥ 0, got {base_decay!r}")
    precise = jax.lax.Precision.HIGHEST  # not tf32, where the device has it
    decay = jnp.logaddexp(jnp.matmul(x, decay_weight, precision=precise), 0) + base_decay
    return jax.lax.complex(jnp.matmul(x, value_weight, precision=precise), -decay.astype(x.dtype))


def layer(
    x: Array, value_weight: Array, decay_weight: Array, upper: Array, lower: Array, shift: Array | complex,
    *, base_decay: float = 0.01,
) -> Array:  # fmt: skip
    """[Re G, Im G] of the resolvent's diagonal of the chain with V − iΓ on its diagonal: (…, N, 2), real.

    Shapes as in `potential` and `resolvent_diagonal`. Γ enters H, so every weight receives a gradient.
    """
    main = potential(x, value_weight, decay_weight, base_decay=base_decay)
    resolvent = resolvent_diagonal(main, upper, lower, shift)
    return jnp.stack([resolvent.real, resolvent.imag], axis=-1)


def propagate(main: Array, upper: Array, lower: Array, state: Array, *, time: float) -> Array:
    """ψ(t) = e^{−iHt} ψ(0) by the exponential of the dense matrix: O(N³).

    state (…, N); leading axes broadcast; time a finite number → (…, N), complex.
    """
    _check_chain(main, upper, lower, state)
    if not isinstance(time, jax.Array) and not math.isfinite(time):
        raise ValueError(f"time: expected a finite number, got {time!r}")
    dtype = _complex(main)
    batch = jnp.broadcast_shapes(*(array.shape[:-1] for array in (main, upper, lower, state)))
    sites = main.shape[-1]
    offset = jnp.arange(sites) - jnp.arange(sites)[:, None]
    dense = jnp.zeros((*batch, sites, sites), dtype)
    for band, place, pad in ((main, 0, (0, 0)), (upper, 1, (0, 1)), (lower, -1, (1, 0))):
        row = jnp.pad(band.astype(dtype), [(0, 0)] * (band.ndim - 1) + [pad])[..., :sites]
        dense = dense + jnp.where(offset == place, row[..., :, None], 0)
    state = jnp.broadcast_to(state.astype(dtype), (*batch, sites))[..., None]
    with jax.default_matmul_precision("highest"):
        grown = jax.scipy.linalg.expm(-1j * time * dense, max_squarings=48) if dense.size else dense
        return jnp.matmul(grown, state)[..., 0]


def schatten_norm(potential: Array, *, p: float) -> Array:
    """(Σ|v_i|^p)^{1/p} of the diagonal operator v, p ≥ 1, the largest |v_i| for p = ∞.

    potential (…, N) → (…), real; 0 for no site. Scaled by a power of two: nothing overflows. The derivative is 0 where
    v_i = 0, and for p = ∞ belongs to the first of the largest.
    """
    _check_array(potential, "potential")
    if isinstance(p, bool) or not p >= 1:
        raise ValueError(f"p: expected a number ≥ 1, or infinity, got {p!r}")
    if not potential.shape[-1]:
        return potential.real.sum(-1)
    if math.isinf(p):
        place = jnp.argmax(_modulus(jax.lax.stop_gradient(potential)), axis=-1, keepdims=True)
        return _modulus(jnp.take_along_axis(potential, place, axis=-1))[..., 0]
    scale = _power_of_two(potential)
    moduli = _modulus(_divided(potential, scale))
    powers = jnp.where(moduli == 0, 0, jnp.where(moduli == 0, 1, moduli) ** p)
    total = powers.sum(-1)
    root = jnp.where(total == 0, 1, total) ** (1 / p)
    return jnp.where(total == 0, 0, root) * scale[..., 0]


def overdamping(potential: Array) -> Array:
    """Mean Γ over mean |V| of v = V − iΓ: how far decay outweighs motion; above 10 the chain hardly moves.

    potential (…, N) → (…), real. 0 for a zero or an empty potential, infinite where V = 0 and Γ does not.
    """
    _check_array(potential, "potential")
    if not potential.shape[-1]:
        return potential.real.sum(-1)
    potential = _divided(potential, _power_of_two(potential))  # the derivative squares the sums
    decay, motion = -potential.imag.sum(-1), _modulus(potential.real).sum(-1)
    gone = (decay == 0) & (motion == 0)
    return jnp.where(gone, 0, decay / jnp.where(gone, 1, motion))


def _power_of_two(x: Array) -> Array:
    """The one at or below the largest modulus of each chain, 1 for zeros; not differentiated."""
    largest = _modulus(jax.lax.stop_gradient(x)).max(-1, keepdims=True)
    return jnp.where(largest > 0, jnp.ldexp(jnp.ones_like(largest), jnp.frexp(largest)[1] - 1), 1)


def _divided(x: Array, scale: Array) -> Array:
    return jax.lax.complex(x.real / scale, x.imag / scale) if jnp.iscomplexobj(x) else x / scale


def _modulus(x: Array) -> Array:
    """|v| with derivative 0 at 0."""
    if not jnp.iscomplexobj(x):
        return x * jax.lax.stop_gradient(jnp.sign(x))
    zero = x == 0
    return jnp.where(zero, 0, jnp.abs(jnp.where(zero, 1, x)))


def _complex(array: Array) -> jnp.dtype:
    return jnp.result_type(array.dtype, jnp.complex64)


def _check_features(x: Array, value_weight: Array, decay_weight: Array) -> None:
    for name, array in (("x", x), ("value_weight", value_weight), ("decay_weight", decay_weight)):
        if getattr(array, "dtype", None) not in (jnp.float32, jnp.float64):
            raise TypeError(
                f"{name}: expected an array of float32 or float64, got {getattr(array, 'dtype', type(array))}"
            )
        if array.dtype != x.dtype:
            raise TypeError(f"{name}: expected the dtype of x, {x.dtype}, got {array.dtype}")
    if x.ndim < 2:
        raise ValueError(f"x: expected shape (…, N, D), got {x.shape}")
    for name, weight in (("value_weight", value_weight), ("decay_weight", decay_weight)):
        if weight.shape != x.shape[-1:]:
            raise ValueError(f"{name}: expected shape {x.shape[-1:]}, got {weight.shape}")


def _check_chain(main: Array, upper: Array, lower: Array, state: Array) -> None:
    _check_array(main, "main")
    sites, batch = main.shape[-1], main.shape[:-1]
    bonds = max(sites - 1, 0)
    for name, array, length in (("upper", upper, bonds), ("lower", lower, bonds), ("state", state, sites)):
        _check_array(array, name)
        if _complex(array) != _complex(main):
            raise TypeError(f"{name}: expected the precision of main ({main.dtype}), got {array.dtype}")
        if array.shape[-1] != length:
            raise ValueError(f"{name}: expected shape (…, {length}), got {array.shape}")
        try:
            batch = jnp.broadcast_shapes(batch, array.shape[:-1])
        except ValueError:
            raise ValueError(
                f"{name}: expected batch axes that broadcast with {batch}, got {array.shape[:-1]}"
            ) from None


def _check_array(array: Array, name: str) -> None:
    if getattr(array, "dtype", None) not in (jnp.float32, jnp.float64, jnp.complex64, jnp.complex128):
        raise TypeError(
            f"{name}: expected float32, float64, complex64 or complex128, got {getattr(array, 'dtype', type(array))}"
        )
    if array.ndim < 1:
        raise ValueError(f"{name}: expected shape (…, N), got a scalar")
