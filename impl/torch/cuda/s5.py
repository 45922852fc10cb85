"""The scan of the s5 row on CUDA: flat arrays handed to the Triton kernels."""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from impl.triton import s5 as kernels

__all__ = ["scan", "scan_vjp"]

_DTYPE = {torch.float32: tl.float32, torch.float64: tl.float64}


class Plan(NamedTuple):
    """How a scan is dealt out: a program holds lanes_of_chunks × lanes_of_channels lanes, a lane `length` times."""

    length: int
    chunks: int
    lanes_of_chunks: int
    lanes_of_channels: int
    warps: int


def plan(rows: int, times: int, channels: int) -> Plan:
    """Enough lanes to fill the GPU, 1024 for each of 132 multiprocessors, and near √T times each.

    Thus the ends of the chunks of 10⁶ times need one more level, and of 10⁴ times none.
    """
    if times <= 64:
        length = _power_of_two_above(times)
    else:
        wanted = max(rows * times * channels // 2**17, round(times**0.5))
        length = min(max(_power_of_two_above(wanted), 16), 256)
    lanes_of_channels = min(_power_of_two_above(channels), 64)
    chunks = -(-times // length)
    lanes_of_chunks = min(64 // lanes_of_channels, _power_of_two_above(chunks))
    return Plan(length, chunks, lanes_of_chunks, lanes_of_channels, max(lanes_of_chunks * lanes_of_channels // 32, 1))


def _power_of_two_above(count: int) -> int:
    return 1 << max(count - 1, 0).bit_length()


def scan(decay: Tensor, drive: Tensor, initial: Tensor, reverse: bool = False) -> Tensor:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P), one dtype, D is 1 or B → (B, T, P).
    """
    return _Scan(decay, reverse=reverse).states(_plain(drive), _plain(initial))


def scan_vjp(decay: Tensor, states: Tensor, initial: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of decay, drive and initial of a forward scan, in the convention ∂L/∂a + i ∂L/∂b."""
    adjoint = _Scan(decay, reverse=True, conjugate=True, shift=True)
    return adjoint.gradients(_plain(states), _plain(initial), _plain(cotangent))


class _Scan:
    """One level: decays, raised to 2^squarings where constant, and the order of the recurrence."""

    def __init__(
        self, decay: Tensor, *, squarings: int = 0, reverse: bool = False, conjugate: bool = False, shift: bool = False,
        across: bool = False,
    ):  # fmt: skip
        self.decay = _plain(decay)
        self.varying = decay.ndim == 3
        self.squarings, self.across = squarings, across
        self.reverse, self.conjugate, self.shift = reverse, conjugate, shift

    def states(self, drive: Tensor, initial: Tensor) -> Tensor:
        dealt = plan(*drive.shape)
        carried = self._carried(dealt, drive, initial)
        states = torch.empty_like(drive)
        kernels.chunk_states[_grid(dealt, drive)](
            _numbers(self.decay), _numbers(drive), _numbers(initial), _numbers(carried), _numbers(states),
            *drive.shape[1:], dealt.chunks, dealt.length, self.squarings, self._row(), 0, 0, 0, 0,
            VARYING=self.varying, REVERSE=self.reverse, REST=False, CARRY=dealt.chunks > 1, ACROSS=self.across,
            CONJUGATE=self.conjugate, **_options(dealt, drive),
        )  # fmt: skip
        return states

    def gradients(self, states: Tensor, initial: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        dealt = plan(*cotangent.shape)
        rows, times, channels = cotangent.shape
        carried = self._carried(dealt, cotangent, torch.zeros_like(initial))
        flow = torch.empty_like(cotangent)
        terms = cotangent.new_empty((rows, times if self.varying else dealt.chunks, channels))
        kernels.chunk_gradients[_grid(dealt, cotangent)](
            _numbers(self.decay), _numbers(cotangent), _numbers(states), _numbers(initial), _numbers(carried),
            _numbers(flow), _numbers(terms),
            times, channels, dealt.chunks, dealt.length, self._row(), 0, 0, 0, 0, 0,
            VARYING=self.varying, CARRY=dealt.chunks > 1, CONJUGATE=self.conjugate, **_options(dealt, cotangent),
        )  # fmt: skip
        on_decay = terms if self.varying else terms.sum(1)
        first = self.decay[:, 0] if self.varying else self.decay
        return on_decay.unflatten(0, (self.decay.shape[0], -1)).sum(1), flow, flow[:, 0] * first.conj()

    def _carried(self, dealt: Plan, drive: Tensor, initial: Tensor) -> Tensor:
        """What leaves each chunk (B, chunks, P), in double; anything where there is one chunk only."""
        if dealt.chunks == 1:
            return initial
        wide = torch.promote_types(drive.dtype, torch.float64)
        shape = (drive.shape[0], dealt.chunks, drive.shape[2])
        ends, products = torch.empty((2, *shape), dtype=wide, device=drive.device)
        kernels.chunk_ends[_grid(dealt, drive)](
            _numbers(self.decay), _numbers(drive), _numbers(ends), _numbers(products),
            *drive.shape[1:], dealt.chunks, dealt.length, self.squarings, self._row(), 0, 0, 0, 0,
            VARYING=self.varying, REVERSE=self.reverse, CONJUGATE=self.conjugate, SHIFT=self.shift and self.varying,
            ACROSS=self.across, **_options(dealt, drive),
        )  # fmt: skip
        if self.varying:
            above = _Scan(products, across=True)
        else:
            squarings = self.squarings + dealt.length.bit_length() - 1
            above = _Scan(self.decay, squarings=squarings, conjugate=self.conjugate, across=True)
        return above.states(ends, initial)

    def _row(self) -> int:
        return self.decay.stride(0) if self.decay.shape[0] > 1 else 0


def _plain(x: Tensor) -> Tensor:
    return x.resolve_conj().resolve_neg().contiguous()


def _numbers(x: Tensor) -> Tensor:
    return torch.view_as_real(x) if x.is_complex() else x


def _grid(dealt: Plan, drive: Tensor) -> tuple[int]:
    across = triton.cdiv(drive.shape[2], dealt.lanes_of_channels)
    return (drive.shape[0] * triton.cdiv(dealt.chunks, dealt.lanes_of_chunks) * across,)


def _options(dealt: Plan, drive: Tensor) -> dict:
    return {
        "KIND": "pairs" if drive.is_complex() else "real", "DTYPE": _DTYPE[drive.dtype.to_real()],
        "UNROLL": min(dealt.length, 8), "CHUNKS": dealt.lanes_of_chunks, "CHANNELS": dealt.lanes_of_channels,
        "num_warps": dealt.warps,
    }  # fmt: skip
