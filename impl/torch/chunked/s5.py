"""The recurrence x_t = λ_t x_{t−1} + d_t in plain tensor operations, cut into chunks of time, on any device."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from impl.torch.chunked import s5_sums
from impl.torch.chunked.unrecorded import unrecorded

# Chunks have these many times, and chunks of chunks these many chunks, whatever T is.
CHUNK = 20
ACROSS = 10
SINGLE = (torch.float32, torch.complex64)


def scan(decay: Tensor, drive: Tensor, initial: Tensor | None, reverse: bool = False, *, chunk: int = CHUNK) -> Tensor:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    The first chunk runs from `initial`, every other one from zero. What enters a chunk, found by the same recurrence
    over the ends of the chunks, is then added times the running product of the decays inside it. Few states with
    constant decays are sums, where that is possible.

    **Arguments**: decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P) or None for zero; D is 1 or B, and nothing
    is empty. One dtype. **Returns**: (B, T, P).
    """
    decay = decay.resolve_conj()
    times = drive.shape[1]
    length = min(times, chunk)
    few = drive.numel() <= s5_sums.FEW and decay.ndim == 2 and decay.shape[0] == 1 and drive.dtype in SINGLE
    if few and length < times and initial is not None:
        states = s5_sums.scan(decay, drive, initial, reverse)
        if states is not None:
            return states
    states = _padded(drive, length, reverse)
    with unrecorded():  # the array was made outside, and its many views cost less here
        near = _run(states, decay, decay, initial, reverse, length)
    return _kept(states, times, reverse) if near else _far_reaching(decay, drive, initial, reverse)


def _run(states: Tensor, decay: Tensor, wide: Tensor, initial: Tensor | None, reverse: bool, length: int) -> bool:
    """The states in place of the drive, in whole chunks; False, and nothing of use, where decays multiply to infinity.

    **Arguments**: wide, a constant decay as exactly as it is known, so that its powers are rounded once.
    """
    batch, times, channels = states.shape
    chunks = times // length
    cells = states.view(batch, chunks, length, channels)
    rows = _in_order(cells.unbind(2), reverse)
    factors = _by_position(decay, chunks, length, reverse)
    if initial is not None:
        first = -1 if reverse else 0
        rows[0].select(1, first).addcmul_(factors[0].select(1, first), initial)
    _follow(rows, factors)
    if chunks == 1:
        return True
    reach, across, wide = _products(wide, factors, states.dtype, reverse)
    if chunks <= ACROSS and not math.isfinite(across.sum().abs()):  # the longest products: all others are in them
        return False
    length, ends = min(chunks, ACROSS), rows[-1]
    whole = _padded(ends, length, reverse) if chunks % length else ends
    near = _run(whole, across, wide, None, reverse, length)
    if whole is not ends:
        ends.copy_(_kept(whole, chunks, reverse))
    _add_entering(cells, reach, ends, reverse)
    return near


def _padded(x: Tensor, length: int, reverse: bool) -> Tensor:
    """A copy of whole chunks; new times are zero and come last in the order of the recurrence."""
    new = -x.shape[1] % length
    if new:
        return torch.nn.functional.pad(x, (0, 0, new, 0) if reverse else (0, 0, 0, new))
    return x.resolve_conj().clone(memory_format=torch.contiguous_format)


def _kept(x: Tensor, times: int, reverse: bool) -> Tensor:
    """x without the times that padding added."""
    return x if x.shape[1] == times else x.narrow(1, x.shape[1] - times if reverse else 0, times)


def _in_order(x: Sequence[Tensor], reverse: bool) -> Sequence[Tensor]:
    return x[::-1] if reverse else x


def _by_position(decay: Tensor, chunks: int, length: int, reverse: bool) -> Sequence[Tensor]:
    """The decays at every position of the chunks, each (D, 1 or chunks, P), in the order of the recurrence."""
    if decay.ndim == 2:
        return (decay.unsqueeze(1),) * length
    if decay.shape[1] != chunks * length:
        decay = _padded(decay, length, reverse)
    return _in_order(decay.unflatten(1, (chunks, length)).unbind(2), reverse)


def _follow(rows: Sequence[Tensor], factors: Sequence[Tensor]) -> None:
    """row_i += factor_i·row_{i−1}, in place, from the second row on."""
    for row, factor, before in zip(rows[1:], factors[1:], rows[:-1], strict=True):
        row.addcmul_(factor, before)


def _products(
    wide: Tensor, factors: Sequence[Tensor], dtype: torch.dtype, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Products of the decays of a chunk up to each position, (D, 1 or chunks, length, P), and over whole chunks.

    The latter are laid out like the decay, and come in double too where it is constant.
    """
    if wide.ndim == 2:
        double = torch.promote_types(dtype, torch.float64)
        powers = wide.unsqueeze(1).expand(-1, len(factors), -1).cumprod(1, dtype=double)
        reach = powers.to(dtype)
        across = reach.select(1, -1)
        return (reach.flip(1) if reverse else reach).unsqueeze(1), across, powers.select(1, -1)
    products = torch.stack(list(_in_order(factors, reverse)), 2)
    rows = _in_order(products.unbind(2), reverse)
    for row, before in zip(rows[1:], rows[:-1], strict=True):
        row.mul_(before)
    return products, rows[-1], rows[-1]


def _add_entering(cells: Tensor, reach: Tensor, ends: Tensor, reverse: bool) -> None:
    """To every chunk but the first and all of its times but the last: what enters it, times how far it reaches."""
    later, inner = cells.shape[1] - 1, cells.shape[2] - 1
    here, before = (0, 1) if reverse else (1, 0)
    if reach.shape[1] > 1:
        reach = reach.narrow(1, here, later)
    entered = cells.narrow(1, here, later).narrow(2, before, inner)
    entered.addcmul_(reach.narrow(2, before, inner), ends.narrow(1, before, later).unsqueeze(2))


def _far_reaching(decay: Tensor, drive: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """The recurrence where decays above 1 multiply to infinity, which would spoil a state that is still zero or small.

    Single turns to double, double to one step after the other.
    """
    wide = torch.promote_types(drive.dtype, torch.float64)
    if drive.dtype == wide:
        return scan(decay.to(wide), drive, initial, reverse, chunk=drive.shape[1])
    initial = None if initial is None else initial.to(wide)
    return scan(decay.to(wide), drive.to(wide), initial, reverse).to(drive.dtype)
