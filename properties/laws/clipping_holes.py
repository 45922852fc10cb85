"""Laws of NaN and ∞ in a gradient set: they show, or are replaced and counted."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.inputs.clipping import spoiled
from properties.law import Falsified, law
from properties.laws.clipping_sets import bound_of, clipped_of, given_of, norm_of
from reference.numbers import Gauged

SOME = 0.2  # of the parts of a spoiled set


def _spoiled(case: Case, implementation: Implementation) -> Case:
    count = len(given_of(implementation, case))
    alone = spoiled(replace(case, inputs=case.inputs[:count]), SOME)
    return replace(alone, inputs=(*alone.inputs, *case.inputs[count:]))


@law(judged=None, adapt=_spoiled)
def non_finite_shows(implementation: Implementation, case: Case) -> float:
    """A NaN or ∞ in the set makes the norm NaN or ∞, and every element of a clipped set NaN: nothing is hidden."""
    arrays = clipped_of(implementation, case)
    if all(np.isfinite(array).all() for array in arrays):
        return 0.0
    outputs = implementation(case)
    if implementation.kernel.function_name != "adaptive_clip":
        wanted = norm_of(arrays)
        if not (np.isnan(outputs[-1]) if np.isnan(wanted) else outputs[-1] == wanted):
            raise Falsified(f"a norm of {outputs[-1]} although it is {wanted}")
    if implementation.kernel.function_name == "global_norm" or np.isinf(bound_of(implementation, case)):
        return 0.0
    if any(np.any(np.isfinite(out)) for out in outputs[: len(arrays)]):
        raise Falsified("some elements came back finite although the norm is not")
    return 0.0


@law(judged=None)
def counted_once(implementation: Implementation, case: Case) -> float:
    """Each replaced element is counted, once, and what was finite is replaced by nothing."""
    bad = sum(int(np.count_nonzero(~np.isfinite(array))) for array in case.inputs)
    nans = sum(int(np.count_nonzero(np.isnan(array))) for array in case.inputs)
    outputs = implementation(case)
    if implementation.kernel.function_name == "sanitize":
        if int(outputs[-1]) != bad:
            raise Falsified(f"counted {int(outputs[-1])} elements that are not finite of {bad}")
        own = outputs[:-1]
        for array, out in zip(case.inputs, own, strict=True):
            if not np.array_equal(out, np.where(np.isfinite(array), array, 0)):
                raise Falsified("a finite element was changed, or another one did not become 0")
        return 0.0
    found = {"nans": int(outputs[-2]), "infs": int(outputs[-3])}
    if found != {"nans": nans, "infs": bad - nans}:
        raise Falsified(f"counted {found} of {nans} NaN and {bad - nans} ∞")
    return 0.0


@law()
def clips_what_sanitize_leaves(implementation: Implementation, case: Case) -> float:
    """safe_clip(g) = safe_clip of the sanitized g, counts aside, and its result is finite."""
    clean = replace(case, inputs=tuple(np.where(np.isfinite(array), array, 0) for array in case.inputs))
    found, plain = implementation(case), implementation(clean)
    places = [place for place in range(len(found)) if place not in (len(found) - 3, len(found) - 2)]
    judged = implementation.expected(clean)
    return compare(
        "of the sanitized set", [found[p] for p in places], [Gauged(plain[p], 2 * judged[p].tolerance) for p in places]
    )
