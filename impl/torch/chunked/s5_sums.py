"""A short recurrence with constant decays as one running sum, in few tensor operations."""

import math

import torch
from torch import Tensor

# Of more states, double precision and a table of powers take longer than the chunks of `s5.py` (measured on a CPU).
FEW = 2**14
TABLE = 2**8  # times; a longer table of powers is the product of two short ones

# Times or by this, every number of single precision, and a sum of FEW of them, is a normal number of double precision.
FACTOR = 2.0**800


def scan(decay: Tensor, drive: Tensor, initial: Tensor | None, reverse: bool = False) -> Tensor | None:
    """States x_t = λ x_{t−1} + d_t from x_{−1} = initial, or reversed: x_t = λ^{t+1} (x_{−1} + Σ_{s≤t} λ^{−s−1} d_s).

    The sum is in double precision. Rounding after time s errs by its unit times |λ^{t−s} x_s|, as in the recurrence.

    **Arguments**: decay (D, P), drive (B, T, P), initial (B, P) or None for zero, in single precision; D is 1 or B, and
    nothing is empty. **Returns**: (B, T, P), or None where a power of a decay is beyond FACTOR, or zero.
    """
    with torch.inference_mode():  # cheaper; what the last operation gives, outside, may be kept for a gradient
        powers = _powers(decay, drive.shape[1])
        if not powers.select(2, -1).abs().amax().item() < FACTOR:  # false too for what is undefined
            return None
        there, back = powers.unbind()
        states = (drive.flip(1) if reverse else drive) * back
        if initial is not None:
            states.select(1, 0).addcmul_(back.select(1, 0) * decay, initial)
        states = states.cumsum_(1).mul_(there)
        if reverse:
            states = states.flip(1)
    return states.to(drive.dtype)


def _powers(decay: Tensor, times: int) -> Tensor:
    """λ^{n+1}, λ^{n+2}, … and their reciprocals, (2, D, T, P) in double precision, for some n ≥ 0."""
    wide = decay.to(torch.promote_types(decay.dtype, torch.float64))
    both = torch.stack([wide, wide.reciprocal()]).unsqueeze(2)
    if times <= TABLE:
        return both.expand(-1, -1, times, -1).cumprod(2)
    length = math.isqrt(times - 1) + 1
    inner = both.expand(-1, -1, length, -1).cumprod(2)
    outer = inner.narrow(2, length - 1, 1).expand(-1, -1, length, -1).cumprod(2)
    return (outer.unsqueeze(3) * inner.unsqueeze(2)).flatten(2, 3).narrow(2, 0, times)
