"""The tiles of the flat kernels of attention, and arrays that fill them."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from impl.triton.tiles import ROOMY, Tiling, tiling


def tiling_of(q: Tensor, v: Tensor, held: str) -> Tiling:
    roomy = q.is_cuda and torch.cuda.get_device_capability(q.device) in ROOMY
    return tiling(q.shape[-1], v.shape[-1], q.dtype.itemsize, held, roomy)


def filled(tiles: Tiling, *arrays: Tensor) -> tuple[Tensor, ...]:
    """Contiguous, with zeros for the channels that a tile has beyond the arrays'."""
    missing = [tiles.WIDTH - x.shape[-1] for x in arrays]  # `pad` would copy where nothing is
    return tuple((pad(x, (0, n)) if n else x).contiguous() for x, n in zip(arrays, missing, strict=True))
