"""Wrong layers of half-precision sequences: what belongs into single precision is kept in half."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from impl.torch import s5 as shipped
from properties.half_precision import single_states
from properties.implementation import Implementation
from tests.defects.defect import Defect, defects_in, story_of
from tests.defects.s5 import honest

SEQUENCE = "bfloat16"


@dataclass(frozen=True, eq=False)
class WithSingleStates(Defect):
    """Judged as an implementation that stores u and y in half precision, and nothing else."""

    @property
    def implementation(self) -> Implementation:
        return replace(super().implementation, arithmetic=single_states(self.dtype))


def half_defect(wrong: Callable) -> Defect:
    return WithSingleStates(wrong.__name__, "s5.apply", wrong, story_of(wrong), wrong.__module__, dtype=SEQUENCE)


def apply(spectrum, input_matrix, output_matrix, feedthrough, step, u, initial, *, method="zoh", **parts):
    """The honest layer inside, y in the type of u."""
    y, final = honest.apply(
        spectrum, input_matrix, output_matrix, feedthrough.float(), step.float(), u.float(), initial,
        method=method, **parts,
    )  # fmt: skip
    return (y if y.is_complex() else y.to(u.dtype)), final


def in_half(x: torch.Tensor) -> torch.Tensor:
    """A complex array whose parts are rounded to bfloat16."""
    return torch.view_as_complex(torch.view_as_real(x.resolve_conj()).bfloat16().float())


@half_defect
def states_in_half(*arrays, **options):
    """The state is kept in bfloat16 from one time to the next."""
    return apply(*arrays, **options, scan=lambda *run: honest.scan(*run, advance=lambda f, x, d, _: in_half(f * x + d)))


@half_defect
def states_read_in_half(*arrays, **options):
    """The recurrence runs in single precision, but the states are handed to C in bfloat16."""
    return apply(*arrays, **options, read_out=lambda x, *rest: honest.read_out(in_half(x), *rest))


@half_defect
def matrices_in_half(*arrays, **options):
    """B and C are rounded to bfloat16 like u."""
    spectrum, input_matrix, output_matrix, *rest = arrays
    return apply(spectrum, in_half(input_matrix), in_half(output_matrix), *rest, **options)


@half_defect
def gradient_of_u_summed_in_half(*arrays, **options):
    """The two gradients of u, through the states and through D, are rounded before they are added."""
    *before, u, initial = arrays
    zero = [*before[:3], 0 * before[3], *before[4:]]
    y, final = shipped.apply(*zero, u.float(), initial, **options)
    through = (before[3].to(u.dtype) * u).float()
    return (y + through if y.is_complex() else (y + through).to(u.dtype)), final


DEFECTS = defects_in(globals().values())
