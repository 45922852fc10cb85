"""Gradient sets that are spread over processes: the norm is that of the whole set.

DTensors (FSDP2, tensor parallelism) say themselves over which dimensions of their mesh they are sharded; plain tensors
are disjoint parts when a process group is given, and whole otherwise. Every process makes the same calls.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate

from impl.torch.clipping_arguments import check_bound, check_set, widest
from impl.torch.clipping_rules import finite, is_double, real_view, times

__all__ = ["global_norm", "safe_clip"]

Groups = tuple[dist.ProcessGroup, ...]


def global_norm(gradients: Sequence[Tensor], *, group: dist.ProcessGroup | None = None) -> Tensor:
    """‖g‖ of the whole set on every process, as `impl.torch.clipping.global_norm` of the set in one place."""
    check_set(gradients)
    parts = [_part(g, group) for g in gradients]
    size, scale, _, _ = _measured([local for local, _ in parts], [groups for _, groups in parts], group)
    return (size * scale).to(widest(gradients))


def safe_clip(
    gradients: Sequence[Tensor], *, max_norm: float, group: dist.ProcessGroup | None = None
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """`impl.torch.clipping.safe_clip` of the whole set: each process gets its parts back, all get the same report.

    A NaN of one process is counted once and clears its element; what is replicated counts once. Two small reductions.
    """
    check_set(gradients)
    check_bound("max_norm", max_norm)
    parts = [_part(g, group) for g in gradients]
    raw = [local for local, _ in parts]
    clean = finite(raw)
    size, scale, nans, infs = _measured(clean, [groups for _, groups in parts], group, raw)
    inside = size <= max_norm / scale
    one = torch.ones_like(size)
    ratio = torch.where(inside, one, max_norm / torch.where(size == 0, one, size))
    inverse = torch.where(inside, one, 1 / scale)
    clipped = [torch.where(inside, g, times(g, ratio, inverse)) for g in clean]
    dtype = widest(gradients)
    report = {"factor": (ratio * inverse).to(dtype), "infs": infs, "nans": nans, "norm": (size * scale).to(dtype)}
    return [_like(c, g) for c, g in zip(clipped, gradients, strict=True)], report


def _part(gradient: Tensor, group: dist.ProcessGroup | None) -> tuple[Tensor, Groups]:
    """This process's part, and the groups over which the parts are disjoint."""
    if not isinstance(gradient, DTensor):
        return gradient, () if group is None else (group,)
    gradient = _summed(gradient)
    mesh = gradient.device_mesh
    sharded = [dim for dim, placement in enumerate(gradient.placements) if not placement.is_replicate()]
    return gradient.to_local(), tuple(mesh.get_group(dim) for dim in sharded)


def _summed(gradient: DTensor) -> DTensor:
    """Without partial sums: those are no elements of the gradient yet."""
    placements = [Replicate() if placement.is_partial() else placement for placement in gradient.placements]
    return gradient.redistribute(placements=placements)


def _measured(
    parts: Sequence[Tensor],
    groups: Sequence[Groups],
    own: dist.ProcessGroup | None,
    raw: Sequence[Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """‖g/s‖, s, and how many elements of `raw` are NaN and ∞, over all processes."""
    device = parts[0].device if parts else None
    kinds = list(dict.fromkeys(groups)) or [() if own is None else (own,)]
    of_kind = {kind: [i for i, g in enumerate(groups) if g == kind] for kind in kinds}
    largest = torch.zeros((), dtype=torch.float64, device=device)
    for kind, places in of_kind.items():
        found = [real_view(parts[i]).abs().amax().double() for i in places if parts[i].numel() and is_double(parts[i])]
        largest = torch.maximum(largest, _reduced(torch.stack([largest, *found]).amax(), kind, dist.ReduceOp.MAX))
    one = torch.ones_like(largest)
    usable = (largest > 0) & torch.isfinite(largest)
    scale = torch.where(usable, torch.ldexp(one, torch.frexp(largest)[1] - 1), one)
    total = torch.zeros(3, dtype=torch.float64, device=device)
    for kind, places in of_kind.items():
        rows = [_row(parts[i], None if raw is None else raw[i], scale) for i in places]
        total = total + _reduced(torch.stack([torch.zeros_like(total), *rows]).sum(0), kind, dist.ReduceOp.SUM)
    return total[0].sqrt(), scale, total[1].long(), total[2].long()


def _row(part: Tensor, raw: Tensor | None, scale: Tensor) -> Tensor:
    """Σ|g/s|², NaN, ∞ of one tensor; counts below 2⁵³ are exact in double."""
    squares = (real_view(part).double() / scale).square().sum()
    raw = part if raw is None else raw
    nans = torch.isnan(raw).sum()
    return torch.stack([squares, nans, raw.numel() - torch.isfinite(raw).sum() - nans]).double()


def _reduced(value: Tensor, groups: Groups, operation: dist.ReduceOp) -> Tensor:
    value = value.clone()
    for group in groups:
        dist.all_reduce(value, operation, group)
    return value


def _like(part: Tensor, gradient: Tensor) -> Tensor:
    if not isinstance(gradient, DTensor):
        return part
    whole = _summed(gradient)
    return DTensor.from_local(
        part, whole.device_mesh, whole.placements, run_check=False, shape=whole.shape, stride=whole.stride()
    )
