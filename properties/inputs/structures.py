"""Filling arrays: Hypothesis draws structure, scale and seed; NumPy fills."""

from collections.abc import Callable

import numpy as np

Structure = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.normal(size=shape)


def few_valued(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Three values only: equal terms round alike, so errors add up instead of averaging out."""
    return random.integers(-1, 2, size=shape) * random.uniform(0.5, 1)


def constant(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """One value: what hides an index off by one, and makes sums drift."""
    return np.full(shape, random.normal())


def alternating(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.abs(random.normal(size=shape)) * (-1.0) ** _position(shape)


def cancelling(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Neighbours that cancel but for their last digits."""
    drawn = random.normal(size=shape)
    if shape and shape[-1] > 1:
        half = drawn[..., 1::2].shape[-1]
        drawn[..., 1::2] = -drawn[..., : 2 * half : 2] * (1 + random.normal() * 2.0**-16)
    return drawn


def increasing(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.sort(random.normal(size=shape), axis=-1) if shape else random.normal(size=shape)


def graded(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Magnitudes that run over five decades from one end to the other."""
    if not shape:
        return random.normal(size=shape)
    return random.normal(size=shape) * np.exp(np.linspace(-8, 4, max(shape[-1], 1)))


def sparse(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Exact zeros among ordinary values."""
    return random.normal(size=shape) * (random.random(size=shape) < 0.5)


STRUCTURES: dict[str, Structure] = {
    function.__name__: function
    for function in (normal, few_valued, constant, alternating, cancelling, increasing, graded, sparse)
}


def fill(random: np.random.Generator, shape: tuple[int, ...], structure: str, is_complex: bool = False) -> np.ndarray:
    """An array of that structure, in magnitude about 1; a complex one has independent parts of the same structure."""
    real = STRUCTURES[structure](random, shape)
    return real + 1j * STRUCTURES[structure](random, shape) if is_complex else real


def _position(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(shape[-1]) if shape else np.zeros(())
