"""A defect of the tridiagonal row: the honest algorithm with one ingredient replaced."""

from collections.abc import Callable
from dataclasses import replace

from tests.defects.defect import Defect, story_of
from tests.defects.tridiagonal.chain import HONEST
from tests.defects.tridiagonal.function import function_of

RESOLVENT, DETERMINANT = "tridiagonal.resolvent_diagonal", "tridiagonal.log_determinant"


def instead_of(kernel: str, ingredient: str, **judged: str) -> Callable[[Callable], Defect]:
    """Make a Defect of a wrong ingredient: its name is the function's, its story the docstring."""

    def make(wrong: Callable) -> Defect:
        function = function_of(kernel, replace(HONEST, **{ingredient: wrong}))
        return Defect(wrong.__name__, kernel, function, story_of(wrong), wrong.__module__, **judged)

    return make
