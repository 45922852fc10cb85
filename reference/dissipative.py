"""A non-Hermitian potential V − iΓ on a chain: its making, its resolvent as a layer, its propagation, its size.

H is tridiagonal as in `reference.tridiagonal`: main (…, N), upper and lower (…, max(N−1, 0)).
"""

import numpy as np

from reference.numbers import free, like
from reference.numbers.exponential import matrix_exponential
from reference.pullback import like_input
from reference.shapes import require_shape
from reference.tridiagonal import resolvent_diagonal, resolvent_diagonal_vjp

__all__ = [
    "layer",
    "layer_vjp",
    "overdamping",
    "overdamping_vjp",
    "potential",
    "potential_vjp",
    "propagate",
    "propagate_vjp",
    "schatten_norm",
    "schatten_norm_vjp",
]


def potential(x, value_weight, decay_weight, *, base_decay=0.01):
    """V − iΓ with V = x·w_v and Γ = log(1 + e^{x·w_γ}) + base_decay.

    x (…, N, D), weights (D), all real → (…, N), complex. Γ > 0 in every precision if base_decay > 0. Raises ValueError
    for shapes that do not fit and for a negative or infinite base_decay.
    """
    _check_features(x, value_weight, decay_weight, base_decay)
    return x @ value_weight - 1j * (_softplus(x @ decay_weight) + base_decay)


def potential_vjp(x, value_weight, decay_weight, cotangent, *, base_decay=0.01):
    """∂w_v = Σ Re c·x, ∂w_γ = −Σ Im c·σ(x·w_γ)·x, ∂x = Re c·w_v − Im c·σ·w_γ; sums over batch and sites."""
    by_value = np.real(cotangent)
    by_decay = -np.imag(cotangent) * _logistic(x @ decay_weight)
    return (
        by_value[..., None] * value_weight + by_decay[..., None] * decay_weight,
        _contracted(by_value, x),
        _contracted(by_decay, x),
    )


def layer(x, value_weight, decay_weight, upper, lower, shift, *, base_decay=0.01):
    """[Re G, Im G] of the resolvent's diagonal of the chain with V − iΓ on its diagonal.

    Shapes as in `potential` and `resolvent_diagonal` → (…, N, 2), real. Raises as both.
    """
    resolvent = resolvent_diagonal(
        potential(x, value_weight, decay_weight, base_decay=base_decay), upper, lower, shift
    )  # fmt: skip
    return np.stack([np.real(resolvent), np.imag(resolvent)], axis=-1)


def layer_vjp(x, value_weight, decay_weight, upper, lower, shift, cotangent, *, base_decay=0.01):
    """The resolvent's gradients for the cotangent c₀ + i c₁, that of its diagonal handed on to x and the weights."""
    main = potential(x, value_weight, decay_weight, base_decay=base_decay)
    received = cotangent[..., 0] + 1j * cotangent[..., 1]
    by_main, *others = resolvent_diagonal_vjp(main, upper, lower, shift, received)
    return *potential_vjp(x, value_weight, decay_weight, by_main, base_decay=base_decay), *others


def propagate(main, upper, lower, state, *, time):
    """ψ(t) = e^{−iHt} ψ(0), by the exponential of the dense matrix.

    state (…, N); leading axes broadcast; time real → (…, N), complex. Raises ValueError for shapes that do not fit and
    for a time that is not finite. Source: E. B. Davies, Quantum Theory of Open Systems, 1976.
    """
    generator = _generator(main, upper, lower, state, time)
    return (matrix_exponential(generator) @ (state + 0j)[..., None])[..., 0]


def propagate_vjp(main, upper, lower, state, cotangent, *, time):
    """∂ψ = e^{Aᴴ} c and ∂A = ∫ e^{(1−s)Aᴴ} c ψᴴ e^{sAᴴ} ds for A = −iHt, so ∂H = it·∂A.

    The integral is the corner of exp [[Aᴴ, cψᴴ], [0, Aᴴ]]; cψᴴ enters scaled to at most 1. Source: C. Van Loan,
    Computing integrals involving the matrix exponential, 1978.
    """
    adjoint = np.conj(np.swapaxes(_generator(main, upper, lower, state, time), -1, -2))
    batch, sites = np.shape(adjoint)[:-2], np.shape(main)[-1]
    by_state = (matrix_exponential(adjoint) @ cotangent[..., None])[..., 0]
    source = cotangent[..., :, None] * np.conj(state + 0j)[..., None, :]
    scale = _power_of_two(source, (-2, -1))
    corner = np.broadcast_to(source / scale, np.shape(adjoint))
    empty = np.zeros((*batch, sites, sites))
    doubled = np.concatenate(
        [np.concatenate([adjoint, corner], axis=-1), np.concatenate([empty, adjoint], axis=-1)], axis=-2
    )
    by_generator = matrix_exponential(doubled)[..., :sites, sites:] * scale
    bands = (np.diagonal(by_generator, offset=offset, axis1=-2, axis2=-1) for offset in (0, 1, -1))
    found = [like_input(1j * time * band, array) for band, array in zip(bands, (main, upper, lower), strict=True)]
    return *found, like_input(by_state, state)


def schatten_norm(potential, *, p):
    """(Σ|v_i|^p)^{1/p} of the diagonal operator v, p ≥ 1, the largest |v_i| for p = ∞.

    potential (…, N) → (…), real; 0 for no site. Raises ValueError for a scalar and for p < 1.
    """
    _check_order(potential, p)
    moduli = np.abs(potential)
    if np.isinf(p):
        return _at_largest(moduli)
    scale = _power_of_two(potential, (-1,))[..., 0]
    total = np.sum(np.power(moduli / scale[..., None], p), axis=-1)
    return np.where(total == 0, 0.0, np.power(_nonzero(total), 1 / p)) * scale


def schatten_norm_vjp(potential, cotangent, *, p):
    """c·(|v_i|/‖v‖)^{p−1}·v_i/|v_i|, 0 where v_i = 0; for p = ∞ all of it to the first of the largest."""
    moduli = np.abs(potential)
    phase = np.where(moduli == 0, 0.0, potential / _nonzero(moduli))
    if np.isinf(p):
        share = like(moduli, _is_largest(moduli))
    else:
        norm = np.expand_dims(schatten_norm(potential, p=p), -1)
        share = np.power(moduli / _nonzero(norm), p - 1) if p > 1 else like(moduli, np.ones(np.shape(moduli)))
    return (like_input(np.expand_dims(cotangent, -1) * share * phase, potential),)


def overdamping(potential):
    """Mean Γ over mean |V| of v = V − iΓ: how far decay outweighs motion. 0 for a zero or an empty potential.

    potential (…, N) → (…), real; infinite where V = 0 and Γ does not. Raises ValueError for a scalar.
    """
    _check_order(potential, 1)
    decay, motion = np.sum(-np.imag(potential), axis=-1), np.sum(np.abs(np.real(potential)), axis=-1)
    with np.errstate(all="ignore"):
        return np.where(_vanish(decay, motion), like(motion, 0.0), decay / _nonzero(motion, _vanish(decay, motion)))


def overdamping_vjp(potential, cotangent):
    """∂V = −c·sign V·ΣΓ/(Σ|V|)², ∂Γ = c/Σ|V|; 0 for a zero potential."""
    decay, motion = np.sum(-np.imag(potential), axis=-1), np.sum(np.abs(np.real(potential)), axis=-1)
    gone = _vanish(decay, motion)
    with np.errstate(all="ignore"):
        inverse = np.where(gone, like(motion, 0.0), 1 / _nonzero(motion, gone))
        by_decay = np.expand_dims(cotangent * inverse, -1)
        by_motion = np.expand_dims(-cotangent * inverse * (decay * inverse), -1) * np.sign(np.real(free(potential)))
    return (like_input(by_motion - 1j * by_decay, potential),)


def _softplus(x):
    """log(1 + eˣ) without overflow."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _logistic(x):
    """Its derivative, 1/(1 + e⁻ˣ)."""
    return np.exp(np.minimum(x, 0.0)) / (1 + np.exp(-np.abs(x)))


def _contracted(weight, x):
    """Σ over batch and sites of weight·x, (D)."""
    rows = np.reshape(x, (np.size(weight), np.shape(x)[-1]))
    return np.reshape(weight, (np.size(weight),)) @ rows


def _generator(main, upper, lower, state, time):
    """−iHt, dense, with the batch axes of all."""
    require_shape("main", np.ndim(main) >= 1, "(…, N)", main)
    sites = np.shape(main)[-1]
    for name, band in (("upper", upper), ("lower", lower)):
        require_shape(name, np.shape(band)[-1:] == (max(sites - 1, 0),), f"(…, {max(sites - 1, 0)})", band)
    require_shape("state", np.shape(state)[-1:] == (sites,), f"(…, {sites})", state)
    if not np.isfinite(time):
        raise ValueError(f"time: expected a finite number, got {time!r}")
    batch = np.broadcast_shapes(*(np.shape(array)[:-1] for array in (main, upper, lower, state)))
    offset = np.arange(sites) - np.arange(sites)[:, None]
    rows = [np.broadcast_to(_row(band, pad)[..., :, None], (*batch, sites, sites))
            for band, pad in ((main, (0, 0)), (upper, (0, min(sites, 1))), (lower, (min(sites, 1), 0)))]  # fmt: skip
    dense = np.where(offset == 0, rows[0], np.where(offset == 1, rows[1], np.where(offset == -1, rows[2], 0.0)))
    return -1j * (dense * time)


def _row(band, pad: tuple[int, int]):
    return np.pad(band, [(0, 0)] * (np.ndim(band) - 1) + [pad]) + 0j


def _power_of_two(x, axes: tuple[int, ...]):
    """The power of two at or below the largest modulus along the axes, 1 for zeros; plain numbers."""
    largest = np.max(np.abs(free(x)), axis=axes, keepdims=True, initial=0.0)
    return np.where(largest > 0, np.ldexp(1.0, np.frexp(largest)[1] - 1), 1.0)


def _is_largest(moduli):
    """1 at the first of the largest along the sites, else 0; plain."""
    plain = free(moduli)
    return (np.argmax(plain, axis=-1)[..., None] == np.arange(np.shape(plain)[-1])) + 0.0 if np.size(plain) else plain


def _at_largest(moduli):
    return np.sum(moduli * like(moduli, _is_largest(moduli)), axis=-1)


def _nonzero(x, gone=None):
    return np.where(x == 0 if gone is None else gone, like(x, 1.0), x)


def _vanish(decay, motion):
    return (free(decay) == 0) & (free(motion) == 0)


def _check_features(x, value_weight, decay_weight, base_decay) -> None:
    require_shape("x", np.ndim(x) >= 2, "(…, N, D)", x)
    features = np.shape(x)[-1:]
    for name, weight in (("value_weight", value_weight), ("decay_weight", decay_weight)):
        require_shape(name, np.shape(weight) == features, f"{features}", weight)
    if not 0 <= base_decay < np.inf:
        raise ValueError(f"base_decay: expected a finite number ≥ 0, got {base_decay!r}")


def _check_order(potential, p) -> None:
    require_shape("potential", np.ndim(potential) >= 1, "(…, N)", potential)
    if not p >= 1:
        raise ValueError(f"p: expected a number ≥ 1, or infinity, got {p!r}")
