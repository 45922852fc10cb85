"""The judge: Hypothesis looks for a case that breaks a law, and a verdict records what it saw."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import hypothesis
import hypothesis.errors
from hypothesis import given, seed
from scipy.special import bdtrc

from properties.case import Case
from properties.comparison import conditioning, vacuous, vacuous_share
from properties.failure import failure_text
from properties.implementation import Implementation
from properties.law import Falsified, Law, NotClaimed
from properties.laws.manners import MANNERS_OF_ALL
from properties.laws.universal import UNIVERSAL
from properties.profiles import Profile
from properties.replay import write_replay
from properties.verdict import FALSIFIED, HOLDS, NOT_CLAIMED, REFUSED, VACUOUS, Verdict

CHANCE = 0.05  # of calling a contract vacuous that is within its limit


@dataclass
class Tally:
    """What the examples of one law have shown so far."""

    examples: int = 0
    declined: int = 0
    vacuous: int = 0
    elements: float = 0.0
    worst: float = 0.0
    where: str = ""
    conditioning: float = 0.0
    failing: tuple[Case, Falsified] | None = None
    first_failure: int = 0
    seen: set[bytes] = field(default_factory=set)

    def note(self, law: Law, implementation: Implementation, case: Case, worst: float) -> None:
        if case.key in self.seen:
            return
        self.seen.add(case.key)
        self.examples += 1
        if worst >= self.worst:
            self.worst, self.where = worst, repr(case)
        if law.judged is None:
            return
        expected = (implementation.expected_gradients if law.judged == "gradients" else implementation.expected)(case)
        unit = _unit(implementation)
        self.vacuous += vacuous(expected, unit)
        self.elements += vacuous_share(expected)
        self.conditioning = max(self.conditioning, conditioning(expected, unit))


def laws_of(implementation: Implementation) -> tuple[Law, ...]:
    """The universal laws, the kernel's own, and manners, in the order of the report."""
    return (*UNIVERSAL, *implementation.kernel.laws, *MANNERS_OF_ALL)


def judge_all(
    implementation: Implementation,
    profile: Profile,
    folder: Path | None = None,
    started: Callable[[Law], None] = lambda law: None,
) -> Iterator[Verdict]:
    """A verdict for every law, as it is reached. `started` hears which law is at work; replay files go to `folder`."""
    for law in laws_of(implementation):
        started(law)
        yield judge(law, implementation, profile, folder)


def judge(law: Law, implementation: Implementation, profile: Profile, folder: Path | None = None) -> Verdict:
    """Look for a case that breaks `law`; the failing case is shrunk, explained and kept as a replay file."""
    tally, begun = Tally(), time.perf_counter()
    verdict = Verdict(
        implementation.kernel.name,
        law.name,
        law.kind,
        implementation.label,
        implementation.framework.name,
        implementation.device,
        implementation.dtype,
        implementation.arithmetic.name,
        implementation.origin,
        HOLDS,
    )
    try:
        search(law, implementation, profile.settings(law.rare), tally, profile.seed(implementation.kernel.name))
    except Falsified as found:
        verdict = _falsified(verdict, law, implementation, tally, found, folder)
    except hypothesis.errors.Flaky as flaky:
        unsteady = Falsified(f"fails on some runs of the same case and not on others: {flaky}")
        verdict = _falsified(verdict, law, implementation, tally, unsteady, folder)
    except NotClaimed as reason:
        verdict = replace(verdict, status=NOT_CLAIMED, reason=str(reason))
    except NotImplementedError as reason:
        verdict = replace(verdict, status=REFUSED, reason=str(reason))
    if verdict.status == HOLDS and tally.declined and not tally.examples:
        verdict = replace(verdict, status=NOT_CLAIMED, reason="it takes none of the cases drawn")
    share = tally.vacuous / max(tally.examples, 1)
    if verdict.status == HOLDS and law.judged and _exceeds(tally, implementation.kernel.vacuous_limit):
        verdict = replace(verdict, status=VACUOUS, reason=f"{share:.0%} of the examples proved nothing")
    return replace(
        verdict,
        examples=tally.examples,
        worst=max(tally.worst, verdict.worst),
        where=verdict.where or tally.where,
        conditioning=tally.conditioning,
        vacuous=share,
        vacuous_elements=tally.elements / max(tally.examples, 1),
        seconds=time.perf_counter() - begun,
    )


def _exceeds(tally: Tally, limit: float) -> bool:
    """Whether all examples are vacuous, or too many to be chance where the share of all cases is within the limit."""
    if tally.vacuous <= limit * tally.examples:
        return False
    return tally.vacuous == tally.examples or bdtrc(tally.vacuous - 1, tally.examples, limit) < CHANCE


def search(
    law: Law, implementation: Implementation, settings: hypothesis.settings, tally: Tally, start: int = 0
) -> None:
    """Run the law on drawn cases, steering towards large errors; raises what the simplest failing case raises."""

    @seed(start)
    @settings
    @given(implementation.kernel.inputs(implementation.dtype))
    def example(drawn: Case) -> None:
        case = law.adapt(drawn, implementation) if law.adapt else drawn
        if implementation.equal_batches:
            case = implementation.kernel.with_equal_batches(case)
        if not implementation.takes(case):
            tally.declined += 1
            return
        try:
            worst = law(implementation, case)
        except Falsified as found:
            if tally.failing is None:
                tally.first_failure = tally.examples + 1
            tally.failing = (case, found)
            raise
        tally.note(law, implementation, case, worst)
        if law.judged is not None and not law.rare:
            hypothesis.target(worst, label=law.name)

    example()


def _falsified(
    verdict: Verdict, law: Law, implementation: Implementation, tally: Tally, found: Falsified, folder: Path | None
) -> Verdict:
    assert tally.failing is not None
    case = tally.failing[0]
    path = write_replay(folder, law, implementation, case) if folder else None
    error = found.discrepancy.error if found.discrepancy else float("inf")
    return replace(
        verdict,
        status=FALSIFIED,
        worst=error,
        where=repr(case),
        reason=found.statement,
        failure=failure_text(law, implementation, case, found, path),
        replay=str(path) if path else "",
        blob=_blob(found),
    )


def _blob(found: Falsified) -> str:
    notes = [note for note in getattr(found, "__notes__", ()) if "reproduce_failure" in note]
    return notes[0].strip() if notes else ""


def _unit(implementation: Implementation) -> float:
    arithmetic = implementation.arithmetic
    return max(arithmetic.elementwise, arithmetic.operand, arithmetic.output)
