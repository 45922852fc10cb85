"""The last steps of gradient safety, remembered on the device."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

FIELDS = ("norm", "nans", "infs", "factor")


class Monitor:
    """Norms, counts of NaN and ∞ and clipping factors of the last `window` steps.

    `update(report)` takes what `safe_clip` reports (a "norm" alone will do), writes on its device and waits for
    nothing, so it may stand in a captured CUDA graph, but for the first call, which makes the buffers. `statistics`,
    `series`, `to_json` and `plot` wait.
    """

    def __init__(self, window: int = 1000):
        if not isinstance(window, int) or window < 1:
            raise ValueError(f"window: expected a number of steps ≥ 1, got {window!r}")
        self.window = window
        self._rows: Tensor | None = None
        self._count: Tensor | None = None

    def update(self, report: Mapping[str, Tensor | float]) -> None:
        """Remember one step. Raises KeyError for a report without "norm"."""
        norm = torch.as_tensor(report["norm"], dtype=torch.float64).detach()
        missing = {"nans": 0.0, "infs": 0.0, "factor": 1.0}
        parts = [norm, *(torch.as_tensor(report.get(n, missing[n]), device=norm.device) for n in FIELDS[1:])]
        row = torch.stack([part.detach().to(torch.float64) for part in parts])
        if self._rows is None or self._count is None:
            self._rows = row.new_zeros(self.window, len(FIELDS))
            self._count = torch.zeros((), dtype=torch.int64, device=row.device)
        place = torch.remainder(self._count, self.window).reshape(1)
        self._rows.index_copy_(0, place, row.to(self._rows.device).unsqueeze(0))
        self._count += 1

    @property
    def steps(self) -> int:
        """Steps in the window."""
        return 0 if self._count is None else min(int(self._count), self.window)

    def statistics(self) -> dict[str, float]:
        """{"mean", "max", "std"} of the finite norms, {"nan_rate", "inf_rate", "clip_rate"}: shares of the steps with
        a NaN, with an ∞, with a factor below 1, and {"steps"} in the window; computed on the device."""
        if self._rows is None or self._count is None:
            return dict.fromkeys(("mean", "max", "std", "nan_rate", "inf_rate", "clip_rate", "steps"), 0)
        steps = torch.clamp(self._count, max=self.window)
        there = torch.arange(self.window, device=self._rows.device) < steps
        norm, nans, infs, factor = self._rows.unbind(1)
        finite = there & torch.isfinite(norm)
        kept, count = torch.where(finite, norm, 0.0), finite.sum().clamp(min=1)
        largest = kept.max()
        scale = torch.where(largest > 0, largest, torch.ones_like(largest))  # squares of large norms overflow
        mean = (kept / scale).sum() / count
        spread = torch.where(finite, kept / scale - mean, 0.0).square().sum() / count
        events = [(nans > 0) | torch.isnan(norm), (infs > 0) | torch.isinf(norm), factor < 1]
        rates = [(event & there).sum() / steps for event in events]
        values = torch.stack([mean * scale, largest, spread.sqrt() * scale, *rates]).tolist()
        names = ("mean", "max", "std", "nan_rate", "inf_rate", "clip_rate")
        return {**dict(zip(names, values, strict=True)), "steps": int(steps)}

    def series(self) -> dict[str, list[float]]:
        """The fields of the window, oldest first."""
        if self._rows is None or self._count is None:
            return {name: [] for name in FIELDS}
        count = int(self._count)
        rows = torch.roll(self._rows, -(count % self.window), 0) if count > self.window else self._rows[:count]
        return {name: column.tolist() for name, column in zip(FIELDS, rows.unbind(1), strict=True)}

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
