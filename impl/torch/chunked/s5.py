"""The recurrence x_t = λ_t x_{t−1} + d_t in plain tensor operations, cut into chunks of time, on any device."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Every chunk has this many times, whatever T is: later times never change how earlier ones are computed.
CHUNK = 32


def scan(decay: Tensor, drive: Tensor, initial: Tensor | None, reverse: bool = False, *, chunk: int = CHUNK) -> Tensor:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    The first chunk runs from `initial`, every other one from zero. What enters a chunk, found by the same recurrence
    over the ends of the chunks, is then added times the running product of the decays inside it.

    **Arguments**: decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P) or None for zero; D is 1 or B, and nothing
    is empty. One dtype, but that a constant decay may be wider. **Returns**: (B, T, P) in the dtype of drive.
    """
    batch, times, channels = drive.shape
    length = min(times, chunk)
    chunks = -(-times // length)
    states = _padded(drive, chunks * length, reverse)
    cells = states.view(batch, chunks, length, channels)
    rows = _in_order(cells.unbind(2), reverse)
    factors = _by_position(decay, drive.dtype, chunks, length, reverse)
    if initial is not None:
        first = -1 if reverse else 0
        rows[0][:, first].addcmul_(factors[0][:, first], initial)
    _follow(rows, factors)
    if chunks > 1:
        reach, across = _running_products(decay, factors, drive.dtype, reverse)
        if not math.isfinite(across.to(drive.dtype).abs().amax()):
            return _far_reaching(decay, drive, initial, reverse)
        ends = scan(across, rows[-1], None, reverse)
        _add_entering(cells, reach, ends, reverse)
    return states[:, states.shape[1] - times :] if reverse else states[:, :times]


def _padded(x: Tensor, times: int, reverse: bool) -> Tensor:
    """A copy with `times` times, zero at the new ones, which come last in the order of the recurrence."""
    new = times - x.shape[1]
    padded = x.new_empty((x.shape[0], times, x.shape[2]))
    if new:
        (padded[:, :new] if reverse else padded[:, times - new :]).zero_()
    (padded[:, new:] if reverse else padded[:, : times - new]).copy_(x)
    return padded


def _in_order(x: Sequence[Tensor], reverse: bool) -> Sequence[Tensor]:
    return x[::-1] if reverse else x


def _by_position(decay: Tensor, dtype: torch.dtype, chunks: int, length: int, reverse: bool) -> Sequence[Tensor]:
    """The decays at every position of the chunks, each (D, 1 or chunks, P), in the order of the recurrence."""
    if decay.ndim == 2:
        return (decay.to(dtype).unsqueeze(1),) * length
    if decay.shape[1] != chunks * length:
        decay = _padded(decay, chunks * length, reverse)
    return _in_order(decay.unflatten(1, (chunks, length)).unbind(2), reverse)


def _follow(rows: Sequence[Tensor], factors: Sequence[Tensor]) -> None:
    """row_i += factor_i·row_{i−1}, in place, from the second row on."""
    for row, factor, before in zip(rows[1:], factors[1:], rows[:-1], strict=True):
        row.addcmul_(factor, before)


def _running_products(
    decay: Tensor, factors: Sequence[Tensor], dtype: torch.dtype, reverse: bool
) -> tuple[Tensor, Tensor]:
    """Products of the decays of a chunk up to each position, (D, 1 or chunks, length, P), and over whole chunks.

    The latter are laid out like decay. Powers of a constant are taken in double, so that each is rounded once.
    """
    if decay.ndim == 2:
        wide = decay.to(torch.promote_types(dtype, torch.float64)).unsqueeze(1)
        powers = torch.cumprod(wide.expand(-1, len(factors), -1), 1)
        across = powers[:, -1]
        return (powers.flip(1) if reverse else powers).to(dtype).unsqueeze(1), across
    products = torch.stack(list(_in_order(factors, reverse)), 2)
    rows = _in_order(products.unbind(2), reverse)
    for row, before in zip(rows[1:], rows[:-1], strict=True):
        row.mul_(before)
    return products, rows[-1]


def _add_entering(cells: Tensor, reach: Tensor, ends: Tensor, reverse: bool) -> None:
    """To every chunk but the first: what enters it, times how far it reaches."""
    entered, entering = (cells[:, :-1], ends[:, 1:]) if reverse else (cells[:, 1:], ends[:, :-1])
    if reach.shape[1] > 1:
        reach = reach[:, :-1] if reverse else reach[:, 1:]
    entered.addcmul_(reach, entering.unsqueeze(2))


def _far_reaching(decay: Tensor, drive: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """The recurrence where decays above 1 multiply to infinity, which would spoil a state that is still zero or small.

    Single turns to double, double to one step after the other.
    """
    wide = torch.promote_types(drive.dtype, torch.float64)
    if drive.dtype == wide:
        return scan(decay.to(wide), drive, initial, reverse, chunk=drive.shape[1])
    initial = None if initial is None else initial.to(wide)
    return scan(decay.to(wide), drive.to(wide), initial, reverse).to(drive.dtype)
