"""Implementation: a function that claims to keep a kernel's contract."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from properties import expectation
from properties.case import Case
from properties.comparison import Gauged, Metric, compare
from properties.kernel import Kernel
from properties.law import Falsified, NotClaimed
from properties.variant import all_cases
from reference.numbers import ARITHMETICS, Arithmetic

if TYPE_CHECKING:
    from properties.frameworks import Framework

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Implementation:
    """A function that claims to keep a kernel's contract, in one framework, on one device, in one arithmetic.

    `longest` bounds the chains and sequences that are asked of it; None asks for all that the contract promises. Only
    the cases that it `takes` are put to it, with `equal_batches` after every array with batch axes has been spread
    over all of them: that batches broadcast is a matter of manners.
    """

    kernel: Kernel
    function: Callable
    framework: "Framework"
    device: str
    dtype: str
    arithmetic: Arithmetic
    label: str
    address: str
    origin: str = "user"
    differentiable: bool = True
    longest: int | None = None
    takes: Callable[[Case], bool] = all_cases
    equal_batches: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.label} [{self.framework.name}, {self.device}, {self.arithmetic.name}]"

    def working(self) -> AbstractContextManager:
        """The state of the framework in which the function is judged."""
        return self.framework.working(double=self.arithmetic.elementwise < ARITHMETICS["float32"].elementwise)

    def names(self, argument: str) -> bool:
        """Whether the function's signature has this argument: one that not every kernel takes."""
        try:
            return argument in inspect.signature(self.function).parameters
        except (TypeError, ValueError):
            return False

    def arrays(self, case: Case) -> tuple:
        return tuple(self.framework.array(array, self.dtype, self.device) for array in case.inputs)

    def __call__(self, case: Case) -> tuple[np.ndarray, ...]:
        """The outputs on a case, as float64 or complex128 arrays (or integers)."""
        return self.of(self.arrays(case), case.options)

    def of(self, arrays: tuple, options: Mapping[str, Any] = NO_OPTIONS) -> tuple[np.ndarray, ...]:
        outputs = self.raw(arrays, options)
        with _admissible("the call"):
            return tuple(self.framework.numpy(output) for output in outputs)

    def raw(self, arrays: tuple, options: Mapping[str, Any] = NO_OPTIONS) -> tuple:
        """The outputs in the framework's own arrays."""
        with _admissible("the call"):
            return self.framework.call(self.kernel.taking_arrays(self.function), arrays, {**self.options, **options})

    def pushed(self, case: Case, tangents: list[np.ndarray]) -> tuple[np.ndarray, ...]:
        """The directional derivatives of the outputs; NotClaimed without forward mode."""
        own = [self.framework.array(tangent, self.dtype, self.device) for tangent in tangents]
        with _admissible("forward mode"):
            function = self.kernel.taking_arrays(self.function)
            found = self.framework.jvp(function, self.arrays(case), own, {**self.options, **case.options})
            return tuple(self.framework.numpy(derivative) for derivative in found)

    def gradients(
        self, case: Case, arrays: tuple | None = None, cotangents: tuple[np.ndarray, ...] | None = None
    ) -> tuple[np.ndarray | None, ...]:
        """One gradient per input (None for an integer input), for the case's cotangents; NotClaimed if none."""
        if self.kernel.reference_vjp is None:
            raise NotClaimed("the kernel has no gradient")
        if not self.differentiable:
            raise NotClaimed("judged without its gradient")
        arrays = self.arrays(case) if arrays is None else arrays
        cotangents = self.cotangents(case) if cotangents is None else cotangents
        fed = [self.framework.array(c, self.dtype, self.device) for c in cotangents]
        with _admissible("the gradient"):
            function = self.kernel.taking_arrays(self.function)
            found = self.framework.vjp(function, arrays, fed, {**self.options, **case.options})
        for name, array, gradient in zip(self.kernel.names_of(case), case.inputs, found, strict=True):
            if gradient is None and array.dtype.kind in "fc":
                raise Falsified(
                    f"the gradient of {name} is None: the result does not depend on it, or the graph is cut"
                )
        return tuple(None if g is None else self.framework.numpy(g) for g in found)

    def expected(self, case: Case) -> tuple[Gauged, ...]:
        """The reference's outputs with their gauges in this implementation's arithmetic."""
        return expectation.expected(self.kernel, case, self.arithmetic)

    def expected_gradients(self, case: Case, cotangents: tuple[np.ndarray, ...] | None = None) -> tuple[Gauged, ...]:
        """The exact gradients with their gauges; NotClaimed where the reference defines none."""
        if self.kernel.reference_vjp is None:
            raise NotClaimed("the kernel has no gradient")
        if cotangents is None:
            return expectation.expected_gradients(self.kernel, case, self.arithmetic)
        return expectation.gradients_for(self.kernel, case, cotangents, self.arithmetic)

    def misshapen(self, case: Case) -> str:
        """How the outputs differ from the reference's in number or shape; empty if they do not."""
        found, wanted = [o.shape for o in self(case)], [e.value.shape for e in self.expected(case)]
        if found == wanted:
            return ""
        where = f"; `gaugeblock kernels --kernel {self.kernel.name}` tells the contract"
        return f"expected {_shapes(wanted)}, got {_shapes(found)}{where}"

    def cotangents(self, case: Case) -> tuple[np.ndarray, ...]:
        return expectation.cotangents(self.kernel, case)

    def agree(self, what: str, actual: tuple, expected: tuple[Gauged, ...], names: tuple[str, ...] = ()) -> float:
        """The worst error of these values in gauges, modulo the kernel's period; raises Falsified above 1."""
        return compare(what, actual, expected, self.metric, names)

    @property
    def metric(self) -> Metric:
        return Metric(self.kernel.period, max(self.arithmetic.elementwise, self.arithmetic.output))


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return (
        f"{len(shapes)} results of shapes {', '.join(map(str, shapes))}" if len(shapes) != 1 else f"shape {shapes[0]}"
    )


class _admissible:
    """Inside, an exception means that admissible input was not computed: the law at hand is falsified."""

    def __init__(self, what: str):
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, traceback) -> None:
        if isinstance(error, Exception) and not isinstance(error, Falsified | NotClaimed | NotImplementedError):
            first = (str(error).strip().splitlines() or [""])[0]
            raise Falsified(f"{self.what} raised {kind.__name__}: {first}") from error
