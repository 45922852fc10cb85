"""The lattice row: integers without arrays; the only input is a number."""

from collections.abc import Callable

from hypothesis import strategies as st

from properties.case import BadInput, Case
from properties.kernel import Kernel
from properties.laws import lattice as laws

# Few, for each is compiled: squares of primes and their neighbours, full rings of the spiral and their neighbours.
LIMITS = (0, 1, 2, 3, 4, 8, 9, 25, 48, 49, 120, 121, 168, 169, 1000, 5041)


def _numbers(name: str) -> Callable[[str], st.SearchStrategy[Case]]:
    return lambda dtype: st.sampled_from(LIMITS).map(lambda n: Case((), dtype, n, {name: n}, f"{name} {n}"))


def _bad(name: str, what: str, number: object) -> BadInput:
    return BadInput(name, what, lambda case: ((), {name: number}))


def _row(function: str, name: str, own: tuple) -> Kernel:
    return Kernel(
        f"lattice.{function}",
        inputs=_numbers(name),
        core=(),
        laws=own,
        refuses=(_bad(name, "a negative number", -1), _bad(name, "a number that is not whole", 2.5)),
        empty=lambda dtype: (Case((), dtype, options={name: 0}, drawn="nothing"),),
        dtypes=("float64",),  # of no number here
    )


KERNELS = (_row("primes", "limit", laws.PRIMES), _row("ulam", "n", laws.SPIRAL))
