"""A monitor of any framework tells what a naive list of the last steps tells."""

import importlib
import json

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reference.clipping import window_statistics
from reference.numbers import ARITHMETICS, gauge

WINDOW = 5
NORMS = st.sampled_from((0.0, 1.0, 2.5, float(np.float32(1e20)), float(np.float32(1e-30)), float("nan"), float("inf")))


class MonitorAgainstList(RuleBasedStateMachine):
    """Steps come; the oldest are forgotten; statistics and series are those of the list."""

    framework = "torch"

    def __init__(self):
        super().__init__()
        self.monitor = importlib.import_module(f"impl.{self.framework}.clipping_monitor").Monitor(WINDOW)
        self.steps: list[tuple[float, int, int, float]] = []

    @rule(norm=NORMS, nans=st.integers(0, 2), infs=st.integers(0, 2), factor=st.sampled_from((1.0, 0.5)))
    def step(self, norm, nans, infs, factor):
        self.monitor.update({"norm": norm, "nans": nans, "infs": infs, "factor": factor})
        self.steps = [*self.steps, (norm, nans, infs, factor)][-WINDOW:]

    @rule(norm=NORMS)
    def step_of_a_norm_alone(self, norm):
        self.monitor.update({"norm": norm})
        self.steps = [*self.steps, (norm, 0, 0, 1.0)][-WINDOW:]

    @invariant()
    def statistics_are_those_of_the_list(self):
        columns = [np.array(column, float) for column in zip(*self.steps, strict=True)] or [np.zeros(0)] * 4
        found, expected = self.monitor.statistics(), window_statistics(*columns)
        finite = columns[0][np.isfinite(columns[0])]
        allowed = error_of_statistics(finite)
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert abs(found[name] - value) <= allowed.get(name, ARITHMETICS["float32"].elementwise), name

    @invariant()
    def series_are_the_list(self):
        names = ("norm", "nans", "infs", "factor")
        for name, column in zip(names, zip(*self.steps, strict=True), strict=bool(self.steps)):
            assert np.array_equal(np.float32(self.monitor.series()[name]), np.float32(column), equal_nan=True)


def error_of_statistics(norms):
    """What single precision is entitled to in the mean, the largest and the spread."""
    if not norms.size:
        return {"mean": 0.0, "max": 0.0, "std": 0.0}
    scale = 2.0 ** np.floor(np.log2(norms.max())) if norms.max() else 1.0
    single = ARITHMETICS["float32"]
    mean = gauge(np.mean, norms / scale, arithmetic=single)[0].tolerance * scale
    spread = gauge(lambda x: np.linalg.norm(x - np.mean(x)), norms / scale, arithmetic=single)[0].tolerance * scale
    return {"mean": mean, "max": single.elementwise * norms.max(), "std": spread}


class JaxMonitorAgainstList(MonitorAgainstList):
    framework = "jax"


TestTorch = MonitorAgainstList.TestCase
TestTorch.settings = settings(max_examples=15, stateful_step_count=2 * WINDOW + 2, deadline=None)
TestJax = JaxMonitorAgainstList.TestCase
TestJax.settings = TestTorch.settings


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_one_nan_does_not_poison_the_mean(framework):
    monitor = importlib.import_module(f"impl.{framework}.clipping_monitor").Monitor()
    for norm in (1.0, float("nan"), 3.0):
        monitor.update({"norm": norm})
    assert monitor.statistics()["mean"] == 2.0
    assert monitor.statistics()["nan_rate"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_step_of_infinities_alone_has_an_inf_rate(framework):
    monitor = importlib.import_module(f"impl.{framework}.clipping_monitor").Monitor()
    monitor.update({"norm": 0.0, "infs": 3})
    assert (monitor.statistics()["nan_rate"], monitor.statistics()["inf_rate"]) == (0, 1)


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_exports_as_json_and_as_a_plot(framework, tmp_path):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    monitor = importlib.import_module(f"impl.{framework}.clipping_monitor").Monitor(2)
    for step in range(3):
        monitor.update({"norm": float(step) if step < 2 else float("nan"), "factor": 0.5})
    told = json.loads(monitor.to_json(tmp_path / "norms.json").read_text())
    assert told["series"]["norm"] == [1.0, None]
    assert told["statistics"]["clip_rate"] == 1.0
    assert monitor.plot(tmp_path / "norms.png").stat().st_size > 0
