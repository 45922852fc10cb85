"""Claim: a published statement, the verdict on record, and the function that measures it anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

HOLDS, HOLDS_IF, REFUTED, MEASURED = "holds", "holds if", "refuted", "measured"


@dataclass(frozen=True)
class Finding:
    """What one measurement says: the verdict, the numbers that decide it by name, and curves worth a picture."""

    verdict: str
    numbers: Mapping[str, float]
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """name and model say whose statement it is; condition is the rest of "holds if", or what bounds a refutation.

    `because` is the reason in one line. "measured" is for a statement that names no number to hold it to. timed: a
    clock decides, which a busy machine disturbs; the numbers are printed, but no exit status or test depends on them.
    """

    name: str
    model: str
    statement: str
    verdict: str
    condition: str
    because: str
    measure: Callable[[], Finding]
    timed: bool = False


def claim(
    name: str, model: str, statement: str, verdict: str, condition: str = "", timed: bool = False
) -> Callable[..., Claim]:
    """Makes a claim of the function that measures it; the first line of its docstring is the reason."""

    def made(measure: Callable[[], Finding]) -> Claim:
        reason = (measure.__doc__ or "").strip().partition("\n")[0]
        return Claim(name, model, statement, verdict, condition, reason, measure, timed)

    return made


def conditionally(within: bool, beyond: bool) -> str:
    """The verdict of a statement that was tried where its condition is met and where it is not."""
    return REFUTED if not within else HOLDS if beyond else HOLDS_IF
