"""A defect in half precision, judged as an implementation that computes in float32 inside."""

from dataclasses import dataclass, replace

from properties.half_precision import HALVES, single_inside
from properties.implementation import Implementation
from tests.defects.defect import Defect


@dataclass(frozen=True, eq=False)
class InHalf(Defect):
    @property
    def implementation(self) -> Implementation:
        return replace(super().implementation, arithmetic=single_inside(self.dtype))


def kind_for(dtype: str) -> type[Defect]:
    return InHalf if dtype in HALVES else Defect
