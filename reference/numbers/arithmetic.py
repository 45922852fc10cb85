"""Floating-point arithmetics, as an implementation declares them, and the two models of their rounding."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Arithmetic:
    """The unit roundoffs of an implementation, and its range.

    elementwise: u of + − × ÷ and of functions.      operand: rounding of the operands of matrix products (0 = none).
    accumulate: u of sums and inner products.        input: backward error granted to every input.
    output: rounding of the stored result.           tiny, huge: below and beyond lie flush-to-zero and overflow.
    """

    name: str
    elementwise: float
    operand: float
    accumulate: float
    input: float
    output: float
    tiny: float
    huge: float


def _pure(dtype: type[np.floating], name: str) -> Arithmetic:
    """Everything is done in one IEEE format."""
    format_ = np.finfo(dtype)
    unit = float(format_.eps) / 2
    return Arithmetic(name, unit, 0.0, unit, unit, unit, float(format_.tiny), float(format_.max))


def _tensor_core(name: str, operand: float) -> Arithmetic:
    """float32 data whose matrix products round their operands; the accumulator of the hardware truncates: 2⁻²³."""
    single = _pure(np.float32, name)
    return Arithmetic(
        name, single.elementwise, operand, 2 * single.accumulate, single.input, single.output, single.tiny, single.huge
    )


_STRONGEST_FIRST = (
    _pure(np.float64, "float64"),
    _pure(np.float32, "float32"),
    _tensor_core("tf32", 2.0**-10),  # 10 stored bits; the hardware truncates unless the caller has rounded
    _tensor_core("fp16_products", 2.0**-11),
    _tensor_core("bf16_products", 2.0**-8),
    _pure(np.float16, "float16"),
    Arithmetic("bfloat16", 2.0**-8, 0.0, 2.0**-8, 2.0**-8, 2.0**-8, 2.0**-126, (2 - 2.0**-7) * 2.0**127),
)

ARITHMETICS: dict[str, Arithmetic] = {arithmetic.name: arithmetic for arithmetic in _STRONGEST_FIRST}


def weaker(arithmetic: Arithmetic) -> tuple[Arithmetic, ...]:
    """The presets that round more than `arithmetic`, strongest first: where a result may still hold."""

    def rounds_more(preset: Arithmetic) -> bool:
        units = (preset.elementwise, preset.operand, preset.accumulate)
        declared = (arithmetic.elementwise, arithmetic.operand, arithmetic.accumulate)
        return units[0] > declared[0] or (units[0] == declared[0] and units[1] > declared[1])

    return tuple(preset for preset in _STRONGEST_FIRST if rounds_more(preset))


@dataclass(frozen=True)
class Model:
    """How roundings combine.

    Statistical: they are independent, mean zero (Connolly, Higham, Mary 2021): quadrature, and `deviations` standard
    deviations at the end. Otherwise: the classical worst case, where moduli add.
    """

    arithmetic: Arithmetic
    statistical: bool
    deviations: float

    def unit_share(self, hard: float) -> float:
        """The contribution of an operation whose error never exceeds `hard` units of roundoff."""
        return max(1.0, hard / self.deviations) if self.statistical else hard


DEVIATIONS = 3.0


def statistical(arithmetic: Arithmetic) -> Model:
    return Model(arithmetic, True, DEVIATIONS)


def worst_case(arithmetic: Arithmetic) -> Model:
    return Model(arithmetic, False, 1.0)
