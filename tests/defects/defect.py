"""Defect: an algorithm with one ingredient replaced, and a name, a story and a dtype to judge it in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from torch import Tensor

from properties.catalogue import load_framework
from properties.kernel import Implementation
from properties.laws.long_chains import LENGTHS
from properties.systems import all_kernels
from reference.numbers import ARITHMETICS
from tests.defects.chain import HONEST, Algorithm
from tests.defects.function import function_of

RESOLVENT, DETERMINANT = "tridiagonal.resolvent_diagonal", "tridiagonal.log_determinant"


@dataclass(frozen=True, eq=False)
class Defect:
    """A function with the contract's signature that breaks the contract.

    - story: what is wrong, and where it was seen. - dtype: of the data it is judged on.
    - survives: why no mathematics law falsifies it; empty for all that are caught.
    """

    name: str
    kernel: str
    algorithm: Algorithm
    story: str
    module: str
    dtype: str = "float32"
    survives: str = ""
    function: Callable = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", function_of(self.kernel, self.algorithm))

    def __call__(self, main: Tensor, upper: Tensor, lower: Tensor, shift: Tensor) -> Tensor:
        return self.function(main, upper, lower, shift)

    @property
    def implementation(self) -> Implementation:
        return implementation(self.kernel, self, self.dtype, self.name, f"{self.module}:{self.name}")


def defect(kernel: str, ingredient: str, *, dtype: str = "float32", survives: str = "") -> Callable:
    """Make a Defect of a wrong ingredient: its name is the function's, its story the docstring."""

    def make(wrong: Callable) -> Defect:
        story = " ".join((wrong.__doc__ or "").split())
        algorithm = replace(HONEST, **{ingredient: wrong})
        return Defect(wrong.__name__, kernel, algorithm, story, wrong.__module__, dtype, survives)

    return make


def defects_in(values: Iterable) -> tuple[Defect, ...]:
    return tuple(value for value in values if isinstance(value, Defect))


def implementation(kernel: str, function: Callable, dtype: str, label: str, address: str) -> Implementation:
    """Under judgement on the CPU, as somebody's own; chains are short, because it goes site by site."""
    contract = next(contract for contract in all_kernels() if contract.name == kernel)
    adapter, arithmetic = load_framework("torch", "cpu"), ARITHMETICS[dtype]
    return Implementation(contract, function, adapter, "cpu", dtype, arithmetic, label, address, longest=min(LENGTHS))
