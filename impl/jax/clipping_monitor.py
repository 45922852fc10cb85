"""The last steps of gradient safety, remembered on the device: a pytree for compiled loops, and a class around it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

FIELDS = ("norm", "nans", "infs", "factor")


class Window(NamedTuple):
    """rows (window, 4): norm, NaN, ∞, factor of a step; count: steps so far, modulo twice the window."""

    rows: Array
    count: Array


def window(length: int = 1000) -> Window:
    """An empty window of so many steps. Raises ValueError unless length ≥ 1."""
    if not isinstance(length, int) or length < 1:
        raise ValueError(f"window: expected a number of steps ≥ 1, got {length!r}")
    return Window(jnp.zeros((length, len(FIELDS))), jnp.zeros((), jnp.int32))


def record(seen: Window, report: Mapping[str, Array | float]) -> Window:
    """The window with one step more; a "norm" alone will do."""
    missing = {"nans": 0, "infs": 0, "factor": 1}
    row = jnp.stack([jnp.asarray(report.get(n, missing.get(n)), seen.rows.dtype) for n in FIELDS])
    length = seen.rows.shape[0]
    count = seen.count + 1
    return Window(seen.rows.at[seen.count % length].set(row), jnp.where(count == 2 * length, length, count))


def statistics(seen: Window) -> dict[str, Array]:
    """{"mean", "max", "std"} of the finite norms, {"nan_rate", "inf_rate", "clip_rate"}: shares of the steps with
    a NaN, with an ∞, with a factor below 1, and {"steps"} in the window."""
    length = seen.rows.shape[0]
    steps = jnp.minimum(seen.count, length)
    there = jnp.arange(length) < steps
    norm, nans, infs, factor = seen.rows.T
    finite = there & jnp.isfinite(norm)
    kept, count = jnp.where(finite, norm, 0), jnp.maximum(jnp.sum(finite), 1)
    largest = jnp.max(kept)
    scale = jnp.where(largest > 0, largest, 1)  # squares of large norms overflow
    mean = jnp.sum(kept / scale) / count
    spread = jnp.sum(jnp.where(finite, kept / scale - mean, 0) ** 2) / count
    rates = {
        "nan_rate": (nans > 0) | jnp.isnan(norm),
        "inf_rate": (infs > 0) | jnp.isinf(norm),
        "clip_rate": factor < 1,
    }
    shares = {name: jnp.sum(event & there) / jnp.maximum(steps, 1) for name, event in rates.items()}
    return {"mean": mean * scale, "max": largest, "std": jnp.sqrt(spread) * scale, **shares, "steps": steps}


_record, _statistics = jax.jit(record), jax.jit(statistics)


class Monitor:
    """Norms, counts of NaN and ∞ and clipping factors of the last `window` steps, outside compiled code."""

    def __init__(self, window: int = 1000):
        self.window = window
        self.seen = _window_of(window)

    def update(self, report: Mapping[str, Array | float]) -> None:
        """Remember one step; waits for nothing. Raises KeyError for a report without "norm"."""
        report["norm"]
        self.seen = _record(self.seen, dict(report))

    @property
    def steps(self) -> int:
        return min(int(self.seen.count), self.window)

    def statistics(self) -> dict[str, float]:
        """Those of `statistics`, as numbers."""
        found = {name: value.item() for name, value in _statistics(self.seen).items()}
        return found

    def series(self) -> dict[str, list[float]]:
        """The fields of the window, oldest first."""
        count = int(self.seen.count)
        rows = self.seen.rows
        rows = jnp.roll(rows, -(count % self.window), 0) if count > self.window else rows[:count]
        return {name: column.tolist() for name, column in zip(FIELDS, rows.T, strict=True)}

    def to_json(self, path: str | Path) -> Path:
        """Statistics and series as JSON; NaN and ∞ as null."""
        series = {name: [x if math.isfinite(x) else None for x in values] for name, values in self.series().items()}
        path = Path(path)
        path.write_text(json.dumps({"window": self.window, "statistics": self.statistics(), "series": series}), "utf-8")
        return path

    def plot(self, path: str | Path) -> Path:
        """Norm by step, with the clipped steps marked. Needs matplotlib."""
        from matplotlib.figure import Figure

        series, path = self.series(), Path(path)
        figure = Figure(figsize=(8, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(series["norm"], linewidth=1, label="norm")
        clipped = [step for step, factor in enumerate(series["factor"]) if factor < 1]
        axes.plot(clipped, [series["norm"][step] for step in clipped], ".", markersize=3, label="clipped")
        axes.set(xlabel="step of the window", ylabel="global norm")
        axes.legend()
        figure.savefig(path)
        return path


_window_of = window
