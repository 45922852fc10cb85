"""Several tiles: a kernel cuts large arrays into pieces, and must hand on what it finds from one to the next.

Ordinary cases are small, for speed, and fit into one piece of most kernels: what joins the pieces needs cases of its
own.
"""

from collections.abc import Callable

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Law, law


def several_tiles(enlarged: Callable[[Case], Case], *, gradients: bool = True) -> tuple[Law, ...]:
    """Laws of values and of gradients, on large cases. enlarged(case): a large one of the same dtype and seed."""

    def adapt(case: Case, implementation: Implementation) -> Case:
        return enlarged(case)

    @law(adapt=adapt, rare=True)
    def values_over_several_tiles(implementation: Implementation, case: Case) -> float:
        """Where arrays are larger than the pieces that a kernel works on, every value lies within its gauge."""
        return implementation.agree("value", implementation(case), implementation.expected(case))

    @law(judged="gradients", adapt=adapt, rare=True)
    def gradients_over_several_tiles(implementation: Implementation, case: Case) -> float:
        """Where arrays are larger than the pieces that a kernel works on, every gradient lies within its gauge."""
        expected = implementation.expected_gradients(case)
        names = tuple(f"gradient of {name}" for name in implementation.kernel.names_of(case))
        return compare("gradient", implementation.gradients(case), expected, names=names)

    return (values_over_several_tiles, gradients_over_several_tiles) if gradients else (values_over_several_tiles,)
