"""Verdict: what the judge found of one law for one implementation."""

from dataclasses import dataclass
from typing import Any

HOLDS, FALSIFIED, VACUOUS, REFUSED, NOT_CLAIMED = "holds", "falsified", "vacuous", "refused", "not claimed"


@dataclass(frozen=True)
class Verdict:
    """- status: "holds"; "falsified"; "vacuous": nothing contradicts it, but too many examples could not have;
      "refused": the implementation declines the input (NotImplementedError); "not claimed": it does not offer this.
    - worst: the largest error met, in gauges. - where: the case that gave it.
    - conditioning: the largest gauge met, in units of unit roundoff × root mean square of the output.
    - vacuous: share of examples that proved nothing. - vacuous_elements: share of elements, over all examples.
    """

    kernel: str
    law: str
    kind: str
    implementation: str
    framework: str
    device: str
    dtype: str
    arithmetic: str
    origin: str
    status: str
    examples: int = 0
    worst: float = 0.0
    where: str = ""
    conditioning: float = 0.0
    vacuous: float = 0.0
    vacuous_elements: float = 0.0
    seconds: float = 0.0
    reason: str = ""
    failure: str = ""
    replay: str = ""
    blob: str = ""

    @property
    def counts(self) -> bool:
        """Whether the exit status speaks of it: mathematics for everyone, manners for what ships here."""
        return self.kind == "mathematics" or self.origin == "shipped"

    def record(self) -> dict[str, Any]:
        return dict(self.__dict__)


def exit_status(verdicts: list[Verdict], strict: bool = False) -> int:
    """0 every law holds · 1 falsified · 2 a contract failed its own vacuity limit · 3 nothing could be judged."""
    counted = [v for v in verdicts if v.counts or strict]
    if any(v.status in (FALSIFIED, REFUSED) for v in counted):
        return 1
    judged = [v for v in counted if v.status in (HOLDS, VACUOUS)]
    if not any(v.status == HOLDS and v.examples for v in judged):
        return 3
    return 2 if any(v.status == VACUOUS for v in judged) else 0
