"""Planted defects of the tridiagonal row."""

from tests.defects.defect import Defect
from tests.defects.tridiagonal import determinants, gradients, indexing, rounding
from tests.defects.tridiagonal.chain import HONEST as INGREDIENTS
from tests.defects.tridiagonal.function import function_of
from tests.defects.tridiagonal.ingredient import DETERMINANT, RESOLVENT

DEFECTS: tuple[Defect, ...] = (
    *rounding.DEFECTS,
    *indexing.DEFECTS,
    *gradients.DEFECTS,
    *determinants.DEFECTS,
)
HONEST = {kernel: function_of(kernel, INGREDIENTS) for kernel in (RESOLVENT, DETERMINANT)}
