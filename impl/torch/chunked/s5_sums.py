"""A short recurrence with constant decays as sums over chunks of time, in few tensor operations."""

import cmath

import torch
from torch import Tensor

from impl.torch.chunked.unrecorded import unrecorded

FEW = 2**15  # states; of more, or of more chunks, the rows of `s5.py` take less time (measured on a CPU)
CHUNKS = 16
LENGTH = 2**7  # times of a chunk, at most

# What a decay may shrink to in a chunk: a complex quotient squares it, and the square is a normal number. What it may
# grow to: a drive divided by it keeps all but one bit beside the smallest normal number.
SHRUNK, GROWN = 2.0**-60, 2.0


def scan(decay: Tensor, drive: Tensor, initial: Tensor, reverse: bool = False) -> Tensor | None:
    """States x_t = λ x_{t−1} + d_t from x_{−1} = initial, or reversed: x_t = d_t + λ^{t+1} Σ_{s≤t} λ^{−s} d_{s−1}.

    d_{−1} is x_{−1}. Every chunk counts t anew from 0: its d_{−1} is the last drive of the chunk before, the rest of
    whose last state is added to its sums. Rounding errs by units of |λ^{t−s} d_s|, s < t, and of |λ^{t−s} x_s|,
    as in the recurrence.

    **Arguments**: decay (1, P), drive (B, T, P), initial (B, P), in single precision; none is empty. **Returns**:
    (B, T, P), or None where there are many chunks, or a power of a decay or a sum leaves single precision.
    """
    batch, times, states = drive.shape
    chunks = -(-times // LENGTH)
    length = -(-times // chunks)
    if chunks > CHUNKS or not _near_one(decay, length):
        return None
    with unrecorded():  # cheaper; what the last operation gives, outside, may be kept for a gradient
        powers = decay.expand(length, -1).cumprod(0)  # multiplied up in double precision, each rounded once
        delayed = [initial.unsqueeze(1), (drive.flip(1) if reverse else drive).narrow(1, 0, times - 1)]
        if times % length:
            delayed.append(drive.new_zeros(batch, -times % length, states))
        sums = torch.cat(delayed, 1).view(batch, chunks, length, states).mul_(decay / powers).cumsum_(2)
        if chunks > 1:
            reach, rows, ends = powers.select(0, -1), sums.unbind(1), sums.narrow(2, length - 1, 1).unbind(1)
            for row, before in zip(rows[1:], ends[:-1], strict=True):
                row.addcmul_(reach, before)
        if not cmath.isfinite(sums.sum().item()):  # may be so although all states are finite
            return None
        past = sums.mul_(powers).flatten(1, 2)
        if times % length:
            past = past.narrow(1, 0, times)
        if reverse:
            past = past.flip(1)
    return drive + past


def _near_one(decay: Tensor, length: int) -> bool:
    least, most = SHRUNK ** (1 / length), GROWN ** (1 / length)
    sizes = [*map(abs, decay.tolist()[0])]
    return least <= min(sizes) and max(sizes) <= most
