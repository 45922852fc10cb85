"""Kernel: a contract. Implementation: a function that claims to keep it. Case: one input to judge it on."""

import functools
import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from properties.comparison import Gauged, Metric, compare
from properties.frameworks import as_cotangents, as_outputs
from properties.law import Falsified, Law, NotClaimed
from properties.representable import representable
from reference.numbers import ARITHMETICS, Arithmetic, gauge

if TYPE_CHECKING:
    from properties.frameworks import Framework

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs in float64, complex128 or integers, exact in `dtype`; a seed for whatever a law still draws."""

    inputs: tuple[np.ndarray, ...]
    dtype: str
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    drawn: str = ""

    @functools.cached_property
    def key(self) -> bytes:
        digest = hashlib.blake2b(repr((self.dtype, self.seed, sorted(self.options.items()))).encode(), digest_size=16)
        for array in self.inputs:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        shapes = ", ".join(str(array.shape) for array in self.inputs)
        return f"Case({self.drawn or 'shapes ' + shapes}, {self.dtype}, seed {self.seed})"

    def random(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def with_inputs(self, *inputs: np.ndarray, drawn: str | None = None) -> "Case":
        rounded = tuple(representable(array, self.dtype) for array in inputs)
        return replace(self, inputs=rounded, drawn=self.drawn if drawn is None else drawn)


@dataclass(frozen=True)
class BadInput:
    """An input that must be refused by a ValueError or TypeError whose text names `argument`."""

    argument: str
    what: str
    change: Callable[[Case], tuple[tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True)
class Variant:
    """A way of calling the shipped implementation beside the default: its label, data dtype, options and arithmetic."""

    label: str
    dtype: str
    options: Mapping[str, Any]
    arithmetic: Arithmetic


@dataclass(frozen=True)
class Peer:
    """Somebody else's implementation: what it is called, its framework, the address of the adapter, its dtypes, the
    longest chain or sequence that is asked of it, the devices it runs on, the package that it needs, if any, and
    whether it can be differentiated."""

    label: str
    framework: str
    address: str
    dtypes: tuple[str, ...] = ("float32", "float64")
    longest: int = 1000
    devices: tuple[str, ...] = ("cpu", "cuda")
    requires: str = ""
    differentiable: bool = True


@dataclass(frozen=True, eq=False)
class Kernel:
    """The contract of one kernel. `name` is "system.function": the address of reference and implementations.

    - inputs(dtype): strategy of cases. - core: number of trailing axes of each input that are not batch axes.
    - gathers: the first argument is a list of arrays, as many as the case has beyond the other arguments.
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
        """`function` as a function of single arrays."""
        return _taking_arrays(self, function) if self.gathers else function

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

    def batch_shape(self, case: Case) -> tuple[int, ...]:
        """The common batch axes; a list of arrays has none."""
        if self.gathers:
            return ()
        return np.broadcast_shapes(*(a.shape[: a.ndim - core] for a, core in zip(case.inputs, self.core, strict=True)))


@dataclass(frozen=True, eq=False)
class Implementation:
    """A function that claims to keep a kernel's contract, in one framework, on one device, in one arithmetic.

    `longest` bounds the chains and sequences that are asked of it; None asks for all that the contract promises.
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
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.label} [{self.framework.name}, {self.device}, {self.arithmetic.name}]"

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
        return _expected(self.kernel, case, self.arithmetic)

    def expected_gradients(self, case: Case, cotangents: tuple[np.ndarray, ...] | None = None) -> tuple[Gauged, ...]:
        """The exact gradients with their gauges; NotClaimed where the reference defines none."""
        if self.kernel.reference_vjp is None:
            raise NotClaimed("the kernel has no gradient")
        if cotangents is None:
            return _expected_gradients(self.kernel, case, self.arithmetic)
        return _gauge_of_gradients(self.kernel, case, cotangents, self.arithmetic)

    def cotangents(self, case: Case) -> tuple[np.ndarray, ...]:
        return _cotangents(self.kernel, case)

    def agree(self, what: str, actual: tuple, expected: tuple[Gauged, ...], names: tuple[str, ...] = ()) -> float:
        """The worst error of these values in gauges, modulo the kernel's period; raises Falsified above 1."""
        return compare(what, actual, expected, self.metric, names)

    @property
    def metric(self) -> Metric:
        return Metric(self.kernel.period, max(self.arithmetic.elementwise, self.arithmetic.output))


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


def float64_inside(dtype: str) -> Arithmetic:
    """Data of `dtype`, everything in between in float64: only storage rounds at the data's precision."""
    stored, inside = ARITHMETICS[dtype], ARITHMETICS["float64"]
    return replace(
        inside, name=f"{dtype}, float64 inside", output=stored.elementwise, tiny=stored.tiny, huge=stored.huge
    )


@functools.cache
def _taking_arrays(kernel: Kernel, function: Callable) -> Callable:
    @functools.wraps(function)
    def of_arrays(*arrays: Any, **options: Any) -> Any:
        return function(*kernel.positional(arrays), **options)

    return of_arrays


@functools.lru_cache(maxsize=1024)
def _expected(kernel: Kernel, case: Case, arithmetic: Arithmetic) -> tuple[Gauged, ...]:
    return _gauge(kernel.reference, kernel.positional(case.inputs), arithmetic, case.options)


@functools.lru_cache(maxsize=1024)
def _expected_gradients(kernel: Kernel, case: Case, arithmetic: Arithmetic) -> tuple[Gauged, ...]:
    return _gauge_of_gradients(kernel, case, _cotangents(kernel, case), arithmetic)


def _gauge_of_gradients(
    kernel: Kernel, case: Case, cotangents: tuple[np.ndarray, ...], arithmetic: Arithmetic
) -> tuple[Gauged, ...]:
    assert kernel.reference_vjp is not None
    return _gauge(kernel.reference_vjp, kernel.with_cotangents(case, cotangents), arithmetic, case.options)


def _gauge(function: Callable, inputs: tuple, arithmetic: Arithmetic, options: Mapping) -> tuple[Gauged, ...]:
    """Double precision is judged against Arb balls where python-flint is installed."""
    double = max(arithmetic.elementwise, arithmetic.output) <= ARITHMETICS["float64"].elementwise
    return gauge(function, *inputs, arithmetic=arithmetic, certified=double and _flint_installed(), **options)


@functools.lru_cache(maxsize=1024)
def _cotangents(kernel: Kernel, case: Case) -> tuple[np.ndarray, ...]:
    outputs = [np.asarray(o) for o in as_outputs(kernel.reference(*kernel.positional(case.inputs), **case.options))]
    random = np.random.default_rng([case.seed, len(outputs)])
    return tuple(_cotangent(random, output, case.dtype) for output in outputs if output.dtype.kind in "fc")


def _cotangent(random: np.random.Generator, output: np.ndarray, dtype: str) -> np.ndarray:
    drawn = random.normal(size=output.shape)
    if output.dtype.kind == "c":
        drawn = drawn + 1j * random.normal(size=output.shape)
    return representable(np.asarray(drawn), dtype)


@functools.cache
def _flint_installed() -> bool:
    return importlib.util.find_spec("flint") is not None
