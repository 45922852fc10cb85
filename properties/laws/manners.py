"""Manners: bad input refused, the right dtype, empty axes, strides, no recompilation."""

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import MANNERS, Falsified, Law, NotClaimed, law

_COMPLEX_PARTNER = {"float64": "complex128"}  # complex64 of all others


@law(MANNERS, judged=None)
def dtype_is_kept(implementation: Implementation, case: Case) -> float:
    """The result has the precision of the data: real results its dtype, complex ones the complex partner."""
    framework = implementation.framework
    outputs = implementation.raw(implementation.arrays(case), case.options)
    for output, expected in zip(outputs, implementation.expected(case), strict=True):
        kind = expected.value.dtype.kind
        if kind not in "fc":
            continue
        wanted = _COMPLEX_PARTNER.get(implementation.dtype, "complex64") if kind == "c" else implementation.dtype
        if framework.dtype_of(output) != wanted:
            raise Falsified(
                f"expected a {wanted} result for {implementation.dtype} data, got {framework.dtype_of(output)}"
            )
    return 0.0


@law(MANNERS)
def strided_equals_contiguous(implementation: Implementation, case: Case) -> float:
    """Inputs that are not contiguous in memory give the values that contiguous ones give."""
    strided = tuple(implementation.framework.strided(array) for array in implementation.arrays(case))
    return implementation.agree(
        "value of strided inputs", implementation.of(strided, case.options), implementation.expected(case)
    )


@law(MANNERS)
def batches_broadcast(implementation: Implementation, case: Case) -> float:
    """A batch axis of length one stands for any length: one of the arrays with only one row of its batch."""
    kernel = implementation.kernel
    batched = [
        place
        for place, (array, core) in enumerate(zip(case.inputs, kernel.core, strict=False))
        if array.ndim > core and array.shape[0] > 1
    ]
    if kernel.gathers or not batched:
        return 0.0
    chosen = int(case.random().choice(batched))
    one = case.with_inputs(*(array[:1] if place == chosen else array for place, array in enumerate(case.inputs)))
    name = f"value with one row of {kernel.names_of(case)[chosen]}"
    return implementation.agree(name, implementation(one), implementation.expected(one))


@law(MANNERS, judged=None, rare=True)
def empty_works(implementation: Implementation, case: Case) -> float:
    """Axes of length zero give an empty result or the neutral element, and gradients of the inputs' shapes."""
    cases = implementation.kernel.empty(case.dtype)
    if not cases:
        raise NotClaimed("the kernel defines no empty case")
    for empty in cases:
        implementation.agree(f"value of {empty}", implementation(empty), implementation.expected(empty))
        if implementation.kernel.reference_vjp is not None:
            gradients = implementation.gradients(empty)
            compare(f"gradient of {empty}", gradients, implementation.expected_gradients(empty))
    return 0.0


@law(MANNERS, judged=None, rare=True)
def bad_input_refused(implementation: Implementation, case: Case) -> float:
    """A bad shape, dtype or option raises a ValueError or TypeError that names the argument."""
    if not implementation.kernel.refuses:
        raise NotClaimed("the kernel lists no bad input")
    for bad in implementation.kernel.refuses:
        _refused(implementation, case, bad)
    return 0.0


@law(MANNERS, judged=None, rare=True)
def no_recompilation(implementation: Implementation, case: Case) -> float:
    """A second call with the same shapes compiles nothing."""
    framework = implementation.framework
    implementation(case)
    before = framework.compilations()
    if before is None:
        raise NotClaimed("nothing is compiled here")
    implementation(case.with_inputs(*(array[..., ::-1] if array.ndim else array for array in case.inputs)))
    compiled = (framework.compilations() or 0) - before
    if compiled:
        raise Falsified(f"a second call with the same shapes compiled {compiled} times")
    return 0.0


def _refused(implementation: Implementation, case: Case, bad) -> None:
    inputs, options = bad.change(case)
    framework = implementation.framework
    arrays = tuple(
        framework.array(x, implementation.dtype, implementation.device) if isinstance(x, np.ndarray) else x
        for x in inputs
    )
    try:
        function = implementation.kernel.taking_arrays(implementation.function)
        outputs = framework.call(function, arrays, {**implementation.options, **options})
    except (ValueError, TypeError) as error:
        if bad.argument not in str(error):
            raise Falsified(
                f"{bad.what}: the error does not name {bad.argument}: {str(error).splitlines()[0]}"
            ) from error
        return
    except Exception as error:
        raise Falsified(
            f"{bad.what}: expected a ValueError or TypeError, got {type(error).__name__}: {error}"
        ) from error
    shapes = ", ".join(str(tuple(np.shape(framework.numpy(output)))) for output in outputs)
    raise Falsified(f"{bad.what} was not refused: a result of shape {shapes} came back")


MANNERS_OF_ALL: tuple[Law, ...] = (
    dtype_is_kept,
    strided_equals_contiguous,
    batches_broadcast,
    empty_works,
    bad_input_refused,
    no_recompilation,
)
