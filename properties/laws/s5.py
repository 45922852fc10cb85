"""Laws of a diagonal recurrence in time: `s5.scan`, and `s5.apply`, which drives it by u and reads it out.

Both are linear in the sequence (drive or u) and the initial state together. The first output runs along time.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from reference.numbers import Gauged

PADDING = 3


def position(implementation: Implementation, *names: str) -> int:
    """Where the first of these arguments stands."""
    return next(implementation.kernel.arguments.index(n) for n in names if n in implementation.kernel.arguments)


def _sequence(implementation: Implementation) -> int:
    return position(implementation, "drive", "u")


def _times(implementation: Implementation, case: Case) -> int:
    return case.inputs[_sequence(implementation)].shape[-2]


def _changed(case: Case, changes: dict[int, np.ndarray]) -> Case:
    return case.with_inputs(*(changes.get(i, array) for i, array in enumerate(case.inputs)))


def _along_time(implementation: Implementation, case: Case, move: Callable[[np.ndarray], np.ndarray]) -> Case:
    """Everything that runs along time moved: the sequence, and a decay that varies."""
    sequence = _sequence(implementation)
    moved = {sequence: move(case.inputs[sequence])}
    if implementation.kernel.arguments[0] == "decay" and case.inputs[0].ndim > 1:
        moved[0] = move(case.inputs[0])
    return _changed(case, moved)


def _started(implementation: Implementation, case: Case, initial: np.ndarray) -> Case:
    return _changed(case, {position(implementation, "initial"): initial})


def _tolerances(implementation: Implementation, *cases: Case) -> list[np.ndarray]:
    """The gauges of these cases, all of one shape, added up."""
    return [
        np.sum(parts, axis=0)
        for parts in zip(*([e.tolerance for e in implementation.expected(c)] for c in cases), strict=True)
    ]


@law()
def superposition(implementation: Implementation, case: Case) -> float:
    """The response to a sum of sequences and initial states is the sum of the responses."""
    random, first, second = case.random(), {}, {}
    for at in (_sequence(implementation), position(implementation, "initial")):
        kept = random.random(case.inputs[at].shape) < 0.5
        first[at], second[at] = np.where(kept, case.inputs[at], 0), np.where(kept, 0, case.inputs[at])
    parts = [_changed(case, first), _changed(case, second)]
    summed = [one + other for one, other in zip(*map(implementation, parts), strict=True)]
    allowed = map(Gauged, implementation(case), _tolerances(implementation, case, *parts))
    return compare("sum of two responses", summed, tuple(allowed))


@law()
def conjugation(implementation: Implementation, case: Case) -> float:
    """The conjugates of all arrays give the conjugate states, and the same y = 2 Re(C x) + D u."""
    changed = case.with_inputs(*map(np.conj, case.inputs))
    back = [np.conj(output) for output in implementation(changed)]
    allowed = map(Gauged, implementation(case), _tolerances(implementation, case, changed))
    return compare("conjugate response", back, tuple(allowed))


@law(judged=None)
def causality(implementation: Implementation, case: Case) -> float:
    """What comes later changes no bit of what is out already."""
    until = int(case.random().integers(_times(implementation, case))) + 1
    before = np.arange(_times(implementation, case))[:, None] < until
    changed = _along_time(implementation, case, lambda x: np.where(before, x, -x))
    plain, other = (implementation(one)[0][..., :until, :] for one in (case, changed))
    if plain.tobytes() != other.tobytes():
        raise Falsified(f"{np.count_nonzero(plain != other)} of the first {plain.size} values know of a later time")
    return 0.0


def _at_rest(case: Case, implementation: Implementation) -> Case:
    at = position(implementation, "initial")
    return replace(_changed(case, {at: 0 * case.inputs[at]}), drawn=f"at rest, {case.drawn}")


@law(adapt=_at_rest)
def time_invariance(implementation: Implementation, case: Case) -> float:
    """From rest, a sequence that begins k times later gives nothing for k times, and then the same."""
    times = _times(implementation, case)
    late = int(case.random().integers(times))

    def delay(x: np.ndarray) -> np.ndarray:
        return np.concatenate([0 * x[..., :late, :], x[..., : times - late, :]], axis=-2)

    delayed = _along_time(implementation, case, delay)
    plain, tolerance = implementation(case)[0], implementation.expected(case)[0].tolerance
    allowed = Gauged(delay(plain), delay(tolerance) + implementation.expected(delayed)[0].tolerance)
    return compare(f"response {late} times later", (implementation(delayed)[0],), (allowed,))


@law()
def restart(implementation: Implementation, case: Case) -> float:
    """A sequence cut in two, the second part started from the state after the first, is the whole sequence."""
    cut = (_times(implementation, case) + 1) // 2
    if cut == _times(implementation, case):  # a second part of no time is a matter of manners
        return 0.0
    head = _along_time(implementation, case, lambda x: x[..., :cut, :])
    first = implementation(head)
    reached = first[-1] if len(first) > 1 else first[0][..., -1, :]
    tail = _started(implementation, _along_time(implementation, case, lambda x: x[..., cut:, :]), reached)
    second, entitled = implementation(tail), [e.tolerance for e in implementation.expected(tail)]
    joined = [np.concatenate([first[0], second[0]], axis=-2), *second[1:]]
    extra = [np.concatenate([np.zeros(first[0].shape), entitled[0]], axis=-2), *entitled[1:]]
    whole = [Gauged(e.value, e.tolerance + x) for e, x in zip(implementation.expected(case), extra, strict=True)]
    return compare("two parts", joined, whole)


@law()
def padding(implementation: Implementation, case: Case) -> float:
    """Zeros after the end change nothing before it, and leave the state after the end to decay alone."""

    def padded(x: np.ndarray) -> np.ndarray:
        return np.concatenate([x, 0 * x[..., -1:, :] + np.zeros((PADDING, 1))], axis=-2)

    longer = _along_time(implementation, case, padded)
    plain, extended = implementation(case), implementation(longer)
    kept, expected = extended[0][..., : plain[0].shape[-2], :], implementation.expected(case)
    worst = compare("before the padding", (kept,), expected[:1])
    if len(plain) > 1:
        silent = _along_time(implementation, case, lambda x: np.zeros((*x.shape[:-2], PADDING, x.shape[-1])))
        alone = _started(implementation, silent, plain[1])
        allowed = implementation.expected(alone)[1].tolerance + implementation.expected(longer)[1].tolerance
        worst = max(
            worst, compare("state after the padding", extended[1:], (Gauged(implementation(alone)[1], allowed),))
        )
    return worst


@law()
def constant_decay(implementation: Implementation, case: Case) -> float:
    """A decay that is given anew for every time but does not vary is a constant decay."""
    decay = case.inputs[0]
    constant = decay if decay.ndim == 1 else decay.reshape(-1, decay.shape[-1])[0]
    case = _changed(case, {0: constant})
    spread = np.broadcast_to(constant, (_times(implementation, case), constant.size))
    return compare(
        "response to the spread decay", implementation(_changed(case, {0: spread})), implementation.expected(case)
    )


TIME = (superposition, conjugation, causality, time_invariance, restart, padding)
