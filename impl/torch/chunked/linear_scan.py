"""The first-order linear recurrence y_i = f_i + r_i y_{i−1}, chunk-parallel."""

import math

import torch
from torch import Tensor

SERIAL_SITES = 64  # a chain no longer than this gains nothing from chunks


def linear_scan(source: Tensor, ratio: Tensor) -> Tensor:
    """y_i = f_i + r_i y_{i−1} from y_{−1} = 0, along the last axis.

    Every chunk first runs from zero; what enters a chunk then adds itself times the running product of the ratios.

    **Arguments**: source f and ratio r, both (chains, N), one dtype. **Returns**: y (chains, N).
    """
    chains, sites = source.shape
    length = sites if sites <= SERIAL_SITES else math.isqrt(sites)
    chunks = -(-sites // length)

    def by_position(x: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(x, (0, chunks * length - sites))
        return padded.reshape(chains, chunks, length).permute(2, 0, 1).contiguous()

    source, ratio = by_position(source), by_position(ratio)
    rows = source.clone()
    listed = rows.unbind(0)
    for row, previous, factor in zip(listed[1:], listed[:-1], ratio[1:].unbind(0), strict=True):
        row.addcmul_(factor, previous)
    if chunks > 1:
        reach = torch.cumprod(ratio, 0)
        carry = linear_scan(rows[-1, :, :-1], reach[-1, :, :-1])
        rows[:, :, 1:].addcmul_(reach[:, :, 1:], carry)
    return rows.permute(1, 2, 0).reshape(chains, -1)[:, :sites]
