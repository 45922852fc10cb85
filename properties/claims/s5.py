"""Valkyrie's statements about S5 that one evaluation of the exact reference decides."""

import numpy as np

from properties.claim import HOLDS, HOLDS_IF, REFUTED, Finding, claim, conditionally
from properties.inputs.state_spaces import state, steps
from reference import s5
from reference.numbers import ARITHMETICS, gauge

MODEL = "Valkyrie S5"
STATES, CHANNELS, TIMES = 16, 3, 128
DISTANCE = 2.0**-17  # about the cube root of the unit roundoff: a central difference errs by its square
DESCENTS, RATE = 100, 1 / 8


def half_set(seed: int = 0) -> tuple[np.ndarray, ...]:
    """Inputs of `apply`: the kept half of HiPPO-LegS, drawn B, C, D, Δ and u, from rest."""
    random = np.random.default_rng(seed)
    return (
        s5.hippo_n(2 * STATES)[STATES:],
        state(random, (STATES, CHANNELS)) / np.sqrt(2 * CHANNELS),
        state(random, (CHANNELS, STATES)) / np.sqrt(2 * STATES),
        random.normal(size=CHANNELS),
        steps(random, STATES, "usual"),
        random.normal(size=(TIMES, CHANNELS)),
        np.zeros(STATES, complex),
    )


def both_halves(half: tuple[np.ndarray, ...], other_steps: np.ndarray) -> tuple[np.ndarray, ...]:
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


def mean_square(*half: np.ndarray) -> float:
    return float(np.mean(np.square(s5.apply(*half)[0])))


def gradients(half: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Of the mean square of y, through Re(C x)."""
    y, final = s5.apply(*half)
    return pulled_back(half, 2 * y / y.size, 0 * final)


def pulled_back(inputs: tuple[np.ndarray, ...], *cotangents: np.ndarray, pairs: str = "half") -> tuple[np.ndarray, ...]:
    """Of the inputs of `apply`, for cotangents of y and of the final state."""
    return s5.apply_vjp(*inputs, *cotangents, pairs=pairs)


@claim("V1", MODEL, "taking the real part of C x cuts the gradient to the imaginary parts", REFUTED)
def real_part() -> Finding:
    """The gradient passes through Re to every entry of Im Λ, Im B, Im C, and is the directional derivative."""
    half = half_set()
    found = [gradient.imag for gradient in gradients(half)[:3]]
    random = np.random.default_rng(1)
    directions = [random.normal(size=gradient.shape) for gradient in found]
    ends = [
        mean_square(*(x + sign * DISTANCE * 1j * d for x, d in zip(half, directions, strict=False)), *half[3:])
        for sign in (1, -1)
    ]
    difference = (ends[0] - ends[1]) / (2 * DISTANCE)
    slope = sum(float(np.sum(gradient * d)) for gradient, d in zip(found, directions, strict=True))
    error = abs(difference / slope - 1)
    dead = float(np.mean(np.concatenate([(gradient == 0).ravel() for gradient in found])))
    numbers = {"share of imaginary gradients that are 0": dead, "relative error beside a central difference": error}
    return Finding(REFUTED if dead == 0 and error < DISTANCE else HOLDS, numbers)


@claim(
    "V2", MODEL, "keeping complex outputs in training changes the gradients", REFUTED,
    condition="where Re is taken before the nonlinearity",
)  # fmt: skip
def complex_outputs() -> Finding:
    """Re one line later is the same function: equal losses, and equal gradients of every parameter, bit for bit."""
    half = half_set()
    full = both_halves(half, steps(np.random.default_rng(1), STATES, "usual"))
    y, final = s5.apply(*full, pairs="full")
    target = np.random.default_rng(2).normal(size=y.shape)
    base = {"total": 0.0, "base": 1.0, "imaginary": 0.0, "symmetry": 0.0}
    eigenvalues, input_matrix, output_matrix, *_ = full
    kept, taken = (
        s5.training_loss_vjp(output, target, eigenvalues, input_matrix, output_matrix, base)[0]
        for output in (y, y.real)
    )
    through_complex, through_real = (
        pulled_back(full, cotangent + 0j, 0 * final, pairs="full") for cotangent in (kept, taken)
    )
    apart = max(float(np.max(np.abs(a - b))) for a, b in zip(through_complex, through_real, strict=True))
    later = float(np.max(np.abs(np.tanh(y).real - np.tanh(y.real))))
    numbers = {"largest difference of a gradient": apart, "largest |Re tanh y − tanh Re y|": later}
    return Finding(REFUTED if apart == 0 else HOLDS, numbers)


@claim("V3", MODEL, "conjugate-symmetric Λ, B, C give real output", HOLDS_IF, condition="Δ is tied across the halves")
def symmetric_sets() -> Finding:
    """Each member of a pair needs the other's step: its Λ̄ and B̄ are conjugates only then."""
    half = half_set()
    tied, untied = both_halves(half, half[4]), both_halves(half, steps(np.random.default_rng(1), STATES, "usual"))
    sizes, real = [], []
    for full in (tied, untied):
        judged = gauge(s5.apply, *full, arithmetic=ARITHMETICS["float64"], pairs="full")[0]
        imaginary = np.abs(s5.apply(*full, pairs="full")[0].imag)
        sizes.append(float(np.max(imaginary)))
        real.append(bool(np.all(imaginary <= judged.tolerance)))
    return Finding(conditionally(*real), {"max |Im y|, Δ tied": sizes[0], "max |Im y|, Δ untied": sizes[1]})


@claim(
    "V5", MODEL, "the symmetry penalty drives towards conjugate symmetry", HOLDS_IF,
    condition="it squares the modulus, |·|², and not (·)²",
)  # fmt: skip
def symmetry_penalty() -> Finding:
    """(·)² rewards an imaginary distance without bound, and in the published layout even a symmetric set."""
    spectrum = np.array([-0.5 + 1j, -0.5 + 2j])
    whole = np.concatenate([spectrum, spectrum.conj()])
    interleaved = float(np.mean((whole[0::2] - whole[1::2].conj()) ** 2).real)
    distance = state(np.random.default_rng(0), (STATES,))
    with_modulus = _descend(distance, lambda d: d)
    without = _descend(distance, np.conj)  # the gradient of Re d² is 2 conj(d)
    numbers = {
        "published penalty of a symmetric set": interleaved,
        "asymmetry after descent, |·|²": with_modulus,
        "asymmetry after descent, (·)²": without,
    }
    return Finding(conditionally(with_modulus < 1, without < 1 and interleaved >= 0), numbers)


def _descend(distance: np.ndarray, gradient) -> float:
    """‖d‖ of d = λ_j − conj λ_(j+P), relative to the beginning, after gradient descent on the penalty."""
    moved = distance
    for _ in range(DESCENTS):
        moved = moved - RATE * gradient(moved)
    return float(np.linalg.norm(moved) / np.linalg.norm(distance))


CLAIMS = (real_part, complex_outputs, symmetric_sets, symmetry_penalty)
