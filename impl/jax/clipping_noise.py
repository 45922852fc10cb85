"""Gaussian noise for gradients, a function of a key and of an element's place in the set."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.clipping_arguments import check_set, real_dtype

_WORD = 2**32 - 1
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_BITS = 24  # of a word: what float32 holds exactly


def add_noise(
    gradients: Sequence[Array], key: Array | int, *, scale: float | Array, step: int | Array = 0, decay: float = 0.55
) -> list[Array]:
    """Each element plus σ·(standard normal), σ² = scale²/(1 + step)^decay; a complex one with independent parts.

    key: two 32-bit words, an integer array (2,), or a number of 64 bits. The noise depends on the key and on the place
    of the element in the set, and on nothing else: Box–Muller's of the words of Threefry-2x32. A traced scale or step
    is taken on trust. Raises `TypeError` and `ValueError` for what is no set or no key, and for a scale, step or decay
    that is negative.
    Sources: Neelakantan et al., Adding gradient noise improves learning, 2015; Salmon et al., Random123, 2011.
    """
    check_set(gradients)
    for name, option in (("scale", scale), ("step", step), ("decay", decay)):
        if not isinstance(option, jax.Array) and not 0 <= option < math.inf:
            raise ValueError(f"{name}: expected a finite number ≥ 0, got {option!r}")
    words = _words(key)
    deviation = scale * (1 + step) ** (-decay / 2)
    noisy, place = [], 0
    for gradient in gradients:
        noisy.append(gradient + (deviation * _normal(gradient, words, place)).astype(gradient.dtype))
        place += gradient.size
    return noisy


def _words(key: Array | int) -> tuple[Array, Array]:
    if isinstance(key, int) and not isinstance(key, bool):
        key = jnp.array([key & _WORD, key >> 32 & _WORD], jnp.uint32)
    if not hasattr(key, "dtype") or not jnp.issubdtype(key.dtype, jnp.integer):
        raise TypeError(f"key: expected an integer array (2,) or an int, got {getattr(key, 'dtype', type(key))}")
    if key.shape != (2,):
        raise ValueError(f"key: expected shape (2,), got {key.shape}")
    key = key.astype(jnp.uint32)
    return key[0], key[1]


def _normal(gradient: Array, key: tuple[Array, Array], place: int) -> Array:
    """Standard normals in the shape of the gradient, complex where it is."""
    counter = jnp.arange(gradient.size, dtype=jnp.uint32)
    low = counter + jnp.uint32(place & _WORD)
    high = jnp.uint32(place >> 32) + (low < counter).astype(jnp.uint32)
    first, second = (word >> (32 - _BITS) for word in _threefry(key, low, high))
    real = jnp.result_type(real_dtype(gradient), jnp.float32)
    radius = jnp.sqrt(-2 * jnp.log((first + 1).astype(real) / 2**_BITS)).reshape(gradient.shape)
    angle = (2 * math.pi * (second.astype(real) / 2**_BITS)).reshape(gradient.shape)
    cosine = radius * jnp.cos(angle)
    return jax.lax.complex(cosine, radius * jnp.sin(angle)) if jnp.iscomplexobj(gradient) else cosine


def _threefry(key: tuple[Array, Array], low: Array, high: Array) -> tuple[Array, Array]:
    """Threefry-2x32 with 20 rounds."""
    keys = (*key, key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    first, second = low + keys[0], high + keys[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            first = first + second
            second = (second << rotation | second >> (32 - rotation)) ^ first
        first = first + keys[(block + 1) % 3]
        second = second + keys[(block + 2) % 3] + jnp.uint32(block + 1)
    return first, second
