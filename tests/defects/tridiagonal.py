"""All planted defects of the tridiagonal row."""

from tests.defects import determinants, gradients, indexing, rounding
from tests.defects.defect import DETERMINANT, RESOLVENT, Defect

DEFECTS: tuple[Defect, ...] = (
    *rounding.DEFECTS,
    *indexing.DEFECTS,
    *gradients.DEFECTS,
    *determinants.DEFECTS,
)
KERNELS = (RESOLVENT, DETERMINANT)
