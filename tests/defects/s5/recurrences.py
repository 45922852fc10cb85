"""Wrong scans."""

import torch
from torch.autograd import Function

from tests.defects.defect import defect, defects_in
from tests.defects.s5.honest import advance, scan

SCAN = "s5.scan"
CHUNK = 16


@defect(SCAN)
def state_ignored(decay, drive, initial):
    """The initial state counts for one time only; a longer sequence starts from rest (Valkyrie)."""
    return scan(decay, drive, initial if drive.shape[-2] == 1 else 0 * initial)


@defect(SCAN)
def carry_dropped(decay, drive, initial):
    """Every chunk of 16 times starts from rest."""
    return scan(decay, drive, initial, advance=_at_seams(lambda rate, state, drive: 0 * state + drive))


@defect(SCAN)
def carry_not_decayed(decay, drive, initial):
    """What enters a chunk is added as it is."""
    return scan(decay, drive, initial, advance=_at_seams(lambda rate, state, drive: state + drive))


@defect(SCAN)
def carry_decayed_twice(decay, drive, initial):
    """What enters a chunk is decayed by the chunk before and once more."""
    return scan(decay, drive, initial, advance=_at_seams(lambda rate, state, drive: rate * rate * state + drive))


def _at_seams(wrong):
    return lambda rate, state, drive, time: (
        wrong(rate, state, drive) if time and time % CHUNK == 0 else advance(rate, state, drive, time)
    )


@defect(SCAN)
def carry_conjugated(decay, drive, initial):
    """Decays between chunks are conjugated."""
    return scan(decay, drive, initial, advance=_at_seams(lambda rate, state, drive: rate.conj() * state + drive))


@defect(SCAN)
def power_of_two_times(decay, drive, initial):
    """Times beyond the largest power of two are left at the last state before them."""
    times = drive.shape[-2]
    whole = 1 << max(times.bit_length() - 1, 0)
    kept = scan(decay[..., :whole, :] if decay.ndim > 1 else decay, drive[..., :whole, :], initial)
    return torch.cat([kept, kept[..., -1:, :].expand(*kept.shape[:-2], times - whole, -1)], -2) if times else kept


@defect(SCAN)
def decay_of_the_time_before(decay, drive, initial):
    """A decay that varies is read one time late: constant test data hide it."""
    return scan(decay if decay.ndim == 1 else decay.roll(1, -2), drive, initial)


@defect(SCAN)
def first_rows_decay_for_all(decay, drive, initial):
    """Every row of the batch decays like the first."""
    own = decay[(0,) * (decay.ndim - 2)] if decay.ndim > 2 else decay
    return scan(own.expand(decay.shape), drive, initial)


@defect(SCAN)
def drive_decayed_too(decay, drive, initial):
    """x_t = λ (x_{t−1} + b_t)."""
    return scan(decay, drive, initial, advance=lambda rate, state, drive, time: rate * (state + drive))


@defect(SCAN)
def states_one_late(decay, drive, initial):
    """x_{t−1} handed out as x_t."""
    states = scan(decay, drive, initial)
    first = initial.unsqueeze(-2).expand(*states.shape[:-2], 1, -1)
    return torch.cat([first, states[..., :-1, :]], -2) if states.shape[-2] else states


@defect(SCAN)
def decay_clamped(decay, drive, initial):
    """|λ| is kept below 0.999: "for stability"."""
    return scan(decay * torch.clamp(0.999 / decay.abs(), max=1), drive, initial)


@defect(SCAN)
def carries_in_bfloat16(decay, drive, initial):
    """What goes from chunk to chunk is rounded to bfloat16."""
    return scan(decay, drive, initial, advance=_at_seams(lambda rate, x, drive: rate * _rounded(x) + drive))


def _rounded(x):
    if x.is_complex():
        return torch.complex(*(part.to(torch.bfloat16).to(part.dtype) for part in (x.real, x.imag)))
    return x.to(torch.bfloat16).to(x.dtype)


@defect(SCAN)
def powers_by_logarithm(decay, drive, initial):
    """x_t = Σ λ^{t−s} b_s from powers e^{t log λ} in single precision, divided and summed: no decay survives it."""
    if decay.ndim > 1 or not drive.shape[-2]:
        return scan(decay, drive, initial)
    powers = decay ** torch.arange(1, drive.shape[-2] + 1).unsqueeze(-1)
    return powers * (initial.unsqueeze(-2) + (drive / powers).cumsum(-2))


@defect(SCAN, dtype="float64")
def last_carry_in_float32(decay, drive, initial):
    """In double precision, one state of the middle of the sequence goes through single precision."""
    narrow = torch.complex64 if torch.promote_types(drive.dtype, initial.dtype).is_complex else torch.float32
    middle = drive.shape[-2] // 2

    def step(rate, state, drive, time):
        state = state.to(narrow).to(state.dtype) if time == middle else state
        return advance(rate, state, drive, time)

    return scan(decay, drive, initial, advance=step)


class _Followed(Function):
    """An array whose gradient goes through `change`."""

    @staticmethod
    def forward(ctx, array, change):
        ctx.change = change
        return array.clone()

    @staticmethod
    def backward(ctx, cotangent):
        return ctx.change(cotangent), None


def followed(array, change):
    return _Followed.apply(array, change)


@defect(SCAN)
def decay_gradient_not_conjugated(decay, drive, initial):
    """∂λ = Σ g x instead of Σ g x̄."""
    return scan(followed(decay, lambda g: g.conj().resolve_conj()), drive, initial)


@defect(SCAN)
def adjoint_not_conjugated(decay, drive, initial):
    """The adjoint recurrence decays with λ where it should with λ̄; values are right."""
    states = scan(decay.detach(), drive.detach(), initial.detach())
    through = scan(decay.detach().conj(), drive, initial)
    by_decay = scan(decay, drive.detach(), initial.detach())
    return states + (through - through.detach()) + (by_decay - by_decay.detach())


@defect(SCAN)
def decay_gradient_of_the_same_time(decay, drive, initial):
    """∂λ = Σ g_t conj(x_t): the state after the step for the one before it."""

    def step(rate, state, drive, time):
        after = advance(rate, state, drive, time)
        slope = (rate - rate.detach()) * after.detach()
        return rate.detach() * state + drive + slope

    return scan(decay, drive, initial, advance=step)


@defect(SCAN)
def last_time_forgotten_in_the_gradient(decay, drive, initial):
    """The drive of the last time gets no gradient."""
    keep = torch.arange(drive.shape[-2]).unsqueeze(-1) < drive.shape[-2] - 1
    return scan(decay, torch.where(keep, drive, drive.detach()), initial)


@defect(SCAN)
def initial_gradient_missing(decay, drive, initial):
    """No gradient reaches the initial state."""
    return scan(decay, drive, initial.detach())


@defect(SCAN)
def initial_gradient_of_the_first_row(decay, drive, initial):
    """A state that is shared by the batch gets the gradient of one row's use of it, not the sum over all."""
    rows = torch.broadcast_shapes(drive.shape[:-2], decay.shape[:-2] if decay.ndim > 1 else ())
    shared = initial.expand(*torch.broadcast_shapes(rows, initial.shape[:-1]), -1)
    first = torch.zeros(shared.shape[:-1], dtype=torch.bool)
    first[(0,) * first.ndim] = True
    return scan(decay, drive, torch.where(first.unsqueeze(-1), shared, shared.detach()))


@defect(SCAN)
def state_left_behind(decay, drive, initial):
    """The state at the end is kept for the next call."""
    if _LEFT.setdefault("calls", 0):
        initial = initial + 2.0**-8 * _LEFT["state"]
    states = scan(decay, drive, initial)
    _LEFT.update(calls=1, state=states.detach().mean() if states.numel() else 0)
    return states


_LEFT: dict = {}
DEFECTS = defects_in(globals().values())
HONEST = {SCAN: scan}
