"""What is timed: a job, its contenders, and the rows that they make."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from properties.case import Case
from properties.law import Law
from properties.systems import all_kernels

FORWARD, BACKWARD, BOTH = "forward", "backward", "forward+backward"
SHIPPED = "gaugeblock"
SMOKE = "smoke"
REAL, COMPLEX = np.dtype(np.float32).itemsize, np.dtype(np.complex64).itemsize

Shape = tuple[int, ...]
Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Peer:
    """Another way to do the job, or a part of it.

    - judged: address of a function with the kernel's signature that is gated. - timed: what is timed instead; part:
    that is only a part of the job. - unsound: a library known to break a law elsewhere in its contract, on inputs
    unlike the timed ones; its row says which. - too_much(shape, free bytes): why a shape is not for it; empty if it
    is. - library: whether its errors are a library's, and not ours. - requires: the package that it needs.
    """

    label: str
    framework: str
    judged: str
    timed: Callable | None = None
    too_much: Callable[[Shape, int], str] = lambda shape, memory: ""
    library: bool = True
    part: bool = False
    unsound: bool = False
    directions: tuple[str, ...] = (FORWARD,)
    requires: str = ""
    devices: tuple[str, ...] = ("cpu", "cuda")


@dataclass(frozen=True, eq=False)
class Job:
    """A kernel to be timed.

    - axes, shapes: what the numbers of a shape are called; the shapes timed on "cuda" and "cpu", and a small one for a
    SMOKE run. - draw, cotangents(random, shape): input arrays, and one cotangent for each differentiable output.
    - bytes_at_least, flops_at_least(direction, shape): what no implementation can avoid. - judged(dtype): the cases of
    the gate, in one shape and of the kinds that are timed, to compile once. - laws(shape): what the gate asks beside
    values and gradients. - timed: what is timed of the shipped kernel in a framework, if not the function that is
    judged. - label: what tells a job from others of its kernel.
    """

    kernel: str
    directions: tuple[str, ...]
    axes: tuple[str, ...]
    shapes: Mapping[str, tuple[Shape, ...]]
    draw: Callable[[np.random.Generator, Shape], Arrays]
    cotangents: Callable[[np.random.Generator, Shape], Arrays]
    bytes_at_least: Callable[[str, Shape], int]
    judged: Callable[[str], SearchStrategy[Case]]
    peers: tuple[Peer, ...] = ()
    laws: Callable[[Shape], tuple[Law, ...]] = lambda shape: ()
    flops_at_least: Callable[[str, Shape], int] = lambda direction, shape: 0
    dtype: str = "float32"
    options: Mapping[str, Any] = field(default_factory=dict)
    frameworks: tuple[str, ...] = ("torch", "jax")
    timed: Mapping[str, Callable] = field(default_factory=dict)
    label: str = ""

    def __repr__(self) -> str:
        return f"Job({self.kernel}, {self.dtype} {self.label})"

    def peer(self, framework: str, label: str) -> Peer | None:
        return next((p for p in self.peers if (p.framework, p.label) == (framework, label)), None)


@dataclass(frozen=True)
class Row:
    """One line of the table. `contender` is SHIPPED or the label of a peer."""

    job: Job
    direction: str
    framework: str
    contender: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.contest}-{self.framework}-{self.contender}".replace(" ", "_")

    @property
    def kernel(self) -> str:
        return self.job.kernel

    @property
    def sizes(self) -> str:
        named = zip(self.job.axes, self.shape, strict=True)
        options = "".join(f" {name}={value}" for name, value in self.job.options.items())
        return " ".join(f"{name}{size}" for name, size in named) + options + f" {self.job.label}".rstrip()

    @property
    def contest(self) -> str:
        """What contenders share: kernel, direction, dtype and sizes."""
        return f"{self.kernel} {self.direction} {self.job.dtype} {self.sizes}"

    @property
    def peer(self) -> Peer | None:
        return self.job.peer(self.framework, self.contender)

    def timed(self, judged: Callable) -> Callable:
        """What is timed, given the function that is judged."""
        own = self.job.timed.get(self.framework) if self.contender == SHIPPED else self.peer and self.peer.timed
        return own or judged

    @property
    def bytes_at_least(self) -> int:
        return self.job.bytes_at_least(self.direction, self.shape)

    @property
    def flops_at_least(self) -> int:
        return self.job.flops_at_least(self.direction, self.shape)


def jobs() -> Iterator[Job]:
    """The jobs of every system that has a module or package of its name in this folder."""
    home = Path(__file__).parent
    for system in dict.fromkeys(kernel.system for kernel in all_kernels()):
        if (home / system).is_dir() or (home / f"{system}.py").is_file():
            yield from importlib.import_module(f"tests.benchmarks.{system}").JOBS


def rows(device: str, smoke: bool = False) -> Iterator[Row]:
    """The table for a device, contest by contest, peers first, so that their times are known to what ships here."""
    for job in jobs():
        for shape in job.shapes[SMOKE if smoke else device]:
            for direction in job.directions:
                for peer in job.peers:
                    if (
                        direction in peer.directions
                        and device in peer.devices
                        and not (device == "cuda" and peer.framework == "numpy")
                    ):
                        yield Row(job, direction, peer.framework, peer.label, shape)
                for framework in job.frameworks:
                    yield Row(job, direction, framework, SHIPPED, shape)


def normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32)


def complex_normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return normal(random, *shape) + np.complex64(1j) * normal(random, *shape)
