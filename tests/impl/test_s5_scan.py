"""The S5 scan in PyTorch: what no law calls for."""

import pytest
import torch

from impl.torch import s5
from impl.torch.chunked.s5 import CHUNK


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
