"""What is asked of every reference: values inside their Arb balls, gradients equal to directional derivatives."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.frameworks import as_cotangents
from reference.numbers import ARITHMETICS, balls, gauge
from reference.numbers.gauge import flatten

CERTIFIED = 2.0**-45  # of the largest value, for inputs that cost fewer digits than ORDINARY
ORDINARY = 2.0**12
EXACT_INPUTS = replace(ARITHMETICS["float64"], input=0.0)
STEP = 2.0**-100


def assert_certified(function: Callable, case: Case, *cotangents: np.ndarray) -> None:
    """Each value lies within its float64 gauge of the truth, and within 2⁻⁴⁵ of the largest for ordinary inputs."""
    inputs = (*case.inputs, *cotangents)
    values = [np.asarray(value) for value in flatten(function(*inputs, **case.options))]
    judged = gauge(function, *inputs, arithmetic=EXACT_INPUTS, **case.options)
    enclosed = balls.enclose_within(function, *inputs, tolerances=[j.tolerance for j in judged], **case.options)
    for value, ball, allowed in zip(values, enclosed, judged, strict=True):
        assert np.all(ball.distance(value) <= allowed.tolerance + 2 * ball.width)
        scale = float(np.max(np.abs(ball.mid), initial=0))
        if scale and np.max(allowed.tolerance, initial=0) <= ORDINARY * EXACT_INPUTS.elementwise * scale:
            assert np.all(ball.distance(value, scale) <= CERTIFIED)


def cotangents_for(function: Callable, case: Case) -> list[np.ndarray]:
    """A covector for every real output, drawn from the case's seed."""
    random = np.random.default_rng(case.seed)
    return [random.normal(size=np.shape(value)) for value in flatten(function(*case.inputs, **case.options))]


def assert_gradient_is_the_directional_derivative(function: Callable, pull_back: Callable, case: Case) -> None:
    """⟨gradient, v⟩ = ⟨cotangent, (f(x + hv) − f(x − hv))/2h⟩ + O(h²), h = 2⁻¹⁰⁰, in 600-bit balls; integers stay."""
    covectors, random = cotangents_for(function, case), np.random.default_rng(case.seed)
    directions = [_direction(random, array) for array in case.inputs]

    def both_sides(inputs, covectors):
        structured = as_cotangents(function(*case.inputs, **case.options), covectors)
        gradients = pull_back(*inputs, *structured, **case.options)
        ahead, behind = (
            flatten(
                function(*(_moved(x, sign * STEP, v) for x, v in zip(inputs, directions, strict=True)), **case.options)
            )
            for sign in (1, -1)
        )
        slopes = [(a - b) * (0.5 / STEP) for a, b in zip(ahead, behind, strict=True)]
        felt = [(g, v) for g, v in zip(gradients, directions, strict=True) if v is not None]
        return _inner(covectors, slopes), _inner(*zip(*felt, strict=True))

    slope, pulled = balls.enclose(both_sides, list(case.inputs), covectors, bits=600)
    assert np.all((slope - pulled).distance(0.0, 1 + abs(pulled.mid)) <= STEP)


def _direction(random, array):
    if array.dtype.kind not in "fc":
        return None
    return random.normal(size=array.shape) * np.where(array == 0, 1, np.abs(array))


def _moved(x, step, direction):
    return x if direction is None else x + step * direction


def _inner(covectors, vectors):
    return sum(np.sum(w * v) for w, v in zip(covectors, vectors, strict=True))
