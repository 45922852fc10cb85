"""Planted defects of the diagnostics row: magnitudes that a NaN, an overflow or an empty array spoils."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impl.torch import diagnostics as shipped
from tests.defects.defect import Defect, defects_in, story_of
from tests.defects.half import kind_for

MAGNITUDES = "diagnostics.magnitudes"


def finite(x: Tensor) -> Tensor:
    return torch.where(torch.isfinite(x), x, 0).abs()


def counted(x: Tensor) -> Tensor:
    return torch.isfinite(x).sum().clamp(min=1)


def mean(x: Tensor) -> Tensor:
    wide = finite(x).double()
    return wide.sum() / counted(x)


def largest(x: Tensor) -> Tensor:
    return finite(x).max() if x.numel() else finite(x).sum()


def rms(x: Tensor) -> Tensor:
    scale = largest(x).double() if x.numel() and largest(x) > 0 else 1.0
    return scale * ((finite(x).double() / scale).square().sum() / counted(x)).sqrt()


def zeros(x: Tensor) -> Tensor:
    return (x == 0).sum()


def nonfinite(x: Tensor) -> Tensor:
    return (~torch.isfinite(x)).sum()


@dataclass(frozen=True)
class Report:
    """The five magnitudes, each of which a defect may replace."""

    mean: Callable = mean
    largest: Callable = largest
    rms: Callable = rms
    zeros: Callable = zeros
    nonfinite: Callable = nonfinite

    def magnitudes(self, arrays: list[Tensor]) -> dict[str, Tensor]:
        shipped.magnitudes(arrays)
        precision = arrays[0].dtype.to_real()
        sizes = {
            name: torch.stack([getattr(self, name)(x).to(precision) for x in arrays])
            for name in ("largest", "mean", "rms")
        }
        counts = {name: torch.stack([getattr(self, name)(x) for x in arrays]) for name in ("nonfinite", "zeros")}
        return {**sizes, **counts}


def instead_of(part: str, dtype: str = "float32", **judged: str) -> Callable[[Callable], Defect]:
    """Make a Defect of a wrong part: its name is the function's, its story the docstring."""

    def make(wrong: Callable) -> Defect:
        function = replace(Report(), **{part: wrong}).magnitudes
        return kind_for(dtype)(
            wrong.__name__, MAGNITUDES, function, story_of(wrong), wrong.__module__, dtype=dtype, **judged
        )

    return make


@instead_of("mean")
def signed_mean(x):
    """The mean of x, not of |x|: near zero for any healthy gradient."""
    return torch.where(torch.isfinite(x), x, 0).sum().real / counted(x)


@instead_of("mean")
def mean_poisoned(x):
    """One NaN makes the mean NaN."""
    return x.abs().sum() / max(x.numel(), 1)


@instead_of("mean")
def mean_over_all(x):
    """Elements that are not finite count as zeros in the mean."""
    return finite(x).double().sum() / max(x.numel(), 1)


@instead_of("rms")
def squares_overflow(x):
    """Squares are summed as they stand: 10²⁰ in float32 overflows."""
    return (finite(x).square().sum() / counted(x)).sqrt()


@instead_of("rms", dtype="float16")
def squares_in_float16(x):
    """Squares are summed in float16, one after the other."""
    total = torch.zeros((), dtype=x.dtype)
    for one in finite(x).flatten():
        total = total + one * one
    return (total.double() / counted(x)).sqrt()


@instead_of("rms")
def norm_for_rms(x):
    """The norm, not divided by the number of elements: right for a scalar."""
    return rms(x) * counted(x).sqrt()


@instead_of("largest")
def largest_signed(x):
    """The maximum of x, not of |x|."""
    real = torch.where(torch.isfinite(x), x, 0).real
    return real.max() if x.numel() else real.sum()


@instead_of("zeros")
def small_counts_as_zero(x):
    """What is below 10⁻⁸ counts as zero."""
    return (x.abs() < 1e-8).sum()


@instead_of("nonfinite")
def infinities_not_counted(x):
    """NaN is counted, ∞ is not (MUSE: an Inf-only set with nan_rate 0)."""
    return x.isnan().sum()


@instead_of("nonfinite")
def presence_for_number(x):
    """1 where anything is not finite."""
    return (~torch.isfinite(x)).any().long()


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
HONEST = {MAGNITUDES: Report().magnitudes}
