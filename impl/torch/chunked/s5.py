"""The recurrence x_t = λ_t x_{t−1} + d_t in plain tensor operations, cut into chunks of time, on any device."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Every chunk has this many times, whatever T is: later times never change how earlier ones are computed.
CHUNK = 20


def scan(decay: Tensor, drive: Tensor, initial: Tensor | None, reverse: bool = False, *, chunk: int = CHUNK) -> Tensor:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    The first chunk runs from `initial`, every other one from zero. What enters a chunk, found by the same recurrence
    over the ends of the chunks, is then added times the running product of the decays inside it.

    **Arguments**: decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P) or None for zero; D is 1 or B, and nothing
    is empty. One dtype. **Returns**: (B, T, P).
    """
    decay = decay.resolve_conj()
    wide, bounded = None, False
    if decay.ndim == 2 and drive.shape[1] > chunk:
        wide, bounded = decay.to(torch.promote_types(drive.dtype, torch.float64)), float(decay.abs().amax()) <= 1
    return _in_chunks(decay, wide, drive, initial, reverse, chunk, bounded)


def _in_chunks(
    decay: Tensor, wide: Tensor | None, drive: Tensor, initial: Tensor | None, reverse: bool, chunk: int, bounded: bool
) -> Tensor:
    """The states.

    **Arguments**: wide, a constant decay in double precision, whose powers are therefore rounded once, or None where no
    powers are needed; bounded, whether the decay is known not to exceed 1, so that products of any number are finite.
    """
    batch, times, channels = drive.shape
    length = min(times, chunk)
    chunks = -(-times // length)
    states = _padded(drive, chunks * length - times, reverse)
    cells = states.view(batch, chunks, length, channels)
    rows = _in_order(cells.unbind(2), reverse)
    factors = _by_position(decay, chunks, length, reverse)
    if initial is not None:
        first = -1 if reverse else 0
        rows[0].select(1, first).addcmul_(factors[0].select(1, first), initial)
    _follow(rows, factors)
    if chunks > 1:
        reach, across, wide_across = _products(wide, factors, drive.dtype, reverse)
        if not bounded and not math.isfinite(across.abs().amax()):
            return _far_reaching(decay if wide is None else wide, drive, initial, reverse)
        ends = _in_chunks(across, wide_across, rows[-1], None, reverse, chunk, bounded)
        _add_entering(cells, reach, ends, reverse)
    if states.shape[1] == times:
        return states
    return states.narrow(1, states.shape[1] - times if reverse else 0, times)


def _padded(x: Tensor, new: int, reverse: bool) -> Tensor:
    """A copy with as many new times, zero, which come last in the order of the recurrence."""
    if new:
        return torch.nn.functional.pad(x, (0, 0, new, 0) if reverse else (0, 0, 0, new))
    return x.resolve_conj().clone(memory_format=torch.contiguous_format)


def _in_order(x: Sequence[Tensor], reverse: bool) -> Sequence[Tensor]:
    return x[::-1] if reverse else x


def _by_position(decay: Tensor, chunks: int, length: int, reverse: bool) -> Sequence[Tensor]:
    """The decays at every position of the chunks, each (D, 1 or chunks, P), in the order of the recurrence."""
    if decay.ndim == 2:
        return (decay.unsqueeze(1),) * length
    if decay.shape[1] != chunks * length:
        decay = _padded(decay, chunks * length - decay.shape[1], reverse)
    return _in_order(decay.unflatten(1, (chunks, length)).unbind(2), reverse)


def _follow(rows: Sequence[Tensor], factors: Sequence[Tensor]) -> None:
    """row_i += factor_i·row_{i−1}, in place, from the second row on."""
    for row, factor, before in zip(rows[1:], factors[1:], rows[:-1], strict=True):
        row.addcmul_(factor, before)


def _products(
    wide: Tensor | None, factors: Sequence[Tensor], dtype: torch.dtype, reverse: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Products of the decays of a chunk up to each position, (D, 1 or chunks, length, P), and over whole chunks.

    The latter are laid out like the decay, and come in double too where it does.
    """
    if wide is not None:
        powers = wide.unsqueeze(1).expand(-1, len(factors), -1).cumprod(1)
        reach = (powers.flip(1) if reverse else powers).to(dtype)
        return reach.unsqueeze(1), reach.select(1, 0 if reverse else -1), powers.select(1, -1)
    products = torch.stack(list(_in_order(factors, reverse)), 2)
    rows = _in_order(products.unbind(2), reverse)
    for row, before in zip(rows[1:], rows[:-1], strict=True):
        row.mul_(before)
    return products, rows[-1], None


def _add_entering(cells: Tensor, reach: Tensor, ends: Tensor, reverse: bool) -> None:
    """To every chunk but the first: what enters it, times how far it reaches."""
    later = cells.shape[1] - 1
    here, before = (0, 1) if reverse else (1, 0)
    if reach.shape[1] > 1:
        reach = reach.narrow(1, here, later)
    cells.narrow(1, here, later).addcmul_(reach, ends.narrow(1, before, later).unsqueeze(2))


def _far_reaching(decay: Tensor, drive: Tensor, initial: Tensor | None, reverse: bool) -> Tensor:
    """The recurrence where decays above 1 multiply to infinity, which would spoil a state that is still zero or small.

    Single turns to double, double to one step after the other.
    """
    wide = torch.promote_types(drive.dtype, torch.float64)
    if drive.dtype == wide:
        return scan(decay.to(wide), drive, initial, reverse, chunk=drive.shape[1])
    initial = None if initial is None else initial.to(wide)
    return scan(decay.to(wide), drive.to(wide), initial, reverse).to(drive.dtype)
