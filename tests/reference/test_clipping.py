"""The clipping and dissipative references are certified: inside Arb balls; gradients are directional derivatives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.case import Case
from properties.frameworks import as_cotangents
from properties.kernel import Kernel
from properties.systems import kernels_matching
from reference import clipping
from reference.clipping_noise import threefry
from reference.numbers import ARITHMETICS, gauge
from reference.numbers.gauge import flatten

balls = pytest.importorskip("reference.numbers.balls", reason="certificates need python-flint")

CERTIFIED = 2.0**-40  # of the largest value, for inputs that cost fewer digits than ORDINARY
ORDINARY = 2.0**12
EXACT_INPUTS = replace(ARITHMETICS["float64"], input=0.0)
EXAMPLES = 10
KERNELS = (*kernels_matching("clipping.*"), *kernels_matching("dissipative.*"))
NAMES = [kernel.name for kernel in KERNELS]
BY_HAND = [3.0, 4.0]


def finite(case: Case) -> Case:
    inputs = tuple(np.where(np.isfinite(a), a, 0) if a.dtype.kind in "fc" else a for a in case.inputs)
    return replace(case, inputs=inputs)


def cotangents(kernel: Kernel, case: Case) -> tuple:
    random = np.random.default_rng(case.seed)
    result = kernel.reference(*kernel.positional(case.inputs), **case.options)
    drawn = [
        random.normal(size=np.shape(v)) + (1j * random.normal(size=np.shape(v)) if np.iscomplexobj(v) else 0)
        for v in flatten(result)
        if np.asarray(v).dtype.kind in "fc"
    ]
    return as_cotangents(result, drawn)


@pytest.mark.parametrize("kernel", KERNELS, ids=NAMES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_value_is_certified(kernel, data):
    case = data.draw(kernel.inputs("float32"))
    certify(kernel.reference, kernel.positional(case.inputs), case.options)


@pytest.mark.parametrize("kernel", KERNELS, ids=NAMES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_gradient_is_certified(kernel, data):
    case = finite(data.draw(kernel.inputs("float32")))
    certify(kernel.reference_vjp, (*kernel.positional(case.inputs), *cotangents(kernel, case)), case.options)


def certify(function, inputs, options):
    """Each value lies within its float64 gauge of the truth, and within 2⁻⁴⁰ of the largest for ordinary inputs."""
    values = [np.asarray(value) for value in flatten(function(*inputs, **options))]
    judged = gauge(function, *inputs, arithmetic=EXACT_INPUTS, **options)
    enclosed = balls.enclose_within(function, *inputs, tolerances=[j.tolerance for j in judged], **options)
    for value, ball, allowed in zip(values, enclosed, judged, strict=True):
        if value.dtype.kind not in "fc" or not np.isfinite(allowed.tolerance).all():
            continue
        assert np.all(ball.distance(value) <= allowed.tolerance + 2 * ball.width)
        scale = float(np.max(np.abs(ball.mid), initial=0))
        if np.max(allowed.tolerance, initial=0) <= ORDINARY * EXACT_INPUTS.elementwise * scale:
            assert np.all(ball.distance(value, scale) <= CERTIFIED)


@pytest.mark.parametrize("kernel", KERNELS, ids=NAMES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_gradient_is_the_directional_derivative(kernel, data):
    """Re⟨gradient, v⟩ = Re⟨cotangent, (f(x + hv) − f(x − hv))/2h⟩ + O(h²), h = 2⁻¹⁸, for inputs of ordinary size."""
    case = ordinary(finite(data.draw(kernel.inputs("float64"))))
    covectors, random = cotangents(kernel, case), np.random.default_rng(case.seed)
    directions = [direction(random, array) for array in case.inputs]
    step = 2.0**-18
    ends = []
    for sign in (1, -1):
        moved = [x if v is None else x + sign * step * v for x, v in zip(case.inputs, directions, strict=True)]
        values = flatten(kernel.reference(*kernel.positional(tuple(moved)), **case.options))
        ends.append([np.asarray(v) for v in values if np.asarray(v).dtype.kind in "fc"])
    covector = [c for c in flatten(covectors) if c is not None]
    numerical = sum(inner(c, (a - b) / (2 * step)) for c, a, b in zip(covector, *ends, strict=True))
    gradients = flatten(kernel.reference_vjp(*kernel.positional(case.inputs), *covectors, **case.options))
    exact = sum(inner(g, v) for g, v in zip(gradients, directions, strict=True) if v is not None)
    size = sum(np.sum(np.abs(g)) for g in gradients)
    assert abs(numerical - exact) <= 2.0**-16 * (size + abs(exact) + 1)


def ordinary(case: Case) -> Case:
    """Values of order 1 and no zeros, away from the kinks, drawn anew in the shapes and kinds of the case."""
    random = np.random.default_rng(case.seed)
    inputs = []
    for array in case.inputs:
        if array.dtype.kind not in "fc":
            inputs.append(array)
            continue
        drawn = 1 + random.random(array.shape)
        inputs.append(drawn - 1j * (1 + random.random(array.shape)) if array.dtype.kind == "c" else drawn)
    return replace(case, inputs=tuple(inputs))


def direction(random, array):
    if array.dtype.kind not in "fc":
        return None
    drawn = random.normal(size=array.shape)
    return drawn + 1j * random.normal(size=array.shape) if array.dtype.kind == "c" else drawn


def inner(a, b):
    return float(np.real(np.sum(np.conj(a) * b)))


def test_norms_by_hand():
    assert clipping.global_norm([np.array(BY_HAND), np.zeros((2, 0))]) == 5
    (clipped,), norm = clipping.clip_by_global_norm([np.array(BY_HAND)], max_norm=2.5)
    assert norm == 5 and np.array_equal(clipped, [1.5, 2.0])
    assert np.array_equal(clipping.clip_by_global_norm([np.array(BY_HAND)], max_norm=5.0)[0][0], BY_HAND)


def test_a_finite_set_beyond_the_squares_is_clipped_by_its_norm():
    (clipped,), norm = clipping.clip_by_global_norm([np.array([3e200, 4e200])], max_norm=1.0)
    assert norm == pytest.approx(5e200) and clipped == pytest.approx([0.6, 0.8])


def test_the_words_of_threefry_are_those_of_random123():
    words = threefry(np.zeros(2, np.uint64), np.zeros(1, np.uint64), np.zeros(1, np.uint64))
    assert [hex(int(word[0])) for word in words] == ["0x6b200159", "0x99ba4efe"]
    key = np.array([0x13198A2E, 0x03707344], np.uint64)
    words = threefry(key, np.array([0x243F6A88], np.uint64), np.array([0x85A308D3], np.uint64))
    assert [hex(int(word[0])) for word in words] == ["0xc4923a9c", "0x483df7a0"]


def test_the_noise_is_normal():
    """Mean, variance and fourth moment of n values lie within five deviations of 0, 1 and 3."""
    (noise,) = clipping.add_noise([np.zeros(2**16)], np.array([1, 2]), scale=1.0)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (4, 3, 96)):
        assert abs(np.mean(noise**power) - moment) <= 5 * np.sqrt(variance / noise.size)
