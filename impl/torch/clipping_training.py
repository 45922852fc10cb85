"""Gradient safety in a training loop, one line between backward and step: `safe_clip_(model, 1.0)`."""

import importlib
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from impl.torch.clipping import on_triton
from impl.torch.clipping_arguments import check_bound, check_set, widest
from impl.torch.clipping_monitor import Monitor
from impl.torch.clipping_rules import count_bad, finite, measured, sanitized_and_clipped, times

__all__ = ["safe_clip_"]

PIECE = 2**16  # elements that are worked on at a time: a quarter of a MiB in single precision
SMALLEST, LARGEST = 2.0**-20, 2.0**60  # of the pieces' norms: what underflows beside, or overflows, cannot count
ORDINARY = 2.0**-100  # a larger factor keeps its digits in single precision


@torch.no_grad()
def safe_clip_(
    parameters: nn.Module | Iterable[Tensor],
    max_norm: float,
    *,
    monitor: Monitor | None = None,
    group: dist.ProcessGroup | None = None,
) -> dict[str, Tensor]:
    """`safe_clip` of the gradients of a model or of parameters, in place; the report, scalars on the device.

    Parameters without a gradient are passed over. Gradients that are DTensors, or a process group over which plain ones
    are disjoint parts, are clipped by the norm of the whole set. With Triton on CUDA: one pass over the gradients, and
    a second one only where there is something to change; no wait, capturable in a CUDA graph after one call outside it.
    Raises `TypeError` and `ValueError` as `safe_clip`.
    """
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    owners = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
    gradients = [p.grad for p in owners if p.grad is not None]
    check_set(gradients)
    check_bound("max_norm", max_norm)
    report = _clip_in_place(gradients, max_norm, group)
    if monitor is not None:
        monitor.update(report)
    return report


def _clip_in_place(gradients: list[Tensor], max_norm: float, group: dist.ProcessGroup | None) -> dict[str, Tensor]:
    if not gradients:
        nothing = torch.zeros((), dtype=torch.int64)
        return {"factor": torch.ones(()), "infs": nothing, "nans": nothing, "norm": torch.zeros(())}
    if group is not None or (dist.is_available() and any(type(g) is not Tensor for g in gradients)):
        clipped, report = importlib.import_module("impl.torch.clipping_distributed").safe_clip(
            gradients, max_norm=max_norm, group=group
        )
        _write(gradients, clipped)
        return report
    dtype = widest(gradients)
    if on_triton(gradients[0].device):
        norm, factor, nans, infs = importlib.import_module("impl.torch.cuda.clipping").clip_in_place(
            max_norm, gradients, dtype
        )
    elif gradients[0].device.type == "cpu":
        norm, factor, nans, infs = _on_cpu(gradients, max_norm)
    else:
        *clipped, norm, factor, nans, infs = sanitized_and_clipped(max_norm, gradients)
        _write(gradients, clipped)
    return {"factor": factor.to(dtype), "infs": infs, "nans": nans, "norm": norm.to(dtype)}


def _on_cpu(gradients: list[Tensor], max_norm: float) -> tuple[Tensor, ...]:
    """Piece by piece, and only what has to change: asking costs nothing here, and no copy of the set is made."""
    none = torch.zeros((), dtype=torch.int64)
    nans, infs = none, none
    pieces = [piece for gradient in gradients for piece in _pieces(gradient)]
    if not pieces:
        return none.double(), none.double() + 1, none, none
    size, scale = _measured_quickly(pieces)
    if not torch.isfinite(size):
        nans, infs = count_bad(pieces)
        for piece in pieces:
            piece.copy_(finite([piece])[0])
        size, scale = measured(pieces)
    if bool(size <= max_norm / scale):
        return size * scale, torch.ones_like(size), nans, infs
    ratio, inverse = max_norm / size, 1 / scale
    factor = float(ratio * inverse)
    last_first = pieces[::-1]  # these may still lie in the cache
    if factor > ORDINARY:
        # A tensor is the faster factor, but it is rounded to the precision of what it multiplies.
        torch._foreach_mul_(last_first, ratio * inverse if _of_full_precision(pieces) else factor)
    else:
        for piece in last_first:
            piece.copy_(times(piece, ratio, inverse))
    return size * scale, ratio * inverse, nans, infs


def _measured_quickly(pieces: list[Tensor]) -> tuple[Tensor, Tensor]:
    """`measured`, with the pieces' norms in their own precision where no square that counts leaves its range."""
    if _of_full_precision(pieces):
        kinds = [[piece for piece in pieces if piece.dtype == kind] for kind in dict.fromkeys(p.dtype for p in pieces)]
        norms = torch.cat([torch.stack(torch._foreach_norm(kind)).double() for kind in kinds])
        if SMALLEST < float(norms.max()) < LARGEST:
            return torch.linalg.vector_norm(norms), torch.ones((), dtype=torch.float64)
    return measured(pieces)


def _of_full_precision(pieces: list[Tensor]) -> bool:
    return {piece.dtype for piece in pieces} <= {torch.float32, torch.float64}


def _pieces(gradient: Tensor) -> tuple[Tensor, ...]:
    """Views of at most PIECE elements, where the memory has no gaps; else rows."""
    if gradient.numel() <= PIECE:
        return (gradient,) if gradient.numel() else ()
    if gradient.is_contiguous():
        return gradient.view(-1).split(PIECE)
    return tuple(piece for row in gradient.unbind(0) for piece in _pieces(row))


def _write(gradients: list[Tensor], clipped: list[Tensor]) -> None:
    for gradient, new in zip(gradients, clipped, strict=True):
        gradient.copy_(new)
