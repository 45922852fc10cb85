"""Laws of the dissipative row: a potential decays, every weight of a layer counts, propagation shrinks."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from reference.numbers import Gauged

FEW = 3  # weights


@law()
def decay_is_positive(implementation: Implementation, case: Case) -> float:
    """Γ ≥ base_decay, exactly in the data's precision, so Γ > 0 wherever base_decay is."""
    base = (
        float(np.float32(case.options["base_decay"]))
        if implementation.dtype == "float32"
        else case.options["base_decay"]
    )
    decay = -implementation(case)[0].imag
    if np.any(decay < base):
        raise Falsified(f"Γ = {decay.min()} is below base_decay = {base}")
    return 0.0


def _deep(case: Case, implementation: Implementation) -> Case:
    """Logits so far below zero that softplus underflows."""
    x, value, decay = case.inputs
    lowest = 4 * np.log(implementation.arithmetic.tiny)
    first = np.arange(x.shape[-1]) == 0
    inputs = np.where(first, 1.0, 0 * x), value, np.where(first, lowest, decay)
    return replace(case, options={"base_decay": 0.25}).with_inputs(*inputs, drawn=f"deep {case.drawn}")


@law(judged=None, adapt=_deep)
def decay_survives_underflow(implementation: Implementation, case: Case) -> float:
    """Where softplus underflows, Γ = base_decay, and value and gradients are finite."""
    (found,) = implementation(case)
    if np.any(-found.imag != case.options["base_decay"]):
        raise Falsified(f"Γ = {-found.imag.ravel()[0]} where base_decay = {case.options['base_decay']} alone is left")
    if not all(g is None or np.isfinite(g).all() for g in implementation.gradients(case)):
        raise Falsified("a gradient that is not finite")
    return 0.0


def _generic(case: Case, implementation: Implementation) -> Case:
    """Features and weights drawn at random, so that no gradient vanishes by itself."""
    random = case.random()
    changed = [random.normal(size=array.shape) for array in case.inputs[:FEW]]
    bonds = [np.sign(b) * np.maximum(np.abs(b), 0.5) for b in case.inputs[3:5]]
    return case.with_inputs(*changed, *bonds, *case.inputs[5:], drawn=f"generic {case.drawn}")


@law(judged="gradients", adapt=_generic)
def every_weight_counts(implementation: Implementation, case: Case) -> float:
    """No gradient of a weight is identically zero, that of the decay included: Γ enters H."""
    names = implementation.kernel.names_of(case)
    expected = implementation.expected_gradients(case)
    for name, gradient, exact in zip(names, implementation.gradients(case), expected, strict=True):
        telling = np.abs(exact.value) > 2 * exact.tolerance
        if gradient is not None and gradient.size and telling.any() and not np.any(gradient[telling]):
            raise Falsified(f"the gradient of {name} is identically zero, though not None")
    return 0.0


def _same(what: str, implementation: Implementation, found, case: Case, other: Case, factor: float = 1.0) -> float:
    plain, changed = implementation.expected(case), implementation.expected(other)
    judged = [
        Gauged(value, one.tolerance + two.tolerance / factor)
        for value, one, two in zip(implementation(case), plain, changed, strict=True)
    ]
    return compare(what, found, judged)


@law()
def sites_are_alike(implementation: Implementation, case: Case) -> float:
    """The potential of the reversed chain is the reversed potential."""
    x, value, decay = case.inputs
    other = case.with_inputs(x[..., ::-1, :], value, decay)
    return _same("reversed", implementation, [implementation(other)[0][..., ::-1]], case, other)


@law()
def passive(implementation: Implementation, case: Case) -> float:
    """A real decay and Im z > 0 with equal bonds: Im G > 0, for the imaginary part of H − z is negative definite."""
    x, value, decay, upper, _, shift = case.inputs
    symmetric = case.with_inputs(x, value, decay, upper, upper, shift.real + 1j * np.abs(shift.imag))
    (found,), (expected,) = implementation(symmetric), implementation.expected(symmetric)
    nearest = np.stack([found[..., 0], np.maximum(found[..., 1], 0)], axis=-1)
    return compare("distance to Im G > 0", (found,), (Gauged(nearest, expected.tolerance),))


@law()
def group(implementation: Implementation, case: Case) -> float:
    """propagate(2t) = propagate(t) ∘ propagate(t)."""
    once = implementation(case)[0]
    again = replace(case, inputs=(*case.inputs[:3], once))
    twice = replace(case, options={"time": 2 * case.options["time"]})
    growth = _growth(case)
    carried = growth * np.linalg.norm(implementation.expected(case)[0].tolerance, axis=-1, keepdims=True)
    judged = implementation.expected(twice)[0]
    allowed = judged.tolerance + implementation.expected(again)[0].tolerance + carried
    return compare("twice t", implementation(again), (Gauged(implementation(twice)[0], allowed),))


def _growth(case: Case) -> float:
    """An upper bound of ‖e^{−iHt}‖₂."""
    norms = [float(np.max(np.abs(band), initial=0)) for band in case.inputs[:3]]
    return float(np.exp(sum(norms) * abs(case.options["time"])))


def _dissipative(case: Case, implementation: Implementation) -> Case:
    """Hermitian H₀ with decay on the diagonal, time forwards."""
    main, upper, _, state = case.inputs
    time = abs(case.options["time"]) or 1.0
    changed = case.with_inputs(main.real - 1j * np.abs(main.imag), upper, np.conj(upper), state)
    return replace(changed, options={"time": time})


@law(adapt=_dissipative)
def decay_is_bounded(implementation: Implementation, case: Case) -> float:
    """e^{−2Γ_max t}‖ψ(0)‖² ≤ ‖ψ(t)‖² ≤ e^{−2Γ_min t}‖ψ(0)‖² for Hermitian H₀ and any Γ; equality for a uniform Γ."""
    main, *_, state = case.inputs
    decay, time = -main.imag, case.options["time"]
    before = np.linalg.norm(state, axis=-1)
    low, high = np.exp(-decay.max(-1) * time) * before, np.exp(-decay.min(-1) * time) * before
    (found,), (expected,) = implementation(case), implementation.expected(case)
    after, slack = np.linalg.norm(found, axis=-1), np.linalg.norm(expected.tolerance, axis=-1)
    return compare("‖ψ(t)‖", (after,), (Gauged(np.clip(after, low, high), slack),))


@law()
def linear_in_the_state(implementation: Implementation, case: Case) -> float:
    """propagate(2i ψ) = 2i propagate(ψ)."""
    other = case.with_inputs(*case.inputs[:3], 2j * case.inputs[3])
    return _same("(2i)⁻¹ of 2iψ", implementation, [implementation(other)[0] / 2j], case, other, 2.0)


@law()
def between_the_norms(implementation: Implementation, case: Case) -> float:
    """max |v| ≤ ‖v‖_p ≤ Σ|v|."""
    moduli = np.abs(case.inputs[0])
    (found,), (expected,) = implementation(case), implementation.expected(case)
    nearest = np.clip(found, moduli.max(-1), moduli.sum(-1))
    return compare("‖v‖", (found,), (Gauged(nearest, expected.tolerance),))


@law()
def phases_do_not_count(implementation: Implementation, case: Case) -> float:
    """‖i·v̄‖ = ‖v‖, and the order of the sites does not matter."""
    other = case.with_inputs(1j * np.conj(case.inputs[0])[..., ::-1])
    return _same("of i·v̄ reversed", implementation, implementation(other), case, other)


@law()
def degree_one(implementation: Implementation, case: Case) -> float:
    """‖v/4‖ = ‖v‖/4."""
    other = case.with_inputs(case.inputs[0] / 4)
    return _same("4‖v/4‖", implementation, [4 * implementation(other)[0]], case, other, 0.25)


@law()
def degree_zero(implementation: Implementation, case: Case) -> float:
    """The ratio of v/4 is that of v."""
    other = case.with_inputs(case.inputs[0] / 4)
    return _same("of v/4", implementation, implementation(other), case, other)


@law()
def sign_of_motion(implementation: Implementation, case: Case) -> float:
    """The ratio does not know the sign of V, and changes its own with that of Γ."""
    other = case.with_inputs(-case.inputs[0])
    return _same("of −v", implementation, [-implementation(other)[0]], case, other)


POTENTIAL = (decay_is_positive, decay_survives_underflow, every_weight_counts, sites_are_alike)
LAYER = (every_weight_counts, passive)
PROPAGATION = (group, decay_is_bounded, linear_in_the_state)
NORM = (between_the_norms, phases_do_not_count, degree_one)
RATIO = (degree_zero, sign_of_motion)
