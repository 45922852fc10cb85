"""The course of an S5 layer in training: kept as plain numbers, diagnosed in words, drawn as a picture.

It knows no framework and none knows it: a layer hands over its two reports as functions, called when it is time.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from impl.s5_diagnosis import diagnose
from impl.s5_picture import draw

SetReport = Mapping[str, float]
GradientReport = Mapping[str, Mapping[str, Mapping[str, float | bool]]]


class Statistics:
    """What `s5.statistics` and `s5.gradient_flow` say of one layer, every so many steps.

    every: record steps divisible by it, a whole number ≥ 1; None records nothing and never calls a layer, so that the
    line may stay in a training loop that is to run fast.

        watch.record(step, layer.statistics, layer.gradient_flow)                                   # torch
        watch.record(step, partial(statistics, parameters), partial(gradient_flow, parameters, gradients))  # JAX
    """

    def __init__(self, every: int | None = 1) -> None:
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ValueError(f"every: expected a whole number ≥ 1 or None, got {every!r}")
        self.every = every
        self.steps: list[int] = []
        self.sets: list[SetReport] = []
        self.gradients: list[GradientReport] = []

    def record(
        self, step: int, statistics: Callable[[], SetReport], gradient_flow: Callable[[], GradientReport]
    ) -> None:  # fmt: skip
        """Keep both reports if it is the step's turn; between backward and the optimiser's step, where both belong."""
        if self.every is None or step % self.every:
            return
        self.steps.append(step)
        self.sets.append(statistics())
        self.gradients.append(gradient_flow())

    def of_set(self, name: str) -> list[float]:
        """One entry of `s5.statistics` over time, such as "spectral_radius"."""
        return [report[name] for report in self.sets]

    def of_gradient(self, parameter: str, part: str, entry: str = "norm") -> list[float]:
        """One entry of `s5.gradient_flow` over time: of the "real" or "imaginary" part, "norm", "zeros" or "finite"."""
        return [float(report[parameter][part][entry]) for report in self.gradients]

    def diagnosis(self) -> list[str]:
        """Why this layer may not be learning, a sentence each; nothing where nothing is suspicious."""
        return diagnose(self.steps, self.sets, self.gradients)

    def draw(self, path: str | Path) -> Path:
        """Draw the course of all of it to a .png or .svg file and return its path.

        Raises ValueError for another ending and where nothing was recorded, ImportError without matplotlib.
        """
        if not self.steps:
            raise ValueError("path: nothing was recorded, there is nothing to draw")
        return draw(self.steps, self.sets, self.gradients, Path(path))
