"""What is timed: kernel, direction, framework, contender and shape; its inputs, and the bytes that it cannot avoid."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.peers import PEERS

FORWARD, BACKWARD, BOTH = "forward", "backward", "forward+backward"
RESOLVENT, DETERMINANT = "tridiagonal.resolvent_diagonal", "tridiagonal.log_determinant"
SHIPPED = "gaugeblock"
DTYPE = "float32"
REAL, COMPLEX = np.dtype(np.float32).itemsize, np.dtype(np.complex64).itemsize

SHAPES = {
    "cuda": ((1024, 4096), (4, 1_048_576), (1, 1_000_000), (16_384, 256), (65_536, 64)),
    "cpu": ((1, 16), (64, 16), (64, 256), (16, 4096), (1, 100_000)),
}
SMOKE_SHAPES = ((1, 16),)
TIMED = ((RESOLVENT, FORWARD), (RESOLVENT, BACKWARD), (RESOLVENT, BOTH), (DETERMINANT, FORWARD))


@dataclass(frozen=True)
class Row:
    """One line of the table. `contender` is SHIPPED or the label of a peer; `shape` is (chains, sites)."""

    kernel: str
    direction: str
    framework: str
    contender: str
    shape: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.job}-{self.framework}-{self.contender}".replace(" ", "_")

    @property
    def job(self) -> str:
        """What contenders share: kernel, direction and shape."""
        chains, sites = self.shape
        return f"{self.kernel} {self.direction} {chains}x{sites}"

    @property
    def bytes_at_least(self) -> int:
        """Each pass reads its inputs once and writes its outputs once: 20 bytes a site forward in single precision,
        for a real H, and 32 backward, whose outputs have the shapes of the inputs."""
        chains, sites = self.shape
        data = chains * ((3 * sites - 2) * REAL + COMPLEX)
        result = COMPLEX * math.prod(self.result_shape)
        forward, backward = data + result, 2 * data + result
        return {FORWARD: forward, BACKWARD: backward, BOTH: forward + backward}[self.direction]

    @property
    def result_shape(self) -> tuple[int, ...]:
        return self.shape if self.kernel == RESOLVENT else self.shape[:1]


def rows(device: str, smoke: bool = False) -> Iterator[Row]:
    """The table for a device, shape by shape, peers first, so that their times are known to what ships here."""
    for shape in SMOKE_SHAPES if smoke else SHAPES[device]:
        for peer in PEERS:
            if device == "cpu" or peer.framework != "numpy":
                yield Row(RESOLVENT, FORWARD, peer.framework, peer.label, shape)
        for framework in ("torch", "jax"):
            for kernel, direction in TIMED:
                yield Row(kernel, direction, framework, SHIPPED, shape)


@functools.lru_cache(maxsize=1)
def input_sets(shape: tuple[int, int], count: int) -> tuple[tuple[np.ndarray, ...], ...]:
    """`count` sets of (main, upper, lower, shift) in single precision: Hermitian H of size about 1, Im z = 1."""
    return tuple(_hermitian_chains(np.random.default_rng(seed), *shape) for seed in range(count))


def cotangent(row: Row, seed: int) -> np.ndarray:
    """The cotangent of a random loss."""
    random = np.random.default_rng((seed, len(row.shape)))
    return _normal(random, *row.result_shape) + np.complex64(1j) * _normal(random, *row.result_shape)


def _hermitian_chains(random: np.random.Generator, chains: int, sites: int) -> tuple[np.ndarray, ...]:
    bonds = _normal(random, chains, sites - 1)
    return 2 * _normal(random, chains, sites), bonds, bonds.copy(), _normal(random, chains) + np.complex64(1j)


def _normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32)
