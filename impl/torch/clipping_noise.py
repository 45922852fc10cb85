"""Gaussian noise for gradients, a function of a key and of an element's place in the set."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from impl.torch.clipping_arguments import check_set

_WORD = 2**32 - 1
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_BITS = 24  # of a word: what float32 holds exactly


def add_noise(
    gradients: Sequence[Tensor], key: Tensor | int, *, scale: float, step: int = 0, decay: float = 0.55
) -> list[Tensor]:
    """Each element plus σ·(standard normal), σ² = scale²/(1 + step)^decay; a complex one with independent parts.

    key: two 32-bit words, an integer tensor (2,), or a number of 64 bits. The noise depends on the key and on the place
    of the element in the set, and on nothing else: Box–Muller's of the words of Threefry-2x32. Raises `TypeError` and
    `ValueError` for what is no set or no key, and for a scale, step or decay that is negative.
    Sources: Neelakantan et al., Adding gradient noise improves learning, 2015; Salmon et al., Random123, 2011.
    """
    check_set(gradients)
    for name, option in (("scale", scale), ("step", step), ("decay", decay)):
        if not 0 <= option < math.inf:
            raise ValueError(f"{name}: expected a finite number ≥ 0, got {option!r}")
    words = _words(key, gradients[0].device if gradients else None)
    deviation = scale * (1 + step) ** (-decay / 2)
    noisy, place = [], 0
    for gradient in gradients:
        noisy.append(gradient + deviation * _normal(gradient, words, place))
        place += gradient.numel()
    return noisy


def _words(key: Tensor | int, device: torch.device | None) -> Tensor:
    if isinstance(key, int) and not isinstance(key, bool):
        key = torch.tensor([key & _WORD, key >> 32 & _WORD], device=device)
    if not isinstance(key, Tensor) or key.is_floating_point() or key.is_complex():
        raise TypeError(f"key: expected an integer tensor (2,) or an int, got {getattr(key, 'dtype', type(key))}")
    if key.shape != (2,):
        raise ValueError(f"key: expected shape (2,), got {tuple(key.shape)}")
    return key.to(torch.int64) & _WORD


def _normal(gradient: Tensor, key: Tensor, place: int) -> Tensor:
    """Standard normals like the gradient; half precision gets them rounded."""
    counter = place + torch.arange(gradient.numel(), dtype=torch.int64, device=gradient.device)
    first, second = (word >> (32 - _BITS) for word in _threefry(key, counter & _WORD, counter >> 32))
    real = torch.float64 if gradient.dtype in (torch.float64, torch.complex128) else torch.float32
    radius = torch.sqrt(-2 * torch.log((first + 1).to(real) / 2**_BITS))
    angle = 2 * math.pi * (second.to(real) / 2**_BITS)
    normal = torch.polar(radius, angle) if gradient.is_complex() else radius * torch.cos(angle)
    return normal.reshape(gradient.shape).to(gradient.dtype)


def _threefry(key: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Threefry-2x32 with 20 rounds; words of 32 bits held in int64."""
    keys = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    first, second = (low + keys[0]) & _WORD, (high + keys[1]) & _WORD
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            first = (first + second) & _WORD
            second = ((second << rotation | second >> (32 - rotation)) & _WORD) ^ first
        first = (first + keys[(block + 1) % 3]) & _WORD
        second = (second + keys[(block + 2) % 3] + block + 1) & _WORD
    return first, second
