"""The references of attention, the transformer and the Kuramoto coupling are certified."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.inputs import attention as attention_inputs
from properties.inputs import kuramoto as kuramoto_inputs
from properties.inputs import transformer as transformer_inputs
from reference import attention, kuramoto

certificates = pytest.importorskip("tests.reference.certificates", reason="certificates need python-flint")

EXAMPLES = 6
LONGEST = 9  # what balls of 600 bits can follow quickly
STRATEGIES = (
    ("attention.attend", attention_inputs.cases),
    ("attention.attend", attention_inputs.padded_queries),
    ("attention.multi_head", transformer_inputs.multi_heads),
    ("transformer.layer_norm", transformer_inputs.norms),
    ("transformer.feed_forward", transformer_inputs.feed_forwards),
    ("transformer.block", transformer_inputs.blocks),
    ("transformer.cross_entropy", transformer_inputs.logits),
    ("kuramoto.attend", kuramoto_inputs.cases),
    ("kuramoto.phase_coupling", kuramoto_inputs.oscillators),
)


def functions(kernel: str):
    system, _, name = kernel.partition(".")
    module = importlib.import_module(f"reference.{system}")
    return getattr(module, name), getattr(module, f"{name}_vjp")


@pytest.mark.parametrize(("kernel", "inputs"), STRATEGIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_value_and_gradient_are_certified(kernel, inputs, data):
    function, pull_back = functions(kernel)
    case = data.draw(inputs("float32"))
    certificates.assert_certified(function, case)
    certificates.assert_certified(pull_back, case, *certificates.cotangents_for(function, case))


@pytest.mark.parametrize(("kernel", "inputs"), STRATEGIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_gradient_is_the_directional_derivative(kernel, inputs, data):
    case = data.draw(inputs("float32").filter(is_short))
    certificates.assert_gradient_is_the_directional_derivative(*functions(kernel), case)


def is_short(case) -> bool:
    return all(max(array.shape, default=0) <= LONGEST for array in case.inputs)


@given(case=attention_inputs.padded_queries("float64"))
def test_padded_queries_are_zeros_on_the_way_in_and_out(case):
    """Their outputs and their cotangents count as 0, and NaN in them as nothing."""
    q, k, v, lengths, query_lengths = case.inputs
    inside, causal = attention.asked(q.shape[-2], query_lengths), case.options.get("causal", False)
    padded = attention.attend(*case.inputs, causal=causal)
    assert np.array_equal(padded, np.where(inside, attention.attend(q, k, v, lengths, causal=causal), 0))
    (cotangent,) = certificates.cotangents_for(attention.attend, case)
    filled = np.where(inside, q, np.nan), k, v, lengths
    found = attention.attend_vjp(*filled, query_lengths, np.where(inside, cotangent, np.nan), causal=causal)[1:3]
    expected = attention.attend_vjp(q, k, v, lengths, np.where(inside, cotangent, 0), causal=causal)[1:3]
    assert all(np.array_equal(ours, other) for ours, other in zip(found, expected, strict=True))
    assert np.array_equal(attention.attend(*filled, query_lengths, causal=causal), padded)


@given(case=kuramoto_inputs.oscillators("float64"))
def test_the_mean_field_is_the_direct_sum(case):
    """In 256-bit balls the form through Σ cos θ and Σ sin θ and the sum over pairs differ by less than 2⁻²⁰⁰."""

    def difference(phase, frequency, coupling, lag):
        pairs = np.sin(phase[..., None, :] - phase[..., :, None] - lag)
        direct = frequency + coupling * (np.sum(pairs, axis=-1) / np.shape(phase)[-1])
        return kuramoto.phase_coupling(phase, frequency, coupling, lag) - direct

    (apart,) = certificates.balls.enclose(difference, *case.inputs, bits=256)
    assert np.all(apart.distance(0.0) <= 2.0**-200)


@pytest.mark.parametrize(
    ("kernel", "argument", "shapes"),
    [
        ("attention.attend", "q", ((4,), (5, 4), (5, 3))),
        ("attention.attend", "k", ((3, 4), (5, 2), (5, 3))),
        ("attention.attend", "v", ((3, 4), (5, 4), (4, 3))),
        ("attention.attend", "v", ((2, 3, 4), (5, 4), (3, 5, 3))),
        ("attention.attend", "lengths", ((2, 3, 4), (5, 4), (5, 3), (3,))),
        ("attention.attend", "query_lengths", ((2, 3, 4), (5, 4), (5, 3), (2,), (3,))),
        ("transformer.layer_norm", "gamma", ((3, 4), (3,), (4,))),
        ("transformer.feed_forward", "w_2", ((3, 4), (4, 5), (5,), (4, 5), (4,))),
        ("transformer.cross_entropy", "targets", ((3, 4), (4,))),
        ("kuramoto.attend", "lag", ((3, 4), (5, 4), (5, 3), (1,))),
        ("kuramoto.phase_coupling", "frequency", ((3,), (4,), (), ())),
    ],
)
def test_a_shape_that_does_not_fit_is_named(kernel, argument, shapes):
    with pytest.raises(ValueError, match=argument):
        functions(kernel)[0](*(np.ones(shape) for shape in shapes))


def test_heads_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="heads"):
        functions("attention.multi_head")[0](np.ones((3, 4)), *(np.ones((4, 4)),) * 4, heads=3)
