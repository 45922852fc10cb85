"""Resolvents that read the wrong place: sites, bonds, carries, rows and strides."""

import torch

from tests.defects.defect import defects_in
from tests.defects.tridiagonal.chain import HONEST, advance, diagonal, entries
from tests.defects.tridiagonal.ingredient import RESOLVENT, instead_of

TILE = 16


@instead_of(RESOLVENT, "diagonal")
def last_site_copied(chain):
    """The loop over sites stops one short, and the last value is its neighbour's."""
    exact = diagonal(chain)
    return torch.cat([exact[..., :-1], exact[..., -2:-1]], -1) if exact.shape[-1] > 1 else exact


@instead_of(RESOLVENT, "advance")
def carry_applied_twice(p, q, m, w, site):
    """Where one tile of 16 sites hands over to the next, its first step is made twice (BK-core's scan)."""
    p, q = advance(p, q, m, w, site)
    return advance(p, q, m, w, site) if site and site % TILE == 0 else (p, q)


@instead_of(RESOLVENT, "advance")
def second_carry_applied_twice(p, q, m, w, site):
    """The same, at the third tile only: a chain of at most 32 sites cannot show it."""
    p, q = advance(p, q, m, w, site)
    return advance(p, q, m, w, site) if site == 2 * TILE else (p, q)


@instead_of(RESOLVENT, "advance")
def carry_dropped_beyond_32(p, q, m, w, site):
    """The carry into site 32 is lost: one block of threads does not see the other."""
    return advance(p, q, m, w if site != 2 * TILE else 0 * w, site)


@instead_of(RESOLVENT, "diagonal")
def neighbouring_bond(chain):
    """From the right, b_i c_i for b_{i+1} c_{i+1} (BK-core): right if the product is constant."""
    wrong = torch.cat([chain.w[..., :1], chain.w[..., :-1]], -1)
    wrong = torch.cat([wrong[..., :-1], 0 * wrong[..., -1:]], -1)
    (right,) = HONEST.sweep(chain.m.flip(-1)[None], wrong.flip(-1)[None])
    return diagonal(chain._replace(w=wrong, right=right.reversed()))


@instead_of(RESOLVENT, "diagonal")
def left_for_right(chain):
    """The sweep from the left serves for both sides, as if the chain were its own mirror image."""
    return diagonal(chain._replace(right=chain.left.reversed()))


@instead_of(RESOLVENT, "diagonal")
def right_side_forgotten(chain):
    """1/dL_i: the Schur complement of the left side alone."""
    return chain.left.q / chain.left.p


@instead_of(RESOLVENT, "entries")
def hermitian_assumed(main, upper, lower, shift):
    """|upper|² for upper·lower."""
    return entries(main, upper, upper.conj(), shift)


@instead_of(RESOLVENT, "entries")
def imaginary_shift_dropped(main, upper, lower, shift):
    """The real part of the shift only."""
    return entries(main, upper, lower, shift.real)


@instead_of(RESOLVENT, "entries")
def first_row_for_all(main, upper, lower, shift):
    """The kernel forgets the batch index of main: every row of a batch gets the first."""
    return entries(main[:1].expand_as(main) if main.ndim > 1 else main, upper, lower, shift)


@instead_of(RESOLVENT, "entries")
def first_shift_for_all(main, upper, lower, shift):
    """One shift, the first, for the whole batch."""
    return entries(main, upper, lower, shift.flatten()[0].expand_as(shift))


@instead_of(RESOLVENT, "entries")
def broadcast_without_stride(main, upper, lower, shift):
    """main is read as if contiguous in the full batch: its row r, modulo its length, for row r."""
    batch = entries(main, upper, lower, shift)[0].shape[:-1]
    rows = main.flatten(0, -2) if main.ndim > 1 else main.unsqueeze(0)
    read = rows[torch.arange(batch.numel()) % max(len(rows), 1)].reshape(*batch, main.shape[-1])
    return entries(read, upper, lower, shift)


@instead_of(RESOLVENT, "entries")
def product_in_place(main, upper, lower, shift):
    """The products overwrite the upper band."""
    found = entries(main, upper, lower, shift)
    upper.mul_(lower)
    return found


DEFECTS = defects_in(list(vars().values()))
