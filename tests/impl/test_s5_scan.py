"""The S5 scan in PyTorch: what no law calls for."""

import pytest
import torch

from impl.torch import s5
from impl.torch.chunked import s5 as chunked
from impl.torch.chunked import s5_sums
from impl.torch.chunked.s5 import ACROSS, CHUNK
from impl.torch.chunked.s5_sums import LENGTH


@pytest.mark.parametrize("times", [CHUNK - 1, CHUNK, 2 * CHUNK + 3])
@pytest.mark.parametrize("varying", [False, True])
def test_many_cotangents_at_once_give_the_gradients_of_one_after_the_other(times, varying):
    draw = torch.Generator().manual_seed(times)
    arrays = [
        torch.randn(shape, generator=draw, dtype=torch.complex128, requires_grad=True)
        for shape in ((times, 2) if varying else (2,), (times, 2), (2,))
    ]
    states = s5.scan(arrays[0] / 2, *arrays[1:])
    cotangents = torch.randn((3, *states.shape), generator=draw, dtype=states.dtype)

    def gradients(cotangent, **options):
        return torch.autograd.grad(states, arrays, cotangent, retain_graph=True, **options)

    together = gradients(cotangents, is_grads_batched=True)
    apart = zip(*(gradients(cotangent) for cotangent in cotangents), strict=True)
    for found, expected in zip(together, apart, strict=True):
        torch.testing.assert_close(found, torch.stack(expected))


def _drawn(times, dtype, varying=False):
    draw = torch.Generator().manual_seed(times)
    shapes = (2, times, 3) if varying else (2, 3), (2, times, 3), (2, 3)
    decay, drive, initial = (torch.randn(shape, generator=draw, dtype=dtype) for shape in shapes)
    return decay / (decay.abs() + 0.1), drive, initial


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("times", [CHUNK * ACROSS, CHUNK * ACROSS + 1, CHUNK * ACROSS**2 + 1])
def test_chunks_of_chunks_give_the_states_of_one_step_after_the_other(times, varying, reverse):
    arrays = _drawn(times, torch.complex128, varying)
    steps = chunked.scan(*arrays, reverse, chunk=times)
    torch.testing.assert_close(chunked.scan(*arrays, reverse), steps)


# Units of roundoff in a term of a sum: a power, a quotient, two products, the sum, the state; and in a chunk that it
# crosses: the power, the product, the sum.
OWN, CROSSING = 12, 6


def _slow(times, dtype):
    """Constant decays that a whole chunk does not make tiny."""
    decay, drive, initial = _drawn(times, dtype)
    turn = decay[:1].sgn()
    return turn * (1 - decay[:1].abs() / 5), drive, initial


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
@pytest.mark.parametrize("times", [CHUNK + 1, LENGTH, LENGTH + 1, 2 * LENGTH + 3])
def test_sums_are_the_recurrence_to_some_units_of_the_sum_of_moduli(times, dtype, reverse):
    arrays = _slow(times, dtype)
    exact = chunked.scan(*(x.to(torch.promote_types(dtype, torch.float64)) for x in arrays), reverse)
    moduli = chunked.scan(*(x.abs().double() for x in arrays), reverse)
    units = OWN + CROSSING * (times // LENGTH)
    found = s5_sums.scan(*arrays, reverse)
    assert torch.all((found - exact).abs() <= units * torch.finfo(dtype).eps / 2 * moduli)


def test_sums_give_the_first_drive_after_rest_as_it_is():
    decay, drive, initial = _slow(LENGTH + 1, torch.complex64)
    drive[:, : LENGTH // 2] = 0
    states = s5_sums.scan(decay, drive, 0 * initial)
    assert torch.equal(states[:, : LENGTH // 2 + 1], drive[:, : LENGTH // 2 + 1])


@pytest.mark.parametrize("far", [0, 2.0**-20, 2.0**20, torch.nan])
def test_decays_whose_powers_leave_single_precision_do_not_become_sums(far):
    decay, drive, initial = _slow(LENGTH, torch.float32)
    decay[:, 1] = far
    drive[..., 1] = initial[..., 1] = 0
    assert s5_sums.scan(decay, drive, initial) is None
    others = chunked.scan(decay[:, [0, 2]], drive[..., [0, 2]], initial[:, [0, 2]])
    torch.testing.assert_close(chunked.scan(decay, drive, initial)[..., [0, 2]], others)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_sum_that_overflows_although_no_state_does_is_left_to_the_recurrence(reverse):
    decay, drive, initial = _slow(LENGTH, torch.complex64)
    decay, huge = decay.sgn() * 0.75, 2.0**120
    assert s5_sums.scan(decay, drive, initial, reverse) is not None
    assert s5_sums.scan(decay, drive * huge, initial * huge, reverse) is None
    states = chunked.scan(decay, drive * huge, initial * huge, reverse)
    torch.testing.assert_close(states / huge, chunked.scan(decay, drive, initial, reverse))
