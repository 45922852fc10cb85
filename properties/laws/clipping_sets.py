"""The parts of a case and of a result that speak of a gradient set."""

from collections.abc import Sequence

import numpy as np

from properties.case import Case
from properties.implementation import Implementation
from reference import clipping as reference
from reference.numbers import Gauged


def own_of(implementation: Implementation, outputs: Sequence) -> Sequence:
    """The arrays of the set among outputs or inputs, which come first."""
    return outputs[: _count(implementation, outputs)]


def _count(implementation: Implementation, outputs: Sequence) -> int:
    return len(outputs) - {"safe_clip": 4, "sanitize": 1, "add_noise": 0}.get(implementation.kernel.function_name, 1)


def clipped_of(implementation: Implementation, case: Case) -> tuple[np.ndarray, ...]:
    """What is clipped of the case: no history, no key; sanitized for `safe_clip`."""
    arrays = given_of(implementation, case)
    if implementation.kernel.function_name != "safe_clip":
        return arrays
    return tuple(np.where(np.isfinite(array), array, 0) for array in arrays)


def given_of(implementation: Implementation, case: Case) -> tuple[np.ndarray, ...]:
    """The gradients of the case, as they are."""
    return case.inputs[: len(case.inputs) - len(implementation.kernel.arguments) + 1]


def bound_of(implementation: Implementation, case: Case) -> float:
    """max_norm, or the threshold that the history gives."""
    if "max_norm" in case.options:
        return case.options["max_norm"]
    return float(reference.adaptive_clip([], case.inputs[-1], **case.options)[1])


def norm_of(arrays: Sequence[np.ndarray]) -> float:
    return float(reference.global_norm(list(arrays)))


def both_tolerances(first: Sequence[Gauged], second: Sequence[Gauged]) -> list[np.ndarray]:
    return [one.tolerance + other.tolerance for one, other in zip(first, second, strict=True)]
