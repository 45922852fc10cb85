"""Laws of sets of eigenvalues: discretisation, conjugate symmetry, and the penalties on breaking it."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from reference.numbers import Gauged


def _damped(case: Case, implementation: Implementation) -> Case:
    spectrum, *others = case.inputs
    real_part = np.where(spectrum.real == 0, -0.5, -np.abs(spectrum.real))
    return case.with_inputs(real_part + 1j * spectrum.imag, *others, drawn=f"damped, {case.drawn}")


@law(adapt=_damped)
def stability(implementation: Implementation, case: Case) -> float:
    """Re Λ < 0 gives |Λ̄| < 1, to within the gauge where e^{Re ΛΔ} rounds to 1."""
    decay, tolerance = implementation(case)[0], implementation.expected(case)[0].tolerance
    size = np.abs(decay)
    inside = decay / np.maximum(size, 1)
    return compare("distance of Λ̄ to the unit disc", (decay,), (Gauged(inside, tolerance),))


@law()
def unit_of_time(implementation: Implementation, case: Case) -> float:
    """In another unit of time, (Λ/s, B/s, Δ·s) with s a power of two, Λ̄ and B̄ stay."""
    spectrum, input_matrix, step = case.inputs
    factor = 2.0 ** int(case.random().integers(-8, 9))
    changed = case.with_inputs(spectrum / factor, input_matrix / factor, step * factor)
    plain, other = implementation.expected(case), implementation.expected(changed)
    allowed = [Gauged(a, p.tolerance + o.tolerance) for a, p, o in zip(implementation(case), plain, other, strict=True)]
    return compare("the same system in another unit", implementation(changed), allowed)


@law()
def conjugate_set(implementation: Implementation, case: Case) -> float:
    """The conjugate set has the conjugate Λ̄ and B̄."""
    changed = case.with_inputs(*map(np.conj, case.inputs))
    plain, other = implementation.expected(case), implementation.expected(changed)
    allowed = [Gauged(a, p.tolerance + o.tolerance) for a, p, o in zip(implementation(case), plain, other, strict=True)]
    return compare("the conjugate set", [np.conj(output) for output in implementation(changed)], allowed)


def _held(case: Case, implementation: Implementation) -> Case:
    return replace(case, options={**case.options, "method": "zoh"}, drawn=f"held, {case.drawn}")


@law(adapt=_held)
def two_half_steps(implementation: Implementation, case: Case) -> float:
    """Held input: a step is two steps of half the length, Λ̄(Δ) = Λ̄(Δ/2)² and B̄(Δ) = (Λ̄(Δ/2) + 1) B̄(Δ/2)."""
    spectrum, input_matrix, step = case.inputs
    halved = case.with_inputs(spectrum, input_matrix, step / 2)
    decay, discrete = implementation(halved)
    errors = [e.tolerance for e in implementation.expected(halved)]
    squared = 2 * np.abs(decay) * errors[0] + errors[0] ** 2
    doubled = np.abs(decay + 1)[:, None] * errors[1] + errors[0][:, None] * (np.abs(discrete) + errors[1])
    entitled = [e.tolerance for e in implementation.expected(case)]
    allowed = (
        Gauged(decay**2, squared + entitled[0]),
        Gauged((decay + 1)[:, None] * discrete, doubled + entitled[1]),
    )
    return compare("two half steps", implementation(case), allowed)


def _at_zero(case: Case, implementation: Implementation) -> Case:
    spectrum, *others = case.inputs
    return case.with_inputs(0 * spectrum, *others, drawn=f"Λ = 0, {case.drawn}")


@law(adapt=_at_zero, judged="gradients")
def integrator(implementation: Implementation, case: Case) -> float:
    """Λ = 0 gives Λ̄ = 1 and B̄ = Δ B, with gradients that are exact there too."""
    _, input_matrix, step = case.inputs
    limits = (np.ones(step.shape, complex), step[:, None] * input_matrix)
    tolerances = (e.tolerance for e in implementation.expected(case))
    worst = compare("Λ̄ and B̄ of an integrator", implementation(case), tuple(map(Gauged, limits, tolerances)))
    gradients = compare("gradient", implementation.gradients(case), implementation.expected_gradients(case))
    return max(worst, gradients)


REACH = (-64.0, 1.0)  # Re ΛΔ


def _far_and_near(case: Case, implementation: Implementation) -> Case:
    """Re ΛΔ from almost nothing to 64 e-foldings, and growth."""
    spectrum, input_matrix, step = case.inputs
    wanted = np.linspace(*REACH, spectrum.size) if spectrum.size > 1 else np.array([REACH[case.seed % 2]])
    return case.with_inputs(wanted / step + 1j * spectrum.imag, input_matrix, step, drawn=f"far and near, {case.drawn}")


@law(adapt=_far_and_near, judged="gradients")
def no_clamp(implementation: Implementation, case: Case) -> float:
    """However fast a state decays, or grows, Λ̄, B̄ and their gradients are those of the formula."""
    worst = compare("Λ̄ and B̄", implementation(case), implementation.expected(case))
    gradients = compare("gradient", implementation.gradients(case), implementation.expected_gradients(case))
    return max(worst, gradients)


def _whole_set(case: Case, implementation: Implementation) -> Case:
    """The kept half and its conjugate: [Λ; Λ̄], [B; B̄], [C, C̄], one Δ for both, in the concatenated layout."""
    spectrum, input_matrix, output_matrix, feedthrough, step, u, initial = case.inputs
    if case.options.get("pairs") == "full":
        kept = spectrum.size // 2
        spectrum, input_matrix, step = spectrum[:kept], input_matrix[:kept], step[:kept]
        output_matrix, initial = output_matrix[:, :kept], initial[..., :kept]
    whole = case.with_inputs(
        np.concatenate([spectrum, np.conj(spectrum)]),
        np.concatenate([input_matrix, np.conj(input_matrix)]),
        np.concatenate([output_matrix, np.conj(output_matrix)], axis=1),
        feedthrough,
        np.concatenate([step, step]),
        u,
        np.concatenate([initial, np.conj(initial)], axis=-1),
        drawn=f"both halves, {case.drawn}",
    )
    return replace(whole, options={**case.options, "pairs": "full"})


def _kept_half(case: Case) -> Case:
    spectrum, input_matrix, output_matrix, feedthrough, step, u, initial = case.inputs
    kept = spectrum.size // 2
    half = case.with_inputs(
        spectrum[:kept], input_matrix[:kept], output_matrix[:, :kept], feedthrough, step[:kept], u, initial[..., :kept]
    )
    return replace(half, options={**case.options, "pairs": "half"})


@law(adapt=_whole_set)
def symmetric_set(implementation: Implementation, case: Case) -> float:
    """A conjugate-symmetric set with tied Δ gives a real y, that of its kept half, and conjugate pairs of states."""
    half = _kept_half(case)
    (y, final), (kept_y, kept_final) = implementation(case), implementation(half)
    full, kept = implementation.expected(case), implementation.expected(half)
    pairs = np.concatenate([kept_final, np.conj(kept_final)], axis=-1)
    apart = np.concatenate([kept[1].tolerance] * 2, axis=-1)
    return max(
        compare("Im y", (y.imag,), (Gauged(np.zeros(y.shape), full[0].tolerance),)),
        compare("Re y", (y.real,), (Gauged(kept_y, full[0].tolerance + kept[0].tolerance),)),
        compare("final state", (final,), (Gauged(pairs, full[1].tolerance + apart),)),
    )


@law(judged="gradients")
def imaginary_gradients(implementation: Implementation, case: Case) -> float:
    """The gradient reaches Im Λ, Im B, Im C and the imaginary part of the initial state, through Re(C x)."""
    found, expected = implementation.gradients(case), implementation.expected_gradients(case)
    names = implementation.kernel.names_of(case)
    complex_ones = [i for i, array in enumerate(case.inputs) if array.dtype.kind == "c"]
    for i in complex_ones:
        judged, gradient = expected[i], found[i]
        assert gradient is not None
        if np.any(np.abs(judged.value.imag) > judged.tolerance) and not np.any(gradient.imag):
            raise Falsified(f"the gradient of Im {names[i]} is identically zero")
    return compare(
        "imaginary part of the gradient",
        [np.asarray(found[i]).imag for i in complex_ones],
        [Gauged(expected[i].value.imag, expected[i].tolerance) for i in complex_ones],
        names=[f"gradient of Im {names[i]}" for i in complex_ones],
    )


@law(judged=None)
def real_outputs_are_free(implementation: Implementation, case: Case) -> float:
    """An output without imaginary part costs exactly nothing, whatever its real part."""
    (y,) = case.inputs
    (penalty,) = implementation(case.with_inputs(y.real + 0j))
    if penalty != 0:
        raise Falsified(f"a real output costs {penalty}")
    return 0.0


@law()
def real_part_is_ignored(implementation: Implementation, case: Case) -> float:
    """The penalty depends on Im y alone, and not on its sign."""
    (y,) = case.inputs
    other = case.with_inputs(np.conj(y) + case.random().normal(size=y.shape) * np.max(np.abs(y), initial=0))
    return compare("penalty", implementation(other), implementation.expected(case))


@law()
def base_on_the_real_part(implementation: Implementation, case: Case) -> float:
    """The base loss is that of Re y: another imaginary part leaves it where it is."""
    y, *others = case.inputs
    noise = case.random().normal(size=y.shape) * np.max(np.abs(y), initial=0)
    report = implementation(case.with_inputs(y.real + 1j * noise, *others))
    base, *_ = implementation.expected(case)  # the terms come in the order of their names
    return compare("base loss", report[:1], (base,))


def _symmetric(case: Case, implementation: Implementation) -> Case:
    spectrum, input_matrix, output_matrix = case.inputs
    kept = spectrum.size // 2
    return case.with_inputs(
        np.concatenate([spectrum[:kept], np.conj(spectrum[:kept])]),
        np.concatenate([input_matrix[:kept], np.conj(input_matrix[:kept])]),
        np.concatenate([output_matrix[:, :kept], np.conj(output_matrix[:, :kept])], axis=1),
        drawn=f"symmetric, {case.drawn}",
    )


@law(adapt=_symmetric, judged=None)
def symmetry_is_free(implementation: Implementation, case: Case) -> float:
    """A conjugate-symmetric set costs exactly nothing, and gives no gradient."""
    (penalty,) = implementation(case)
    if penalty != 0:
        raise Falsified(f"a conjugate-symmetric set costs {penalty}")
    if any(np.any(gradient) for gradient in implementation.gradients(case)):
        raise Falsified("a conjugate-symmetric set is the minimum, but its gradient is not zero")
    return 0.0


@law()
def positivity(implementation: Implementation, case: Case) -> float:
    """A penalty is never negative."""
    (penalty,) = implementation(case)
    if not penalty >= 0:
        raise Falsified(f"the penalty is {penalty}")
    return 0.0


DISCRETIZATION = (stability, unit_of_time, conjugate_set, two_half_steps, integrator, no_clamp)
