"""The statistics of an S5 layer in training: nothing when off, plain numbers when on, a diagnosis, a picture."""

import numpy as np
import pytest

from impl.s5_statistics import Statistics
from reference import s5

STEPS = 4


def reports(eigenvalues=(-0.5 + 2j, -0.5 - 2j), gradients=None, step=0.1):
    """The two reports of a set and of gradients, as a layer would hand them over."""
    spectrum = np.asarray(eigenvalues, complex)
    gradients = {"eigenvalues": spectrum, "log_step": np.ones(2)} if gradients is None else gradients
    return lambda: s5.statistics(spectrum, np.full(spectrum.size, step)), lambda: s5.gradient_flow(gradients)


def watched(*pairs):
    watch = Statistics()
    for step, pair in enumerate(pairs):
        watch.record(step, *pair)
    return watch


def forbidden():
    raise AssertionError("a layer was asked for its report")


def test_off_never_calls_the_layer():
    watch = Statistics(every=None)
    for step in range(STEPS):
        watch.record(step, forbidden, forbidden)
    assert watch.steps == watch.sets == watch.gradients == []


def test_between_its_turns_it_does_not_call_the_layer_either():
    watch = Statistics(every=3)
    for step in range(7):
        watch.record(step, *(reports() if step % 3 == 0 else (forbidden, forbidden)))
    assert watch.steps == [0, 3, 6]


def test_ranges_radius_and_norms_are_those_of_the_reports():
    watch = watched(reports(), reports(eigenvalues=(-1.0 + 3j, -1.0 - 3j)))
    assert watch.of_set("imaginary_max") == [2.0, 3.0]
    assert watch.of_set("spectral_radius") == pytest.approx([np.exp(-0.05), np.exp(-0.1)])
    assert watch.of_gradient("eigenvalues", "imaginary") == pytest.approx([np.hypot(2, 2), np.hypot(3, 3)])
    assert watch.of_gradient("log_step", "real", "zeros") == [0.0, 0.0]


def test_a_healthy_layer_is_not_suspected():
    assert watched(reports(), reports()).diagnosis() == []
    assert Statistics().diagnosis() == []


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (reports(gradients={"eigenvalues": np.ones(2) + 0j, "log_step": np.ones(2)}), "imaginary gradient"),
        (reports(eigenvalues=(-1.0, -2.0)), "decays before it turns"),
        (reports(gradients={"log_step": np.array([0.0, 1.0])}), "50% of the gradient of log_step"),
        (reports(gradients={"eigenvalues": np.array([1 + 1j, np.nan]), "log_step": np.ones(2)}), "not finite"),
        (reports(eigenvalues=(0.5 + 2j, -0.5 - 2j)), "does not decay"),
    ],
)  # fmt: skip
def test_what_stops_learning_is_told(evidence, told):
    assert any(told in sentence for sentence in watched(evidence).diagnosis())


def test_pairs_that_drift_apart_are_told():
    drifted = reports(eigenvalues=(-0.5 + 2j, -0.5 - 3j))
    assert "drift apart" in watched(reports(), drifted).diagnosis()[-1]


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_it_draws(tmp_path, ending, begins):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    watch = watched(*(reports() for _ in range(STEPS)))
    path = watch.draw(tmp_path / "new" / f"course.{ending}")
    assert path.read_bytes().startswith(begins)


def test_it_does_not_draw_what_it_cannot(tmp_path):
    with pytest.raises(ValueError, match="nothing was recorded"):
        Statistics().draw(tmp_path / "course.png")
    with pytest.raises(ValueError, match=r"path: expected a file that ends in \.png or \.svg"):
        watched(reports()).draw(tmp_path / "course.jpeg")


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_a_bad_interval_is_named(every):
    with pytest.raises(ValueError, match="every"):
        Statistics(every=every)
