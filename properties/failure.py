"""The text of a failure: which law, where, how wrong, against what baseline, and how to see it again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from properties.case import Case
from properties.comparison import PLAIN, ratios, vacuous
from properties.frameworks import as_outputs
from properties.implementation import Implementation
from properties.law import Falsified, Law
from reference.numbers import ARITHMETICS, Arithmetic, weaker

_NUMPY_COMPLEX = {"float32": np.complex64, "float64": np.complex128, "float16": np.complex64}


def failure_text(law: Law, implementation: Implementation, case: Case, found: Falsified, path: Path | None) -> str:
    """In this order: law, kernel and implementation, worst element, baseline, weaker arithmetic, case, replay."""
    lines = [
        f"law falsified: {law.name}. {law.statement}",
        f"  kernel         {implementation.kernel.name}",
        f"  implementation {implementation}",
        f"  found          {found.discrepancy or found.statement}",
    ]
    if found.discrepancy is not None:
        if str(found.statement) not in str(found.discrepancy):
            lines.append(f"                 {found.statement}")
        lines += [f"  baseline       {line}" for line in baseline(law, implementation, case)]
        lines.append(f"  arithmetic     {fitting_arithmetic(law, implementation, case)}")
    lines.append(f"  input          {case}")
    if path is not None:
        lines.append(f"  replay         gaugeblock replay {path}{_address(implementation)}")
    return "\n".join(lines)


def baseline(law: Law, implementation: Implementation, case: Case) -> list[str]:
    """The error of the reference's own formula in plain NumPy at the same dtype on the same input, of its gradient for
    a law of gradients: below one gauge the input is not to blame. A rare law's long input has no dense baseline."""
    dtype, kernel = implementation.dtype, implementation.kernel
    if dtype not in _NUMPY_COMPLEX:
        return [f"none: NumPy has no {dtype} arithmetic"]
    if law.rare:
        return []
    function, inputs, metric = kernel.reference, kernel.positional(case.inputs), implementation.metric
    expected = implementation.expected(case)
    if law.judged == "gradients" and kernel.reference_vjp is not None:
        inputs = kernel.with_cotangents(case, implementation.cotangents(case))
        function, metric = kernel.reference_vjp, PLAIN
        expected = implementation.expected_gradients(case)
    try:
        with np.errstate(all="ignore"):
            outputs = as_outputs(function(*_cast(inputs, dtype), **case.options))
    except (np.linalg.LinAlgError, TypeError) as failure:
        return [f"none: plain {dtype} NumPy fails on this input ({failure})"]
    pairs = zip(outputs, expected, strict=True)
    error = max((float(ratios(np.asarray(o), e, metric).max(initial=0)) for o, e in pairs), default=0.0)
    judgement = "the input is well posed: the implementation is wrong" if error <= 1 else "the input is hard here"
    return [f"plain {dtype} NumPy errs by {error:.3g} gauges on this input: {judgement}"]


def fitting_arithmetic(law: Law, implementation: Implementation, case: Case) -> str:
    """The strongest weaker arithmetic under which the law would have held on this case."""
    declared = implementation.arithmetic.name
    tried = weaker(implementation.arithmetic)
    for arithmetic in tried:
        if _holds(law, implementation, case, arithmetic):
            return f"falsified as {declared}; this case would hold as {arithmetic.name}"
    return f"falsified as {declared}, and in every weaker arithmetic known ({len(tried)} tried)"


def _holds(law: Law, implementation: Implementation, case: Case, arithmetic: Arithmetic) -> bool:
    """Whether the law holds there, by a gauge that still tells something."""
    weak = replace(implementation, arithmetic=arithmetic)
    if law.judged and vacuous(
        (weak.expected_gradients if law.judged == "gradients" else weak.expected)(case), arithmetic.elementwise
    ):
        return False
    try:
        with implementation.working():
            law.function(weak, case)
    except Falsified:
        return False
    return True


def _cast(inputs: Any, dtype: str) -> Any:
    """Arrays, or what holds them, in a dtype; integers and None as they are."""
    if isinstance(inputs, dict):
        return {name: _cast(part, dtype) for name, part in inputs.items()}
    if isinstance(inputs, list | tuple):
        return type(inputs)(_cast(part, dtype) for part in inputs)
    if inputs is None or inputs.dtype.kind not in "fc":
        return inputs
    return inputs.astype(_NUMPY_COMPLEX[dtype] if inputs.dtype.kind == "c" else ARITHMETICS[dtype].name)


def _address(implementation: Implementation) -> str:
    return f" {implementation.address}" if implementation.origin == "user" else ""
