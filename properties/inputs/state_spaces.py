"""Filling diagonal state spaces: decays, eigenvalues, steps, sequences. Hypothesis draws the kinds, NumPy fills."""

from collections.abc import Callable

import numpy as np

from properties.inputs.structures import fill

Random = np.random.Generator
Shape = tuple[int, ...]

MODULI: dict[str, Callable[[Random, Shape], np.ndarray]] = {
    "contracting": lambda random, shape: random.uniform(0, 1, shape),
    "unit": lambda random, shape: np.ones(shape),
    "slow": lambda random, shape: 1 - 2.0 ** random.uniform(-14, -4, shape),
    "fast": lambda random, shape: 2.0 ** random.uniform(-20, -3, shape),
    "some zero": lambda random, shape: random.uniform(0, 1, shape) * (random.random(shape) < 0.5),
    "growing": lambda random, shape: 1 + 2.0 ** random.uniform(-10, -6, shape),
}
PHASES: dict[str, Callable[[Random, Shape], np.ndarray]] = {
    "turning": lambda random, shape: np.exp(1j * random.uniform(-np.pi, np.pi, shape)),
    "hardly turning": lambda random, shape: np.exp(1j * 2.0 ** random.uniform(-10, -2, shape)),
    "positive": lambda random, shape: np.ones(shape),
    "alternating": lambda random, shape: -np.ones(shape),
}
REAL_PARTS: dict[str, Callable[[Random, int], np.ndarray]] = {
    "hippo": lambda random, size: np.full(size, -0.5),
    "damped": lambda random, size: -random.uniform(0.125, 2, size),
    "slow": lambda random, size: -(2.0 ** random.uniform(-12, -4, size)),
    "fast": lambda random, size: -random.uniform(4, 32, size),
    "undamped": lambda random, size: np.zeros(size),
    "growing": lambda random, size: 2.0 ** random.uniform(-8, -4, size),
}
FREQUENCIES: dict[str, Callable[[Random, int], np.ndarray]] = {
    "drawn": lambda random, size: 4 * random.normal(size=size),
    "ladder": lambda random, size: np.pi * np.arange(1, size + 1),
    "few": lambda random, size: random.integers(-1, 2, size) * 2.0,
    "zero": lambda random, size: np.zeros(size),
}
STEPS: dict[str, tuple[int, int]] = {"usual": (-10, 0), "tiny": (-24, -12), "long": (-1, 2)}  # log₂ Δ


def decays(random: Random, shape: Shape, modulus: str, phase: str, is_complex: bool = True) -> np.ndarray:
    """|λ| and λ/|λ| by kind; a real decay keeps the sign of the real part."""
    turn = PHASES[phase](random, shape)
    return MODULI[modulus](random, shape) * (turn + 0j if is_complex else np.where(np.real(turn) < 0, -1.0, 1.0))


def eigenvalues(random: Random, size: int, real_part: str, frequency: str) -> np.ndarray:
    return REAL_PARTS[real_part](random, size) + 1j * FREQUENCIES[frequency](random, size)


def steps(random: Random, size: int, kind: str) -> np.ndarray:
    """Log-uniform."""
    return 2.0 ** random.uniform(*STEPS[kind], size)


def sequence(random: Random, shape: Shape, structure: str, is_complex: bool) -> np.ndarray:
    """(…, T, size) with the structure along time."""
    *batch, times, size = shape
    return np.swapaxes(fill(random, (*batch, size, times), structure, is_complex), -1, -2)


def state(random: Random, shape: Shape) -> np.ndarray:
    return random.normal(size=shape) + 1j * random.normal(size=shape)
