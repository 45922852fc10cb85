"""Defect: a kernel that is honest but for one visible change, with a name, a story, and a dtype to judge it in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from properties.catalogue import load_framework
from properties.implementation import Implementation
from properties.systems import all_kernels
from reference.numbers import ARITHMETICS

LONGEST = 1000  # of what is judged here: many go step by step


@dataclass(frozen=True, eq=False)
class Defect:
    """A function with the contract's signature that breaks the contract.

    - story: what is wrong, and where it was seen. - dtype: of the data it is judged on; arithmetic: if not that one's.
    - survives: why no mathematics law falsifies it; empty for all that are caught.
    """

    name: str
    kernel: str
    function: Callable
    story: str
    module: str
    dtype: str = "float32"
    arithmetic: str = ""
    framework: str = "torch"
    survives: str = ""

    def __call__(self, *arrays: Any, **options: Any) -> Any:
        return self.function(*arrays, **options)

    @property
    def key(self) -> str:
        return f"{self.kernel} {self.name}"

    @property
    def implementation(self) -> Implementation:
        return implementation(self, self.kernel, self.name, f"{self.module}:{self.name}", self.dtype, self.arithmetic)


def defect(kernel: str, **judged: str) -> Callable[[Callable], Defect]:
    """Make a Defect of a wrong function: its name is the function's, its story the docstring."""

    def make(wrong: Callable) -> Defect:
        return Defect(wrong.__name__, kernel, wrong, story_of(wrong), wrong.__module__, **judged)

    return make


def story_of(wrong: Callable) -> str:
    return " ".join((wrong.__doc__ or "").split())


def defects_in(values: Iterable) -> tuple[Defect, ...]:
    return tuple(value for value in values if isinstance(value, Defect))


def implementation(
    function: Callable, kernel: str, label: str, address: str, dtype: str, arithmetic: str = ""
) -> Implementation:
    """`function` under judgement on the CPU, as somebody's own."""
    contract = next(contract for contract in all_kernels() if contract.name == kernel)
    adapter = load_framework(getattr(function, "framework", "torch"), "cpu")
    function = function.function if isinstance(function, Defect) else function  # its signature tells what it takes
    declared = ARITHMETICS[arithmetic or dtype]
    return Implementation(contract, function, adapter, "cpu", dtype, declared, label, address, longest=LONGEST)
