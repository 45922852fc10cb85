"""A two-layer causal model learns a small text; historical defects are told by a law or by the diagnostics."""

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from impl.torch import transformer_language as language  # noqa: E402
from properties.law import MATHEMATICS  # noqa: E402
from tests.defects.kill_matrix import hunt  # noqa: E402
from tests.defects.planted import DEFECTS  # noqa: E402
from tests.defects.test_defects import CI, _mathematics  # noqa: E402

STEPS, BATCH, TIMES = 60, 16, 32
LEARNED = 1 / 4  # of ln V that the loss has lost at the end


def batches(text: str):
    """Windows of the text at drawn places, letters numbered in the order of the alphabet."""
    letters = sorted(set(text))
    tokens = np.array([letters.index(letter) for letter in text])
    places = np.random.default_rng(0).integers(len(tokens) - TIMES - 1, size=(STEPS, BATCH))
    return tokens[places[..., None] + np.arange(TIMES + 1)], len(letters)


@pytest.fixture(scope="module")
def text():
    return batches(Path(__file__).with_name("text.txt").read_text())


def planted(name: str):
    return next(defect for defect in DEFECTS if defect.name == name)


def test_the_loss_begins_at_the_logarithm_of_the_vocabulary_and_falls(text):
    given, vocabulary = text
    run = language.train(given, vocabulary=vocabulary, told=print)
    uniform = math.log(vocabulary)
    assert abs(run.losses[0] - uniform) < uniform / 16
    assert np.mean(run.losses[-5:]) < (1 - LEARNED) * uniform
    for report in run.reports:
        assert all(sizes["nonfinite"] == 0 for sizes in report.gradients.values()), report
        assert all(sizes["rms"] > 0 for sizes in report.gradients.values()), report


def idle(run: language.Run) -> set[str]:
    """Parameters whose gradients were all zero in every report."""
    names = run.reports[0].gradients
    return {name for name in names if all(report.gradients[name]["largest"] == 0 for report in run.reports)}


PROJECTIONS = {f"{layer}.{name}" for layer in (0, 1) for name in ("w_q", "w_k", "w_v", "w_o")}


@pytest.mark.parametrize("name", ["block_without_attention", "attention_without_gradient"])
def test_the_diagnostics_tell_that_the_attention_does_not_learn(text, name):
    given, vocabulary = text
    run = language.train(given[:3], vocabulary=vocabulary, every=1, block=planted(name))
    assert idle(run) >= PROJECTIONS


def test_the_diagnostics_tell_a_table_that_stays_zero(text):
    """A table of places that is zero and takes no part, as a cache that nobody fills."""
    _, vocabulary = text
    parameters = language.initial(vocabulary=vocabulary, times=TIMES)
    parameters["places"] = torch.zeros_like(parameters["places"])
    found = language.magnitudes(list(parameters.values()))
    silent = [name for name, largest in zip(parameters, found["largest"], strict=True) if largest == 0]
    assert "places" in silent


@pytest.mark.parametrize(
    "name",
    [
        "block_without_attention",
        "attention_without_gradient",
        "block_without_causal_mask",
        "statistics_without_gradient",
        "statistics_of_the_output",
        "keys_with_the_stride_of_one_head",
        "values_with_the_stride_of_one_head",
        "twice_the_input",
        "no_causal_mask_in_the_heads",
    ],
)
def test_a_law_tells_the_defect(name):
    """What spoiled a training run is falsified in a few cases."""
    defect = planted(name)
    laws = [law for law in _mathematics(defect.implementation) if law.kind == MATHEMATICS]
    assert any(hunt(law, defect.implementation, CI.examples) > 0 for law in laws)
