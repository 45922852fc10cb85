"""The arithmetic of tensor cores on halves: operands and results in 16 bits, everything else in single precision."""

from dataclasses import replace

from properties.variant import Variant
from reference.numbers import ARITHMETICS, Arithmetic

HALVES = ("float16", "bfloat16")
# Below it a half loses more than its unit roundoff: half the distance between its smallest numbers.
_LOST = {"float16": 2.0**-25, "bfloat16": 2.0**-134}


def single_inside(dtype: str) -> Arithmetic:
    """Data and operands of matrix products of `dtype`, sums and functions in float32, the result stored in `dtype`."""
    stored, inside = ARITHMETICS[dtype], ARITHMETICS["float32"]
    return replace(
        inside,
        name=f"{dtype}, float32 inside",
        operand=stored.elementwise,
        accumulate=2 * inside.accumulate,  # the accumulator of the hardware truncates
        output=stored.elementwise,
        tiny=_LOST[dtype],
        huge=stored.huge,
    )


def single_inside_halves(dtype: str) -> Arithmetic:
    """`single_inside` for halves, and the dtype's own arithmetic for the others."""
    return single_inside(dtype) if dtype in HALVES else ARITHMETICS[dtype]


SINGLE_INSIDE = tuple(Variant("float32 inside", dtype, {}, single_inside(dtype)) for dtype in HALVES)


def single_states(dtype: str) -> Arithmetic:
    """Data and real results of `dtype`, everything in between, operands of products too, in float32."""
    return replace(single_inside(dtype), operand=0.0)


SINGLE_STATES = tuple(Variant("float32 states", dtype, {}, single_states(dtype)) for dtype in HALVES)
