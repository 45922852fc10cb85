"""The S5 reference is certified: inside Arb balls, its gradients equal to directional derivatives."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.case import Case
from properties.frameworks import as_cotangents
from properties.inputs import s5 as drawn
from reference import s5
from reference.numbers import ARITHMETICS, gauge
from reference.numbers.gauge import flatten

balls = pytest.importorskip("reference.numbers.balls", reason="certificates need python-flint")

CERTIFIED = 2.0**-45  # of the largest value, for inputs that cost fewer digits than ORDINARY
ORDINARY = 2.0**12
EXACT_INPUTS = replace(ARITHMETICS["float64"], input=0.0)
EXAMPLES = 12
LONGEST = 17  # what balls of a fixed size can follow quickly
STRATEGIES: dict[str, Callable[[str], st.SearchStrategy[Case]]] = {
    "scan": drawn.runs,
    "apply": drawn.layers,
    "discretize": drawn.sets,
    "step": drawn.one_steps,
    "imaginary_penalty": drawn.outputs,
    "conjugate_symmetry_penalty": drawn.paired_sets,
    "training_loss": lambda dtype: drawn.paired_sets(dtype).map(with_outputs),
}


def with_outputs(case: Case) -> Case:
    random, channels = case.random(), case.inputs[1].shape[1]
    y = random.normal(size=(3, channels)) + 1j * random.normal(size=(3, channels))
    return replace(case, inputs=(y, random.normal(size=(3, channels)), *case.inputs), options={})


def cotangents(case: Case, function: Callable) -> list[np.ndarray]:
    random = np.random.default_rng(case.seed)
    values = [np.asarray(value) for value in flatten(function(*case.inputs, **case.options))]
    return [
        random.normal(size=v.shape) + (1j * random.normal(size=v.shape) if v.dtype.kind == "c" else 0) for v in values
    ]


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_value_is_certified(name, data):
    case = data.draw(STRATEGIES[name]("float32"))
    certify(getattr(s5, name), case.inputs, case.options)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_gradient_is_certified(name, data):
    case = data.draw(STRATEGIES[name]("float32"))
    covectors = cotangents(case, getattr(s5, name))
    given = as_cotangents(getattr(s5, name)(*case.inputs, **case.options), covectors)
    certify(getattr(s5, name + "_vjp"), (*case.inputs, *given), case.options)


def certify(function, inputs, options=None):
    """Each value lies within its float64 gauge of the truth, and within 2⁻⁴⁵ of the largest for ordinary inputs."""
    options = options or {}
    values = [np.asarray(value) for value in flatten(function(*inputs, **options))]
    judged = gauge(function, *inputs, arithmetic=EXACT_INPUTS, **options)
    enclosed = balls.enclose_within(function, *inputs, tolerances=[j.tolerance for j in judged], **options)
    for value, ball, allowed in zip(values, enclosed, judged, strict=True):
        assert np.all(ball.distance(value) <= allowed.tolerance + 2 * ball.width)
        scale = float(np.max(np.abs(ball.mid), initial=0))
        if np.max(allowed.tolerance, initial=0) <= ORDINARY * EXACT_INPUTS.elementwise * scale:
            assert np.all(ball.distance(value, scale) <= CERTIFIED)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_gradient_is_the_directional_derivative(name, data):
    """Re⟨gradient, v⟩ = Re⟨cotangent, (f(x + hv) − f(x − hv))/2h⟩ + O(h²), h = 2⁻¹⁰⁰, in 600-bit balls."""
    case = data.draw(STRATEGIES[name]("float32").filter(is_short))
    function, pull_back = getattr(s5, name), getattr(s5, name + "_vjp")
    covectors, random = cotangents(case, function), np.random.default_rng(case.seed)
    directions = [direction(random, array) for array in case.inputs]
    step = 2.0**-100

    shaped = function(*case.inputs, **case.options)

    def both_sides(inputs, covectors):
        named = as_cotangents(shaped, covectors)
        gradients = pull_back(*inputs, *named, **case.options)
        ahead, behind = (
            flatten(function(*(x + sign * v for x, v in zip(inputs, directions, strict=True)), **case.options))
            for sign in (step, -step)
        )
        slopes = [(a - b) * 2.0**99 for a, b in zip(ahead, behind, strict=True)]
        return inner(covectors, slopes), inner(gradients, directions)

    slope, pulled = balls.enclose(both_sides, list(case.inputs), covectors, bits=600)
    assert np.all((slope - pulled).distance(0.0, 1 + abs(pulled.mid)) <= step)


def is_short(case: Case) -> bool:
    return all(np.prod(array.shape, dtype=int) <= LONGEST * 8 for array in case.inputs)


def inner(covectors, vectors):
    return sum(np.sum(np.real(np.conj(w) * v)) for w, v in zip(covectors, vectors, strict=True))


def direction(random, array):
    drawn_direction = random.normal(size=array.shape) + (
        1j * random.normal(size=array.shape) if array.dtype.kind == "c" else 0
    )
    return drawn_direction * np.where(array == 0, 1, np.abs(array))


@pytest.mark.parametrize("size", [0, 1, 2, 7, 32])
def test_hippo_eigenvalues_are_certified(size):
    """Re = −½, conjugate pairs, trace −n/2, and each eigenvalue inside its ball."""
    spectrum = s5.hippo_n(size)
    assert np.all(spectrum.real == -0.5)
    (ball,) = balls.enclose(s5.hippo_spectrum, np.arange(size) + 0.5, bits=256)
    (judged,) = gauge(s5.hippo_spectrum, np.arange(size) + 0.5, arithmetic=EXACT_INPUTS)
    assert np.all(ball.distance(spectrum) <= judged.tolerance + 2 * ball.width)
    assert np.all(np.abs(spectrum + spectrum[::-1] + 1) <= 2 * judged.tolerance)


@pytest.mark.parametrize("size", [2, 8, 33])
def test_a_single_precision_eigensolver_stays_within_its_gauge(size):
    """LAPACK's cheevd on random Hermitian matrices: |λ' − λ| ≤ gauge, and not idly."""
    worst = max(_eigensolver_ratio(np.random.default_rng(seed), size) for seed in range(20))
    assert 2.0**-8 < worst <= 1


def _eigensolver_ratio(random: np.random.Generator, size: int) -> float:
    drawn_matrix = random.normal(size=(size, size)) + 1j * random.normal(size=(size, size))
    matrix = (drawn_matrix + drawn_matrix.conj().T).astype(np.complex64)
    (judged,) = gauge(np.linalg.eigvalsh, matrix.astype(complex), arithmetic=ARITHMETICS["float32"])
    return float(np.max(np.abs(np.linalg.eigvalsh(matrix) - judged.value) / judged.tolerance))


def test_a_loss_is_flattened_in_the_order_of_its_terms_names():
    case = with_outputs(
        drawn.make(drawn.PAIRED_SETS[0], drawn.fill_pairs, ("normal", "unrelated halves"), 0, 1, "float64")
    )
    report = s5.training_loss(*case.inputs)
    judged = gauge(s5.training_loss, *case.inputs, arithmetic=ARITHMETICS["float32"])
    assert list(report) == ["total", "base", "imaginary", "symmetry"]
    assert [float(j.value) for j in judged] == [float(report[name]) for name in sorted(report)]


def refusals() -> Iterator[tuple[str, str, tuple[tuple[int, ...], ...]]]:
    yield "scan", "decay", ((4,), (5, 3), (3,))
    yield "scan", "decay", ((4, 3), (5, 3), (3,))
    yield "scan", "drive", ((3,), (3,), (3,))
    yield "scan", "initial", ((3,), (5, 3), (2,))
    yield "scan", "initial", ((3,), (2, 5, 3), (3, 3))
    yield "discretize", "eigenvalues", ((2, 3), (3, 2), (3,))
    yield "discretize", "input_matrix", ((3,), (2, 3), (3,))
    yield "discretize", "step", ((3,), (3, 2), ())
    yield "apply", "output_matrix", ((3,), (3, 2), (3, 2), (2,), (3,), (5, 2), (3,))
    yield "apply", "feedthrough", ((3,), (3, 2), (2, 3), (3,), (3,), (5, 2), (3,))
    yield "apply", "u", ((3,), (3, 2), (2, 3), (2,), (3,), (5, 3), (3,))
    yield "step", "decay", ((5, 3), (3, 2), (2, 3), (2,), (3,), (2,))
    yield "step", "state", ((3,), (3, 2), (2, 3), (2,), (4,), (2,))
    yield "conjugate_symmetry_penalty", "eigenvalues", ((3,), (3, 2), (2, 3))
    yield "training_loss", "target", ((5, 2), (4, 2), (2,), (2, 2), (2, 2))


@pytest.mark.parametrize(("name", "argument", "shapes"), tuple(refusals()))
def test_a_shape_that_does_not_fit_is_named(name, argument, shapes):
    with pytest.raises(ValueError, match=argument):
        getattr(s5, name)(*(np.ones(shape) for shape in shapes))


@pytest.mark.parametrize("option", ["method", "pairs"])
def test_an_unknown_option_is_named(option):
    shapes = ((3,), (3, 2), (2, 3), (2,), (3,), (5, 2), (3,))
    with pytest.raises(ValueError, match=option):
        s5.apply(*(np.ones(shape) for shape in shapes), **{option: "no such"})
