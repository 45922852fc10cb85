"""What the reference expects of a case, with its gauges in an arithmetic; kept, since every law asks again."""

import functools
import importlib.util
from collections.abc import Callable, Mapping

import numpy as np

from properties.case import Case
from properties.comparison import Gauged
from properties.frameworks import as_outputs
from properties.kernel import Kernel
from properties.representable import representable
from reference.numbers import ARITHMETICS, Arithmetic, gauge


@functools.lru_cache(maxsize=1024)
def expected(kernel: Kernel, case: Case, arithmetic: Arithmetic) -> tuple[Gauged, ...]:
    return _gauge(kernel.reference, kernel.positional(case.inputs), arithmetic, case.options)


def expected_gradients(kernel: Kernel, case: Case, arithmetic: Arithmetic) -> tuple[Gauged, ...]:
    return gradients_for(kernel, case, cotangents(kernel, case), arithmetic)


def gradients_for(
    kernel: Kernel, case: Case, cotangents: tuple[np.ndarray, ...], arithmetic: Arithmetic
) -> tuple[Gauged, ...]:
    return _gradients_for(kernel, case, Case(tuple(cotangents), case.dtype), arithmetic)


@functools.lru_cache(maxsize=1024)
def _gradients_for(kernel: Kernel, case: Case, cotangents: Case, arithmetic: Arithmetic) -> tuple[Gauged, ...]:
    assert kernel.reference_vjp is not None
    return _gauge(kernel.reference_vjp, kernel.with_cotangents(case, cotangents.inputs), arithmetic, case.options)


def _gauge(function: Callable, inputs: tuple, arithmetic: Arithmetic, options: Mapping) -> tuple[Gauged, ...]:
    """Double precision is judged against Arb balls where python-flint is installed."""
    double = max(arithmetic.elementwise, arithmetic.output) <= ARITHMETICS["float64"].elementwise
    return gauge(function, *inputs, arithmetic=arithmetic, certified=double and _flint_installed(), **options)


@functools.lru_cache(maxsize=1024)
def cotangents(kernel: Kernel, case: Case) -> tuple[np.ndarray, ...]:
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
