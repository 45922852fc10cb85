"""Norms of a set that overflow, forget, or hide."""

import torch

from tests.defects.clipping.parts import NORM, honest
from tests.defects.defect import Defect, defect, defects_in


@defect(NORM)
def squares_overflow(gradients):
    """√Σ|g|² without scaling: 1e20 in single precision has an infinite norm, 1e-30 none."""
    return torch.sqrt(sum((g.abs() ** 2).sum() for g in gradients))


@defect(NORM)
def norms_are_added(gradients):
    """The norms of the arrays are summed, not their squares."""
    return sum(honest.global_norm([g]) for g in gradients)


@defect(NORM)
def last_array_forgotten(gradients):
    """The loop ends one array too early."""
    return honest.global_norm(gradients[:-1] or gradients)


@defect(NORM)
def imaginary_parts_forgotten(gradients):
    """The norm of a complex gradient is that of its real part."""
    return honest.global_norm([g.real if g.is_complex() else g for g in gradients])


@defect(NORM)
def not_a_number_at_zero(gradients):
    """The derivative of the root is taken at 0: 0·∞."""
    squares = sum(((g.abs().double()) ** 2).sum() for g in gradients)
    return torch.sqrt(squares).to(torch.float32)


@defect(NORM)
def zero_becomes_an_epsilon(gradients):
    """1e-6 keeps the norm from being 0."""
    return torch.clamp(honest.global_norm(gradients), min=1e-6)


@defect(NORM)
def holes_in_the_norm(gradients):
    """NaN and ∞ are left out of the norm, silently."""
    return honest.global_norm([torch.nan_to_num(g, 0, 0, 0) for g in gradients])


@defect(NORM)
def ragged_end_forgotten(gradients):
    """Arrays of more than a block are read by whole blocks of 4096; the rest is left."""
    return honest.global_norm([g.flatten()[: g.numel() // 4096 * 4096 or None] for g in gradients])


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
