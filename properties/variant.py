"""Other ways to keep a contract: a Variant is an option of what ships here, a Peer somebody else's implementation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from properties.case import Case
from reference.numbers import ARITHMETICS, Arithmetic


@dataclass(frozen=True)
class Variant:
    """A way of calling the shipped implementation beside the default: its label, data dtype, options and arithmetic,
    and the devices that have this arithmetic."""

    label: str
    dtype: str
    options: Mapping[str, Any]
    arithmetic: Arithmetic
    devices: tuple[str, ...] = ("cpu", "cuda")


def all_cases(case: Case) -> bool:
    return True


@dataclass(frozen=True)
class Peer:
    """Somebody else's implementation: what it is called, its framework, the address of the adapter, its dtypes, the
    longest chain or sequence that is asked of it, the devices it runs on, the package that it needs, if any, whether
    it can be differentiated, the cases that it takes, and the arithmetic that it declares for a dtype."""

    label: str
    framework: str
    address: str
    dtypes: tuple[str, ...] = ("float32", "float64")
    longest: int = 1000
    devices: tuple[str, ...] = ("cpu", "cuda")
    requires: str = ""
    differentiable: bool = True
    takes: Callable[[Case], bool] = all_cases
    arithmetic: Callable[[str], Arithmetic] = ARITHMETICS.__getitem__


def float64_inside(dtype: str) -> Arithmetic:
    """Data of `dtype`, everything in between in float64: only storage rounds at the data's precision."""
    stored, inside = ARITHMETICS[dtype], ARITHMETICS["float64"]
    return replace(
        inside, name=f"{dtype}, float64 inside", output=stored.elementwise, tiny=stored.tiny, huge=stored.huge
    )
