"""A law: a statement about an implementation on one case, and the exceptions by which it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from properties.case import Case
    from properties.comparison import Discrepancy
    from properties.implementation import Implementation

MATHEMATICS: Literal["mathematics"] = "mathematics"
MANNERS: Literal["manners"] = "manners"


class Falsified(AssertionError):
    """The law does not hold; `discrepancy` tells where and by how much, if it is a matter of numbers."""

    def __init__(self, statement: str, discrepancy: "Discrepancy | None" = None):
        super().__init__(statement)
        self.statement = statement
        self.discrepancy = discrepancy


class NotClaimed(Exception):
    """The implementation does not offer what the law speaks of; the message is the reason that the report prints."""


@dataclass(frozen=True)
class Law:
    """law(implementation, case) returns the worst error in units of the gauge, or raises `Falsified` or `NotClaimed`.

    - kind: "mathematics" counts for everyone; "manners" (refusing bad input, empty axes …) counts for what ships here.
    - judged: whose gauge decides whether a case is vacuous: "values", "gradients" or None (no gauge involved).
    - adapt(case, implementation): makes a drawn case fit the law's hypothesis (a Hermitian matrix, a long chain).
    - rare: an expensive or input-independent law, run on the profile's small number of cases.
    """

    name: str
    statement: str
    function: Callable[["Implementation", "Case"], float]
    kind: Literal["mathematics", "manners"]
    judged: Literal["values", "gradients"] | None
    adapt: Callable[["Case", "Implementation"], "Case"] | None
    rare: bool

    def __call__(self, implementation: "Implementation", case: "Case") -> float:
        with implementation.working():
            try:
                return self.function(implementation, case)
            except (Falsified, NotClaimed, NotImplementedError):
                raise
            except Exception:
                # Results of unexpected shapes make laws stumble in many ways; the shapes are the finding.
                if misshapen := implementation.misshapen(case):
                    raise Falsified(misshapen) from None
                raise

    def __repr__(self) -> str:
        return f"<law: {self.name}>"


def law(
    kind: Literal["mathematics", "manners"] = MATHEMATICS,
    judged: Literal["values", "gradients"] | None = "values",
    adapt: Callable[["Case", "Implementation"], "Case"] | None = None,
    rare: bool = False,
) -> Callable[[Callable], Law]:
    """Make a law of a function; its name is the function's, its statement the docstring's first line."""

    def make(function: Callable) -> Law:
        if not function.__doc__:
            raise TypeError(f"{function.__name__}: a law states itself in its docstring")
        statement = function.__doc__.strip().splitlines()[0]
        return Law(function.__name__.replace("_", " "), statement, function, kind, judged, adapt, rare)

    return make
