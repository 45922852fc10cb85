"""The course of an S5 layer in training as a picture: the only user of matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Lines = Mapping[str, Sequence[float]]


def draw(
    steps: Sequence[int],
    sets: Sequence[Mapping[str, float]],
    gradients: Sequence[Mapping[str, Mapping[str, Mapping[str, float | bool]]]],
    path: Path,
) -> Path:
    """Six panels over `steps`: ranges of Re Λ, Im Λ and Δ, |Λ̄|, broken symmetry, norms of the gradients.

    Raises ValueError unless path ends in .png or .svg, ImportError without matplotlib.
    """
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"path: expected a file that ends in .png or .svg, got {path}")
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise ImportError("pictures need matplotlib: pip install 'gaugeblock[report]'") from missing
    kept = {name: [report[name] for report in sets] for name in sets[0]}
    figure = Figure(figsize=(12, 7), layout="constrained")
    panels = iter(figure.subplots(2, 3).ravel())
    for name, title in (("real", "Re Λ"), ("imaginary", "Im Λ"), ("step", "Δ")):
        extremes = {"least": kept[f"{name}_min"], "most": kept[f"{name}_max"]}
        _lines(next(panels), steps, extremes, title, "log" if name == "step" else "linear").fill_between(
            steps, *extremes.values(), alpha=0.3
        )
    moduli = {"max |Λ̄|": kept["spectral_radius"], "share of |Λ̄| < 1": kept["stable_share"]}
    _lines(next(panels), steps, moduli, "stability")
    _lines(next(panels), steps, {"max |Λ̄_j − conj Λ̄_(j+P)|": kept["symmetry_violation"]}, "conjugate symmetry")
    _lines(next(panels), steps, _norms(gradients), "norm of the gradient", "symlog")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _norms(gradients: Sequence[Mapping]) -> dict[str, list[float]]:
    return {
        f"{name}, {part}" if len(parts) > 1 else name: [report[name][part]["norm"] for report in gradients]
        for name, parts in gradients[0].items()
        for part in parts
    }


def _lines(panel: Any, steps: Sequence[int], lines: Lines, title: str, scale: str = "linear") -> Any:
    for name, values in lines.items():
        panel.plot(steps, values, label=name, marker="." if len(steps) == 1 else "")
    # Logarithmic down to the smallest norm that is not zero: a gradient of exactly zero stays visible, at the bottom.
    smallest = min((value for values in lines.values() for value in values if value > 0), default=1.0)
    panel.set_yscale(scale, **({"linthresh": smallest} if scale == "symlog" else {}))
    panel.set(title=title, xlabel="step")
    panel.legend(fontsize="small")
    return panel
