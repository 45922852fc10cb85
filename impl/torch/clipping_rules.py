"""The norm and the clipping of a set as differentiable functions of its tensors.

‖g‖ = s·size with a power of two s; all scalars are in double and stay on the device. u = g/‖g‖, 0 for a zero set.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

LARGEST_SHIFT = 120  # of one factor 2^−shift: representable in single precision, as is its product with [½, 1)


def measured(gradients: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """size = ‖g/s‖ and s: 1 for a set in single or half precision, near the largest element for one in double."""
    scale = torch.ones((), dtype=torch.float64, device=gradients[0].device)
    double = [real_view(g) for g in gradients if is_double(g) and g.numel()]
    if double:
        largest = torch.stack([g.abs().amax() for g in double]).amax()
        exponent = torch.frexp(largest)[1] - 1
        usable = (largest > 0) & torch.isfinite(largest)
        scale = torch.where(usable, torch.ldexp(scale, exponent), scale)
    norms = [_norm(g, scale) for g in gradients]
    return torch.linalg.vector_norm(torch.stack(norms)), scale


def _norm(gradient: Tensor, scale: Tensor) -> Tensor:
    """‖g/s‖ in double; g is first widened or divided, so no square leaves the range."""
    real = real_view(gradient)
    if is_double(gradient):
        return torch.linalg.vector_norm(real / scale)
    return torch.linalg.vector_norm(real, dtype=torch.float64) / scale


def real_view(gradient: Tensor) -> Tensor:
    return torch.view_as_real(gradient.resolve_conj()) if gradient.is_complex() else gradient


def is_double(gradient: Tensor) -> bool:
    return gradient.dtype in (torch.float64, torch.complex128)


def times(gradient: Tensor, ratio: Tensor, inverse: Tensor) -> Tensor:
    """g·inverse·ratio, inverse a power of two, where the product fits although a factor may not.

    Narrow formats go through double: there nothing leaves the range. In double the power of two comes first.
    """
    real = real_view(gradient)
    if is_double(gradient):
        scaled = real * inverse * ratio
    else:
        scaled = (real.to(torch.float64) * inverse * ratio).to(real.dtype)
    return torch.view_as_complex(scaled) if gradient.is_complex() else scaled


def _inner(left: Tensor, right: Tensor) -> Tensor:
    """Re⟨left, right⟩ in double."""
    return (real_view(left).to(torch.float64) * real_view(right).to(torch.float64)).sum()


def directions(gradients: Sequence[Tensor], size: Tensor, scale: Tensor) -> list[Tensor]:
    """g/‖g‖ in double."""
    positive = torch.where(size == 0, torch.ones_like(size), size)
    return [g.to(_wide(g)) / scale / positive for g in gradients]


def _wide(gradient: Tensor) -> torch.dtype:
    return torch.complex128 if gradient.is_complex() else torch.float64


class Measure(torch.autograd.Function):
    """gradients → ‖g‖ in double."""

    @staticmethod
    def forward(*gradients):
        size, scale = measured(gradients)
        return size * scale

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, cotangent):
        gradients = ctx.saved_tensors
        units = directions(gradients, *measured(gradients))
        return tuple((cotangent * u).to(g.dtype) for u, g in zip(units, gradients, strict=True))

    @staticmethod
    def jvp(ctx, *tangents):
        gradients = ctx.saved_tensors
        units = directions(gradients, *measured(gradients))
        return _along(units, tangents)


class Clip(torch.autograd.Function):
    """(bound, gradients …) → (clipped …, ‖g‖, factor), the last two in double; bound: a number or a tensor ()."""

    @staticmethod
    def forward(bound, *gradients):
        return clipped(bound, gradients)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.bound, *gradients = inputs
        ctx.save_for_backward(*gradients)
        ctx.save_for_forward(*gradients)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, *cotangents):
        return pulled_back(ctx.bound, ctx.saved_tensors, *cotangents)

    @staticmethod
    def jvp(ctx, of_bound, *tangents):
        return pushed_forward(ctx.bound, ctx.saved_tensors, of_bound, tangents)


class SafeClip(torch.autograd.Function):
    """(bound, backend, gradients …) → (clipped …, ‖g‖, factor, nans, infs) of the sanitized gradients.

    backend(bound, gradients) gives these results; the derivative is that of the clipping, masked.
    """

    @staticmethod
    def forward(bound, backend, *gradients):
        return backend(bound, gradients)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.bound, _, *gradients = inputs
        ctx.mark_non_differentiable(*output[-2:])
        ctx.save_for_backward(*gradients)
        ctx.save_for_forward(*gradients)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, *cotangents):
        gradients = ctx.saved_tensors
        _, *found = pulled_back(ctx.bound, finite(gradients), *cotangents[:-2])
        return None, None, *masked(gradients, found)

    @staticmethod
    def jvp(ctx, _bound, _backend, *tangents):
        gradients = ctx.saved_tensors
        given = masked(
            gradients, [torch.zeros_like(g) if t is None else t for g, t in zip(gradients, tangents, strict=True)]
        )
        return *pushed_forward(ctx.bound, finite(gradients), None, given), None, None


def clipped(bound: float | Tensor, gradients: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The set times min(1, bound/‖g‖), ‖g‖ and that factor."""
    size, scale = measured(gradients)
    inside, positive = _inside(size, scale, bound)
    one = torch.ones_like(size)
    shrink = torch.where(torch.isfinite(size), bound / positive, torch.nan)
    ratio, inverse = torch.where(inside, one, shrink), torch.where(inside, one, 1 / scale)
    return *(torch.where(inside, g, times(g, ratio, inverse)) for g in gradients), size * scale, ratio * inverse


def sanitized_and_clipped(bound: float, gradients: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What `SafeClip` returns, on any device."""
    return *clipped(bound, finite(gradients)), *count_bad(gradients)


def finite(gradients: Sequence[Tensor]) -> list[Tensor]:
    return masked(gradients, gradients)


def masked(gradients: Sequence[Tensor], arrays: Sequence[Tensor]) -> list[Tensor]:
    """The arrays, 0 where a gradient is not finite."""
    return [torch.where(torch.isfinite(g), x, torch.zeros_like(x)) for g, x in zip(gradients, arrays, strict=True)]


def count_bad(gradients: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """How many elements are NaN, and how many others are infinite."""
    none = torch.zeros((), dtype=torch.int64, device=gradients[0].device if gradients else None)
    nans = sum((torch.isnan(g).sum() for g in gradients), none)
    bad = sum((g.numel() - torch.isfinite(g).sum() for g in gradients), none)
    return nans, bad - nans


def pulled_back(bound, gradients, *cotangents) -> tuple[Tensor | None, ...]:
    """The gradients of the bound, where it is a tensor, and of the set."""
    *given, by_norm, by_factor = cotangents
    size, scale = measured(gradients)
    inside, positive = _inside(size, scale, bound)
    units = directions(gradients, size, scale)
    along = _along(units, given)
    shrink = bound / scale / positive
    of_norm = torch.zeros_like(size) if by_norm is None else by_norm
    if by_factor is not None:
        of_norm = of_norm + by_factor * torch.where(inside, 0.0, -shrink / positive / scale)
    found = []
    for u, c, g in zip(units, given, gradients, strict=True):
        c = torch.zeros_like(u) if c is None else c.to(u.dtype)
        found.append((torch.where(inside, c, (c - u * along) * shrink) + of_norm * u).to(g.dtype))
    return _of_bound(bound, inside, along, by_factor, positive * scale), *found


def pushed_forward(bound, gradients, of_bound, tangents) -> tuple[Tensor, ...]:
    """The tangents of the clipped set, of ‖g‖ and of the factor."""
    size, scale = measured(gradients)
    inside, positive = _inside(size, scale, bound)
    units = directions(gradients, size, scale)
    along, shrink = _along(units, tangents), bound / scale / positive
    of_bound = torch.zeros_like(size) if of_bound is None else of_bound.to(size.dtype)
    moved = []
    for u, t, g in zip(units, tangents, gradients, strict=True):
        t = torch.zeros_like(u) if t is None else t.to(u.dtype)
        turned = (t - u * along) * shrink + u * of_bound
        moved.append(torch.where(inside, t, turned).to(g.dtype))
    slope = (of_bound - shrink * along) / positive / scale
    return *moved, along, torch.where(inside, torch.zeros_like(size), slope)


def _inside(size: Tensor, scale: Tensor, bound: Tensor | float) -> tuple[Tensor, Tensor]:
    """Whether ‖g‖ ≤ bound; the size, 1 where it is 0."""
    return size <= bound / scale, torch.where(size == 0, torch.ones_like(size), size)


def _along(units: Sequence[Tensor], others: Sequence[Tensor | None]) -> Tensor:
    """Σ Re⟨u, c⟩"""
    pairs = zip(units, others, strict=True)
    return torch.stack([_inner(u, torch.zeros_like(u) if c is None else c) for u, c in pairs]).sum()


def _of_bound(bound, inside: Tensor, along: Tensor, by_factor: Tensor | None, norm: Tensor) -> Tensor | None:
    """The gradient of a bound that is itself a tensor."""
    if not isinstance(bound, Tensor):
        return None
    total = along if by_factor is None else along + by_factor / norm
    return torch.where(inside, torch.zeros_like(along), total).to(bound.dtype)
