"""Laws of the functions that stand beside a kernel in its module: one step of the layer, the reports.

A companion is found by its name; where there is none, the law is not claimed.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.catalogue import load_function
from properties.comparison import compare
from properties.errors import Unavailable
from properties.implementation import Implementation
from properties.law import Falsified, NotClaimed, law
from reference import s5 as reference
from reference.numbers import ARITHMETICS, Gauged, gauge

LARGEST_HIPPO = 32


def companion(implementation: Implementation, name: str) -> Callable:
    module = implementation.address.rpartition(":")[0]
    try:
        return load_function(f"{module}:{name}")
    except Unavailable as reason:
        raise NotClaimed(f"no {name} stands beside it: {reason}") from reason


@law()
def stepping(implementation: Implementation, case: Case) -> float:
    """discretize, and then step after step, is apply."""
    spectrum, input_matrix, output_matrix, feedthrough, step, u, initial = case.inputs
    readings = {name: value for name, value in case.options.items() if name == "pairs"}
    methods = {name: value for name, value in case.options.items() if name == "method"}
    discretizer = replace(implementation, function=companion(implementation, "discretize"))
    stepper = replace(implementation, function=companion(implementation, "step"))
    decay, discrete = discretizer.of(_arrays(implementation, spectrum, input_matrix, step), methods)
    state, outputs = initial, []
    for time in range(u.shape[-2]):
        arrays = _arrays(implementation, decay, discrete, output_matrix, feedthrough, state, u[..., time, :])
        y, state = stepper.of(arrays, readings)
        outputs.append(y)
    return compare("step after step", (np.stack(outputs, axis=-2), state), implementation.expected(case))


def _arrays(implementation: Implementation, *values: np.ndarray) -> tuple:
    return tuple(implementation.framework.array(v, implementation.dtype, implementation.device) for v in values)


@law(judged=None)
def statistics_report(implementation: Implementation, case: Case) -> float:
    """statistics: ranges of Λ and Δ, spectral radius of Λ̄, stable share and symmetry violation are those of the set."""
    report = companion(implementation, "statistics")
    spectrum, _, step = case.inputs
    expected = reference.statistics(spectrum, step, **case.options)
    found = report(*_arrays(implementation, spectrum, step), **case.options)
    if set(found) != set(expected):
        raise Falsified(f"statistics: expected {', '.join(expected)}, got {', '.join(found)}")
    decay = implementation.expected(case)[0]
    error = np.max(decay.tolerance, initial=0)
    undecided = np.mean(np.abs(np.abs(decay.value) - 1) <= decay.tolerance)
    if abs(found["stable_share"] - expected["stable_share"]) > undecided:
        raise Falsified(f"statistics: a stable share of {found['stable_share']}, expected {expected['stable_share']}")
    if any(np.isnan(found[name]) != np.isnan(expected[name]) for name in expected):
        raise Falsified("statistics: NaN is for the symmetry violation of an odd set, and for nothing else")
    allowed = {"spectral_radius": error, "symmetry_violation": 2 * error}
    names = [name for name in expected if name != "stable_share" and not np.isnan(expected[name])]
    return compare(
        "statistics",
        [np.asarray(float(found[name])) for name in names],
        [Gauged(np.asarray(expected[name]), np.asarray(allowed.get(name, 0.0))) for name in names],
        names=names,
    )


@law(judged=None)
def gradient_report(implementation: Implementation, case: Case) -> float:
    """gradient_flow: norm, share of zeros and finiteness of each part of each gradient, NaN and infinity included."""
    report = companion(implementation, "gradient_flow")
    gradients = _gradients(case)
    found = report({name: _arrays(implementation, g)[0] for name, g in gradients.items()})
    expected = reference.gradient_flow(gradients)
    worst = 0.0
    for name, parts in expected.items():
        if set(found.get(name, ())) != set(parts):
            raise Falsified(f"gradient_flow: expected the parts {', '.join(parts)} of {name}, got {found.get(name)}")
        for part, entry in parts.items():
            worst = max(worst, _same_entry(f"{part} {name}", found[name][part], entry, gradients[name], implementation))
    return worst


def _gradients(case: Case) -> dict[str, np.ndarray]:
    """The case's own arrays as gradients: whole, with some zeros, real, empty, with a NaN, with an infinity."""
    spectrum, random = case.inputs[0], case.random()
    bad = spectrum.copy()
    bad[0] = complex(np.nan, 0)
    return {
        "plain": case.inputs[1],
        "sparse": spectrum * (random.random(spectrum.shape) < 0.5),
        "without imaginary part": spectrum.real + 0j,
        "real": case.inputs[3],
        "empty": spectrum[:0],
        "with a NaN": bad,
        "with an infinity": np.where(bad == bad, spectrum, np.inf).real,
    }


def _same_entry(
    name: str, found: Mapping, expected: Mapping, gradient: np.ndarray, implementation: Implementation
) -> float:
    if bool(found["finite"]) != expected["finite"] or float(found["zeros"]) != expected["zeros"]:
        raise Falsified(f"gradient_flow of {name}: expected {dict(expected)}, got {dict(found)}")
    if not expected["finite"]:
        if np.isfinite(float(found["norm"])):
            raise Falsified(f"gradient_flow of {name}: a norm of {found['norm']} although it is not finite")
        return 0.0
    part = gradient.imag if name.startswith("imaginary") else gradient.real
    norms = gauge(np.linalg.norm, part.ravel(), arithmetic=implementation.arithmetic)
    return compare(f"norm of {name}", (np.asarray(float(found["norm"])),), norms)


@law(judged=None, rare=True)
def hippo_initialisation(implementation: Implementation, case: Case) -> float:
    """hippo_n: the spectrum of the normal part of HiPPO-LegS, as exact as a Hermitian eigensolver of its dtype."""
    build, framework, worst = companion(implementation, "hippo_n"), implementation.framework, 0.0
    for size in (0, 1, 2, 7, LARGEST_HIPPO):
        spectrum = build(size)
        dtype = {"complex64": "float32", "complex128": "float64"}.get(framework.dtype_of(spectrum))
        if dtype is None:
            raise Falsified(f"hippo_n({size}): expected a complex result, got {framework.dtype_of(spectrum)}")
        expected = gauge(reference.hippo_spectrum, np.arange(size) + 0.5, arithmetic=ARITHMETICS[dtype])
        worst = max(worst, compare(f"hippo_n({size})", (framework.numpy(spectrum),), expected))
    return worst


LAYER_COMPANIONS = (stepping, gradient_report)
SET_COMPANIONS = (statistics_report, hippo_initialisation)
