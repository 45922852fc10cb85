"""Wrong penalties and losses."""

import torch

from tests.defects.defect import defect, defects_in
from tests.defects.s5.honest import (
    conjugate_symmetry_penalty,
    halves,
    imaginary_penalty,
    mean_square,
    training_loss,
)

IMAGINARY, SYMMETRY, LOSS = "s5.imaginary_penalty", "s5.conjugate_symmetry_penalty", "s5.training_loss"


@defect(SYMMETRY)
def square_without_modulus(eigenvalues, input_matrix, output_matrix, *, weight=1.0):
    """Re mean (λ_j − conj λ_{j+P})²: negative, and unbounded below (Valkyrie)."""
    return conjugate_symmetry_penalty(
        eigenvalues, input_matrix, output_matrix, weight=weight,
        mean_square=lambda d: (d * d).real.sum() / max(d.numel(), 1),
    )  # fmt: skip


@defect(SYMMETRY)
def interleaved_layout(eigenvalues, input_matrix, output_matrix, *, weight=1.0):
    """Pairs sought at 2j and 2j + 1 of a concatenated set (Valkyrie): a symmetric set is punished."""

    def interleaved(e, b, c):
        return [(e[::2], e[1::2]), (b[::2], b[1::2]), (c[:, ::2], c[:, 1::2])]

    return conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=weight, halves=interleaved)


@defect(SYMMETRY)
def conjugate_forgotten(eigenvalues, input_matrix, output_matrix, *, weight=1.0):
    """|λ_j − λ_{j+P}|²."""

    def conjugated(*sets):
        return [(one, other.conj()) for one, other in halves(*sets)]

    return conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=weight, halves=conjugated)


@defect(SYMMETRY)
def eigenvalues_only(eigenvalues, input_matrix, output_matrix, *, weight=1.0):
    """B and C may break the symmetry for nothing."""

    def first(*sets):
        kept = halves(*sets)
        return [kept[0], *((0 * one, 0 * other) for one, other in kept[1:])]

    return conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=weight, halves=first)


@defect(SYMMETRY)
def sum_for_mean(eigenvalues, input_matrix, output_matrix, *, weight=1.0):
    """Σ |d|²: the weight depends on the size of the layer."""
    return conjugate_symmetry_penalty(
        eigenvalues,
        input_matrix,
        output_matrix,
        weight=weight,
        mean_square=lambda d: torch.view_as_real(d).square().sum(),
    )


@defect(SYMMETRY)
def second_half_detached(eigenvalues, input_matrix, output_matrix, *, weight=1.0):
    """Only the first member of each pair is drawn to the other."""

    def held(*sets):
        return [(one, other.detach()) for one, other in halves(*sets)]

    return conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=weight, halves=held)


@defect(IMAGINARY)
def mean_over_channels_too(y, *, weight=1.0):
    """The mean is taken over channels as well."""
    return imaginary_penalty(y, weight=weight) / max(y.shape[-1], 1)


@defect(IMAGINARY)
def modulus_of_y(y, *, weight=1.0):
    """Σ |y|²: real outputs are punished."""
    return weight * mean_square(y) * y.shape[-1]


@defect(IMAGINARY)
def square_of_a_complex_number(y, *, weight=1.0):
    """Re Σ (y − Re y)² = −Σ Im² y."""
    return -imaginary_penalty(y, weight=weight)


@defect(LOSS)
def loss_on_the_complex_output(y, target, *sets, **weights):
    """base = mean |y − target|²: the imaginary part is punished twice."""
    found = training_loss(y, target, *sets, **weights)
    extra = mean_square(y - target) - found["base"]
    return {**found, "base": found["base"] + extra, "total": found["total"] + extra}


@defect(LOSS)
def total_without_symmetry(y, target, *sets, **weights):
    """The symmetry term is reported but not minimised."""
    found = training_loss(y, target, *sets, **weights)
    return {**found, "total": found["total"] - found["symmetry"]}


@defect(LOSS)
def base_detached(y, target, *sets, **weights):
    """Only the penalties are learnt from."""
    return training_loss(y.detach() + 1j * (y.imag - y.imag.detach()), target, *sets, **weights)


DEFECTS = defects_in(globals().values())
HONEST = {IMAGINARY: imaginary_penalty, SYMMETRY: conjugate_symmetry_penalty, LOSS: training_loss}
