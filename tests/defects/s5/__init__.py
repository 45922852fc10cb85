"""Planted defects of the S5 row."""

from tests.defects.defect import Defect
from tests.defects.s5 import halves, initialisation, layers, losses, recurrences

DEFECTS: tuple[Defect, ...] = (
    *recurrences.DEFECTS,
    *layers.DEFECTS,
    *losses.DEFECTS,
    *initialisation.DEFECTS,
    *halves.DEFECTS,
)
HONEST = {**recurrences.HONEST, **layers.HONEST, **losses.HONEST}
