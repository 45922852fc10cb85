"""Gaussian noise for gradients, a function of a key and of an element's place in the set."""

import numpy as np

from reference.numbers import like

_WORD = 2**32 - 1
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_BITS = 24  # of a word: what float32 holds exactly


def add_noise(gradients, key, *, scale, step=0, decay=0.55):
    """Each element plus σ·(standard normal), σ² = scale²/(1 + step)^decay; a complex one with independent parts.

    gradients: list of arrays; key: (2,) unsigned 32-bit words → list. The noise of the element at place i of the set,
    arrays one after the other in C order, is Box–Muller's of the two words of Threefry-2x32 with counter i: 24 bits
    each, radius √(−2 log((w₀ + 1)·2⁻²⁴)), angle 2π w₁·2⁻²⁴. Raises ValueError for a negative scale, step or decay.
    Sources: Neelakantan et al., Adding gradient noise improves learning, 2015; Salmon et al., Random123, 2011.
    """
    for name, option in (("scale", scale), ("step", step), ("decay", decay)):
        if not 0 <= option < np.inf:
            raise ValueError(f"{name}: expected a finite number ≥ 0, got {option!r}")
    if np.shape(key) != (2,):
        raise ValueError(f"key: expected shape (2,), got {np.shape(key)}")
    deviation = scale * (1 + step) ** (-decay / 2)
    noisy, place = [], 0
    for gradient in gradients:
        noisy.append(gradient + deviation * _normal(gradient, key, place))
        place += np.size(gradient)
    return noisy


def add_noise_vjp(gradients, key, cotangents, *, scale, step=0, decay=0.55):
    """The cotangents themselves, and nothing for the key."""
    return *cotangents, np.zeros(2)


def _normal(gradient, key, place: int):
    """Standard normals in the shape of the gradient, complex where it is."""
    counter = place + np.arange(np.size(gradient), dtype=np.uint64)
    words = threefry(np.asarray(key, np.uint64), counter & _WORD, counter >> np.uint64(32))
    radius_word, angle_word = (np.reshape(word >> np.uint64(32 - _BITS), np.shape(gradient)) for word in words)
    radius = np.sqrt(-2 * np.log(like(gradient, (radius_word + 1) / 2**_BITS)))
    angle = 2 * np.pi * like(gradient, angle_word / 2**_BITS)
    real = radius * np.cos(angle)
    return real + 1j * (radius * np.sin(angle)) if np.iscomplexobj(gradient) else real


def threefry(key, low, high):
    """Threefry-2x32 with 20 rounds: two words (…) for counters (low, high), as uint64."""
    keys = (key[0] & _WORD, key[1] & _WORD, (key[0] ^ key[1] ^ np.uint64(_PARITY)) & _WORD)
    first, second = (low + keys[0]) & _WORD, (high + keys[1]) & _WORD
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            first = (first + second) & _WORD
            second = ((second << np.uint64(rotation)) | (second >> np.uint64(32 - rotation))) & _WORD
            second = second ^ first
        first = (first + keys[(block + 1) % 3]) & _WORD
        second = (second + keys[(block + 2) % 3] + np.uint64(block + 1)) & _WORD
    return first, second
