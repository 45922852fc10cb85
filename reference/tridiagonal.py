"""The resolvent of a tridiagonal matrix, from the dense matrix.

H is N×N with H[i, i] = main[i], H[i, i+1] = upper[i], H[i+1, i] = lower[i]; z = shift; A = H − z·I and G = A⁻¹.
Shapes: main (…, N), upper and lower (…, max(N−1, 0)), shift () or (…); leading axes broadcast. Real or complex.
"""

from collections.abc import Sequence

import numpy as np

from reference.numbers import free, like

__all__ = ["log_determinant", "log_determinant_vjp", "resolvent_diagonal", "resolvent_diagonal_vjp"]


def resolvent_diagonal(main, upper, lower, shift):
    """Diagonal of the resolvent, G_ii = [(H − z·I)⁻¹]_ii.

    Returns (…, N), complex. Raises ValueError for shapes that do not fit, `numpy.linalg.LinAlgError` for a singular A.
    Source: E. N. Economou, Green's Functions in Quantum Physics, ch. 1.
    """
    return np.diagonal(np.linalg.inv(_shifted(main, upper, lower, shift)), axis1=-2, axis2=-1)


def resolvent_diagonal_vjp(main, upper, lower, shift, cotangent):
    """Gradients of a real loss L through `resolvent_diagonal`, with cotangent (…, N) = ∂L/∂Re G_ii + i ∂L/∂Im G_ii.

    dG = −G dA G, hence ∂L/∂A = −Gᴴ diag(cotangent) Gᴴ. Returns (main, upper, lower, shift), each of the shape of its
    input, in the convention ∂L/∂a + i ∂L/∂b, real for a real input, summed over axes along which
    the input was broadcast.
    """
    adjoint = _adjoint(np.linalg.inv(_shifted(main, upper, lower, shift)))
    gradient = -(adjoint * cotangent[..., None, :]) @ adjoint
    return _per_input(gradient, (main, upper, lower, shift))


def log_determinant(main, upper, lower, shift):
    """log det(H − z·I): the principal logarithms of the pivots d_i = m_i − upper_{i−1} lower_{i−1} / d_{i−1}, summed.

    Returns (…), complex: log|det A| + i·Σ arg d_i. The sum fixes the multiple of 2π only; modulus and angle come from
    the dense determinant, the angle as a small one off a plain number, so that it never meets the branch cut.
    Raises ValueError for shapes that do not fit. A singular A gives −∞.
    """
    sign, magnitude = np.linalg.slogdet(_shifted(main, upper, lower, shift))
    direction = np.angle(free(sign))
    turns = np.round((_pivot_angles(main, upper, lower, shift) - direction) / (2 * np.pi))
    turned = like(sign, direction + 2 * np.pi * turns)
    return magnitude + 1j * (turned + np.angle(sign * np.exp(-1j * turned)))


def log_determinant_vjp(main, upper, lower, shift, cotangent):
    """Gradients of a real loss through `log_determinant`, cotangent (…): ∂ log det A/∂A = Gᵀ, so ∂L/∂A = cotangent·Gᴴ.

    Returns (main, upper, lower, shift) in the convention of `resolvent_diagonal_vjp`.
    """
    adjoint = _adjoint(np.linalg.inv(_shifted(main, upper, lower, shift)))
    return _per_input(cotangent[..., None, None] * adjoint, (main, upper, lower, shift))


def _shifted(main, upper, lower, shift):
    """The dense matrix H − z·I, complex, shape (…, N, N)."""
    sites = _check(main, upper, lower, shift)
    batch = _batch(main, upper, lower, shift)
    on_diagonal = main - np.expand_dims(shift, -1) + 0j
    above = np.pad(upper, _at_end(upper, after=sites > 0)) + 0j
    below = np.pad(lower, _at_end(lower, before=sites > 0)) + 0j
    offset = np.arange(sites) - np.arange(sites)[:, None]
    rows = [np.broadcast_to(band[..., :, None], (*batch, sites, sites)) for band in (on_diagonal, above, below)]
    return np.where(offset == 0, rows[0], np.where(offset == 1, rows[1], np.where(offset == -1, rows[2], 0)))


def _batch(main, upper, lower, shift) -> tuple[int, ...]:
    batch: tuple[int, ...] = ()
    for name, shape in zip(("main", "upper", "lower"), (np.shape(a)[:-1] for a in (main, upper, lower)), strict=True):
        batch = _joined(name, batch, shape)
    return _joined("shift", batch, np.shape(shift))


def _joined(name: str, batch: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(batch, own)
    except ValueError:
        raise ValueError(f"{name}: expected batch axes that broadcast with {batch}, got {own}") from None


def _at_end(band, before: bool = False, after: bool = False) -> list[tuple[int, int]]:
    return [(0, 0)] * (np.ndim(band) - 1) + [(int(before), int(after))]


def _check(main, upper, lower, shift) -> int:
    for name, array in (("main", main), ("upper", upper), ("lower", lower)):
        if np.ndim(array) == 0:
            raise ValueError(f"{name}: expected shape (…, sites), got a scalar")
    sites = np.shape(main)[-1]
    for name, array in (("upper", upper), ("lower", lower)):
        if np.shape(array)[-1] != max(sites - 1, 0):
            raise ValueError(
                f"{name}: expected shape (…, {max(sites - 1, 0)}) beside main of {sites} sites, got {np.shape(array)}"
            )
    return sites


def _adjoint(matrix):
    return np.conj(np.swapaxes(matrix, -1, -2))


def _per_input(gradient, inputs: Sequence):
    """∂L/∂(main, upper, lower, shift) from the dense ∂L/∂A, which need only hold the three diagonals."""
    bands = [np.diagonal(gradient, offset=offset, axis1=-2, axis2=-1) for offset in (0, 1, -1)]
    bands.append(-np.sum(bands[0], axis=-1))
    return tuple(_like_input(band, array) for band, array in zip(bands, inputs, strict=True))


def _like_input(gradient, array):
    """The gradient of a broadcast input: summed to its shape, real if it is real."""
    extra = np.ndim(gradient) - np.ndim(array)
    repeated = [
        extra + axis for axis, size in enumerate(np.shape(array)) if size == 1 and np.shape(gradient)[extra + axis] != 1
    ]
    gradient = np.sum(gradient, axis=(*range(extra), *repeated), keepdims=True) if extra or repeated else gradient
    gradient = np.reshape(gradient, np.shape(array))
    return gradient if np.iscomplexobj(array) else np.real(gradient)


def _pivot_angles(main, upper, lower, shift):
    """Σ arg d_i over the pivots of the elimination without interchanges, as plain floats: it only chooses a branch."""
    main, shift = free(main), free(shift)
    product = free(upper) * free(lower)
    diagonal = main - np.expand_dims(shift, -1) + 0j
    total = pivot = np.zeros(np.broadcast_shapes(diagonal.shape[:-1], product.shape[:-1]))
    with np.errstate(all="ignore"):
        for site in range(diagonal.shape[-1]):
            pivot = diagonal[..., site] - (product[..., site - 1] / pivot if site else 0)
            total = total + np.nan_to_num(np.angle(pivot))
    return total
