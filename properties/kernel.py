"""Kernel: the contract that implementations claim to keep."""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from properties.case import BadInput, Case
from properties.frameworks import as_cotangents
from properties.law import Law
from properties.variant import Peer, Variant


@dataclass(frozen=True, eq=False)
class Kernel:
    """The contract of one kernel. `name` is "system.function": the address of reference and implementations.

    - inputs(dtype): strategy of cases. - core: number of trailing axes of each input that are not batch axes.
    - gathers: the first argument is a list of arrays, as many as the case has beyond the other arguments.
    - by_name: the last of the arguments, given by name; a user's kernel need not take them.
    - laws: beyond the universal ones. - period: values are compared modulo it.
    - refuses: bad inputs. - empty(dtype): cases with axes of length zero.
    - vacuous_limit: share of vacuous examples above which the contract itself fails.
    """

    name: str
    inputs: Callable[[str], SearchStrategy[Case]]
    core: tuple[int, ...]
    laws: tuple[Law, ...] = ()
    period: complex = 0
    refuses: tuple[BadInput, ...] = ()
    empty: Callable[[str], tuple[Case, ...]] = lambda dtype: ()
    dtypes: tuple[str, ...] = ("float32", "float64")
    variants: tuple[Variant, ...] = ()
    peers: tuple[Peer, ...] = ()
    arguments: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    gathers: bool = False
    vacuous_limit: float = 0.1

    @property
    def system(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def function_name(self) -> str:
        return self.name.rpartition(".")[2]

    @functools.cached_property
    def reference(self) -> Callable:
        return getattr(importlib.import_module(f"reference.{self.system}"), self.function_name)

    @functools.cached_property
    def reference_vjp(self) -> Callable | None:
        return getattr(importlib.import_module(f"reference.{self.system}"), self.function_name + "_vjp", None)

    def positional(self, arrays: tuple) -> tuple:
        """The arrays as the kernel's functions take them: the leading ones as a list where the kernel gathers."""
        if not self.gathers:
            return arrays
        own = len(arrays) - len(self.arguments) + 1
        return (list(arrays[:own]), *arrays[own:])

    def with_cotangents(self, case: Case, cotangents: tuple[np.ndarray, ...]) -> tuple:
        """What the reference's vjp takes: the inputs, and cotangents in the shape of the result."""
        given = self.positional(case.inputs)
        return (*given, *as_cotangents(self.reference(*given, **case.options), cotangents))

    def taking_arrays(self, function: Callable) -> Callable:
        """`function` as a function of single arrays, in the order of the arguments."""
        return _taking_arrays(self, function) if self.gathers or self.by_name else function

    def names_of(self, case: Case) -> tuple[str, ...]:
        """A name for every array of the case."""
        if self.gathers:
            own = len(case.inputs) - len(self.arguments) + 1
            return (*(f"{self.arguments[0]}[{i}]" for i in range(own)), *self.arguments[1:])
        return self.arguments or tuple(f"input {i}" for i in range(len(case.inputs)))

    def row(self, case: Case, index: tuple[int, ...]) -> Case:
        """The unbatched case at `index` of the batch; broadcast inputs take part with their only row."""
        rows = []
        for array, core in zip(case.inputs, self.core, strict=True):
            batch = array.shape[: array.ndim - core]
            own = index[len(index) - len(batch) :]
            rows.append(array[tuple(0 if size == 1 else at for at, size in zip(own, batch, strict=True))])
        return replace(case, inputs=tuple(rows), drawn=f"row {index} of {case.drawn}")

    def with_equal_batches(self, case: Case) -> Case:
        """The case with every array that has batch axes spread over all of them; an unbatched one stays so."""
        batch = self.batch_shape(case)
        if not batch:
            return case
        spread = [
            array if array.ndim <= core else np.broadcast_to(array, (*batch, *array.shape[array.ndim - core :]))
            for array, core in zip(case.inputs, self.core, strict=False)
        ]
        alike = [array.shape for array in spread] == [array.shape for array in case.inputs]
        return case if alike else case.with_inputs(*spread)

    def batch_shape(self, case: Case) -> tuple[int, ...]:
        """The common batch axes; a list of arrays has none."""
        if self.gathers:
            return ()
        return np.broadcast_shapes(*(a.shape[: a.ndim - core] for a, core in zip(case.inputs, self.core, strict=True)))


@functools.cache
def _taking_arrays(kernel: Kernel, function: Callable) -> Callable:
    @functools.wraps(function)
    def of_arrays(*arrays: Any, **options: Any) -> Any:
        ordered = len(arrays) if kernel.gathers else len(kernel.arguments) - len(kernel.by_name)
        named = dict(zip(kernel.by_name, arrays[ordered:], strict=False))
        return function(*kernel.positional(arrays[:ordered]), **named, **options)

    return of_arrays
