"""Published statements about S5, each decided on the exact reference."""

import numpy as np
import pytest

from reference import s5
from reference.numbers import ARITHMETICS, gauge

STATES, CHANNELS, TIMES = 16, 3, 128
ONE, NOTHING = np.asarray(1.0), np.asarray(0.0)


def model(seed: int = 0):
    """The kept half of a HiPPO-LegS set, drawn B, C, D, u, steps log-uniform in [10⁻³, 10⁻¹]; from rest."""
    random = np.random.default_rng(seed)
    return (
        s5.hippo_n(2 * STATES)[STATES:],
        complex_normal(random, STATES, CHANNELS) / np.sqrt(2 * CHANNELS),
        complex_normal(random, CHANNELS, STATES) / np.sqrt(2 * STATES),
        random.normal(size=CHANNELS),
        steps(random),
        random.normal(size=(TIMES, CHANNELS)),
        np.zeros(STATES, complex),
    )


def complex_normal(random, *shape):
    return random.normal(size=shape) + 1j * random.normal(size=shape)


def steps(random):
    return np.exp(random.uniform(np.log(1e-3), np.log(1e-1), STATES))


def both_halves(half, other_steps):
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial = half
    return (
        np.concatenate([eigenvalues, eigenvalues.conj()]),
        np.concatenate([input_matrix, input_matrix.conj()]),
        np.concatenate([output_matrix, output_matrix.conj()], axis=1),
        feedthrough,
        np.concatenate([step, other_steps]),
        u,
        np.concatenate([initial, initial.conj()]),
    )


def gradients(half):
    """Of the mean square of y, through Re(C x)."""
    y, final = s5.apply(*half)
    return s5.apply_vjp(*half, 2 * y / y.size, 0 * final)


def test_the_gradient_reaches_the_imaginary_parts_through_the_real_part():
    """V1, refuted: no entry of ∂L/∂Im Λ, ∂L/∂Im B, ∂L/∂Im C is zero."""
    assert all(np.all(gradient.imag != 0) for gradient in gradients(model())[:3])


def test_complex_outputs_train_like_real_ones():
    """V2, refuted: with Re taken in the loss, values and gradients are those of the real y."""
    half = model()
    target = np.random.default_rng(1).normal(size=(TIMES, CHANNELS))
    full = both_halves(half, half[4])
    kept, whole = s5.apply(*half)[0], s5.apply(*full, pairs="full")[0]
    judged = gauge(s5.apply, *full, arithmetic=ARITHMETICS["float64"], pairs="full")[0]
    base = {"total": NOTHING, "base": ONE, "imaginary": NOTHING, "symmetry": NOTHING}
    plain, kept_complex = (s5.training_loss_vjp(y, target, *full[:3], base)[0] for y in (kept, kept + 1j * whole.imag))
    assert np.array_equal(kept_complex, plain)
    assert np.all(np.abs(whole.real - kept) <= 2 * judged.tolerance)


def test_a_symmetric_set_is_real_only_with_tied_steps():
    """V3: Im y is rounding with Δ tied across the halves, and a sizeable share of y with Δ untied."""
    half = model()
    tied, untied = both_halves(half, half[4]), both_halves(half, steps(np.random.default_rng(1)))
    judged = gauge(s5.apply, *tied, arithmetic=ARITHMETICS["float64"], pairs="full")[0]
    assert np.all(np.abs(s5.apply(*tied, pairs="full")[0].imag) <= judged.tolerance)
    y = s5.apply(*untied, pairs="full")[0]
    assert np.max(np.abs(y.imag)) > np.std(y.real) / 8


def test_a_real_initialisation_is_a_saddle():
    """V4: with real Λ, B and C every imaginary gradient is exactly zero, the real ones are not."""
    _, input_matrix, output_matrix, *others = model()
    real = (-1.0 - np.arange(STATES) + 0j, input_matrix.real + 0j, output_matrix.real + 0j, *others)
    for gradient in gradients(real)[:3]:
        assert not np.any(gradient.imag)
        assert np.any(gradient.real)


@pytest.mark.parametrize("distance", [1.0, 3.0, 100.0])
def test_a_square_without_modulus_is_unbounded_below(distance):
    """V5, refuted for (·)²: a set at an imaginary distance costs −distance², with |·|² it costs distance²."""
    spectrum = np.array([-0.5 + 1j, -0.5 - 1j + 1j * distance])
    nothing = np.zeros((2, 0), complex), np.zeros((0, 2), complex)
    assert np.mean((spectrum[:1] - spectrum[1:].conj()) ** 2) == -(distance**2)
    assert s5.conjugate_symmetry_penalty(spectrum, *nothing) == distance**2


def test_the_interleaved_layout_punishes_a_symmetric_set():
    """V5: read as pairs of neighbours, [−½+i, −½+2i; conjugates] costs −9 with (·)²; in its own layout it costs 0."""
    half = np.array([-0.5 + 1j, -0.5 + 2j])
    whole = np.concatenate([half, half.conj()])
    assert np.mean((whole[0::2] - whole[1::2].conj()) ** 2) == -9
    assert s5.conjugate_symmetry_penalty(whole, np.zeros((4, 0), complex), np.zeros((0, 4), complex)) == 0
