"""Reading the course of an S5 layer: what in it stops learning, in sentences that carry their evidence."""

from collections.abc import Iterator, Mapping, Sequence


def diagnose(
    steps: Sequence[int],
    sets: Sequence[Mapping[str, float]],
    gradients: Sequence[Mapping[str, Mapping[str, Mapping[str, float | bool]]]],
) -> list[str]:
    """Sentences, from one report of `s5.statistics` and one of `s5.gradient_flow` for each of `steps`."""
    if not steps:
        return []
    return [*_not_finite(steps, gradients), *_saddle(gradients), *_dead(gradients), *_still(sets), *_unstable(sets)]


def _not_finite(steps: Sequence[int], gradients: Sequence[Mapping]) -> Iterator[str]:
    for step, report in zip(steps, gradients, strict=True):
        bad = [f"the {part} part of {name}" for name, part, found in _parts(report) if not found["finite"]]
        if bad:
            yield f"At step {step} the gradient of {' and of '.join(bad)} is not finite."
            return


def _saddle(gradients: Sequence[Mapping]) -> Iterator[str]:
    last = gradients[-1]
    complex_ones = [name for name in last if "imaginary" in last[name]]
    if complex_ones and all(_all_zero(gradients, name, "imaginary") for name in complex_ones):
        yield (
            f"Every imaginary gradient, of {', '.join(complex_ones)}, is exactly zero in all {len(gradients)} records: "
            "parameters that are real stay real. Initialise with HiPPO-N."
        )


def _dead(gradients: Sequence[Mapping]) -> Iterator[str]:
    for name, part, found in _parts(gradients[-1]):
        if part == "real" and found["zeros"] > 0:
            yield (
                f"A share of {found['zeros']:.0%} of the gradient of {name} is exactly zero. For log_step a clip does "
                "that: outside its interval a step is frozen."
            )


def _still(sets: Sequence[Mapping[str, float]]) -> Iterator[str]:
    last = sets[-1]
    fastest, least_damped = max(-last["imaginary_min"], last["imaginary_max"]), -last["real_max"]
    if fastest < least_damped:
        yield (
            f"Every state decays before it turns: max |Im Λ| = {fastest:.3g} < min |Re Λ| = {least_damped:.3g}. Such "
            "states tell near from far, but hardly reach back to one time. Initialise with HiPPO-N."
        )


def _unstable(sets: Sequence[Mapping[str, float]]) -> Iterator[str]:
    first, last = sets[0], sets[-1]
    if last["stable_share"] < 1:
        share, radius = 1 - last["stable_share"], last["spectral_radius"]
        yield f"A share of {share:.0%} of the states does not decay: max |Λ̄| = {radius:.6g}."
    if last["symmetry_violation"] > first["symmetry_violation"]:
        yield (
            f"Conjugate pairs drift apart: max |Λ̄_j − conj Λ̄_(j+P)| went from {first['symmetry_violation']:.3g} to "
            f"{last['symmetry_violation']:.3g}."
        )


def _parts(report: Mapping) -> Iterator[tuple[str, str, Mapping]]:
    return ((name, part, found) for name, parts in report.items() for part, found in parts.items())


def _all_zero(gradients: Sequence[Mapping], name: str, part: str) -> bool:
    return all(report[name][part]["zeros"] == 1 for report in gradients)
