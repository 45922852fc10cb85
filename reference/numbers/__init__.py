"""Rounding bounds and certificates: the number systems in which a reference runs besides float64."""

from reference.numbers import comparisons, contractions, elementwise, linear_algebra, norms, shapes, sums, transforms  # noqa: F401
from reference.numbers.arithmetic import ARITHMETICS, Arithmetic, weaker
from reference.numbers.contract import free, like, lipschitz, series_below
from reference.numbers.gauge import Gauged, gauge

__all__ = ["ARITHMETICS", "Arithmetic", "Gauged", "free", "gauge", "like", "lipschitz", "series_below", "weaker"]
