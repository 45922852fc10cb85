"""Clocks: when a call has ended, how long the device worked on it, what memory it took, how fast it copies.

At thirty microseconds a kernel, the wall clock of one synchronised call measures Python. On CUDA the device time is
therefore taken from many calls queued one behind the other.
"""

import functools
import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.calls import Calls

QUEUED = 20  # calls in a queue, at least, where one is short
SECONDS = 0.3  # what the repeats of one queue may take together
REPEATS = (3, 11)
HOLDING = 256  # copies that leave room for the calls in the launch queue
COPIED = {"cuda": 2**28, "cpu": 2**27}  # bytes; several caches
MULTIPLIED = {"cuda": 8192, "cpu": 1024}  # rows and columns


@dataclass(frozen=True)
class DeviceTime:
    """Median seconds of one call, and how they were found."""

    seconds: float
    method: str


class NumpyClock:
    """A call has ended when it returns."""

    def __init__(self, device: str):
        self.device = device

    def wait(self, result: object) -> None:
        """Return when the call that gave `result` has ended."""

    def device_time(self, calls: Calls, wall: float) -> DeviceTime | None:
        """The device's own time of a call that takes `wall` seconds in Python; None where the two are one."""
        return None

    def peak_memory(self, call: Callable) -> dict[str, int]:
        """What is known of the memory that the call takes."""
        return {}

    def free_memory(self) -> int:
        """Bytes that are free on the device."""
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def ran_out(self, error: Exception) -> bool:
        """Whether the error says that there is not enough memory."""
        return isinstance(error, MemoryError)

    def copies(self) -> float:
        """Bytes read and written per second in the fastest of several large copies."""
        import numpy as np

        source = np.ones(COPIED[self.device], np.uint8)
        target = np.empty_like(source)
        return 2 * source.nbytes / _least_seconds(lambda: np.copyto(target, source))

    def products(self, dtype: str) -> float:
        """Operations per second in the fastest of several large matrix products; 0 for a dtype without them."""
        import numpy as np

        if dtype not in ("float32", "float64"):
            return 0.0
        size = MULTIPLIED[self.device]
        matrix = np.ones((size, size), dtype)
        return 2 * size**3 / _least_seconds(lambda: matrix @ matrix)


class TorchClock(NumpyClock):
    """`torch.cuda.synchronize` ends a call; CUDA events time a queue of them."""

    def __init__(self, device: str):
        import torch

        super().__init__(device)
        self.torch = torch

    def wait(self, result: object) -> None:
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def device_time(self, calls: Calls, wall: float) -> DeviceTime | None:
        """From events around the queue. Copies hold the device while Python fills the queue, so that the events enclose
        kernels only; where they did not hold it long enough, the method says so."""
        if self.device != "cuda":
            return None
        queue, repeats = _queue(calls, wall, self._room(calls[0]))
        begun = time.perf_counter()
        self._queued(queue, holding=0)
        holding = math.ceil(2 * (time.perf_counter() - begun) * self.copies() / (2 * COPIED[self.device]))
        while True:
            found = [self._queued(queue, min(holding, HOLDING)) for _ in range(repeats)]
            hidden = all(hidden for _, hidden in found)
            if hidden or holding >= HOLDING:
                break
            holding = 2 * holding + 1
        method = "launches hidden" if hidden else "launches included"
        return DeviceTime(statistics.median(seconds for seconds, _ in found), f"CUDA events, {method}")

    def _room(self, call: Callable) -> float:
        """How many results of the call fit into half of the free memory, beside what one call needs at its height."""
        self.wait(call())
        before = self.torch.cuda.memory_allocated()
        self.torch.cuda.reset_peak_memory_stats()
        result = call()
        self.wait(result)
        kept, height = self.torch.cuda.memory_allocated() - before, self.torch.cuda.max_memory_allocated() - before
        del result
        return (self.free_memory() - height) / 2 / max(kept, 1)

    def _queued(self, queue: Calls, holding: int) -> tuple[float, bool]:
        """Device seconds of one call, and whether the queue was full before the device came to it."""
        start, stop = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        for _ in range(holding):
            self._copy()
        start.record()
        # Results stay alive: a call that wrote where the last one did would find its output in the cache.
        results = [call() for call in queue]
        stop.record()
        hidden = not start.query()
        stop.synchronize()
        del results
        return start.elapsed_time(stop) / 1000 / len(queue), hidden

    def peak_memory(self, call: Callable) -> dict[str, int]:
        """Bytes that one call takes beyond what was held before."""
        if self.device != "cuda":
            return {}
        before = self.torch.cuda.memory_allocated()
        self.torch.cuda.reset_peak_memory_stats()
        self.wait(call())
        return {"peak_memory_bytes": self.torch.cuda.max_memory_allocated() - before}

    def free_memory(self) -> int:
        if self.device != "cuda":
            return super().free_memory()
        self.torch.cuda.empty_cache()
        return self.torch.cuda.mem_get_info()[0]

    def ran_out(self, error: Exception) -> bool:
        return isinstance(error, self.torch.OutOfMemoryError)

    @functools.cache  # noqa: B019 - a clock lives as long as the session
    def copies(self) -> float:
        if self.device == "cuda":
            seconds = min(self._queued([self._copy] * QUEUED, holding=0)[0] for _ in range(REPEATS[0]))
        else:
            seconds = _least_seconds(self._copy)
        return 2 * COPIED[self.device] / seconds

    def products(self, dtype: str) -> float:
        size = MULTIPLIED[self.device]
        matrix = self.torch.ones((size, size), dtype=getattr(self.torch, dtype), device=self.device)

        def multiply():
            return matrix @ matrix

        if self.device == "cuda":
            seconds = min(self._queued([multiply] * REPEATS[0], holding=0)[0] for _ in range(REPEATS[0]))
        else:
            seconds = _least_seconds(multiply)
        return 2 * size**3 / seconds

    def _copy(self) -> None:
        target, source = self._buffers
        target.copy_(source)

    @functools.cached_property
    def _buffers(self) -> tuple:
        return tuple(self.torch.ones(COPIED[self.device], dtype=self.torch.uint8, device=self.device) for _ in range(2))


class JaxClock(NumpyClock):
    """`jax.block_until_ready` ends a call; the device time is that of many dispatches in flight, divided."""

    def __init__(self, device: str):
        import jax

        super().__init__(device)
        self.jax = jax

    def wait(self, result: object) -> None:
        self.jax.block_until_ready(result)

    def device_time(self, calls: Calls, wall: float) -> DeviceTime | None:
        if self.device != "cuda":
            return None
        queue, repeats = _queue(calls, wall, self._room(calls[0]))
        seconds = statistics.median(self._in_flight(queue) for _ in range(repeats))
        return DeviceTime(seconds, f"{len(queue)} dispatches in flight")

    def _room(self, call: Callable) -> float:
        """How many results of the call fit into a quarter of the free memory: calls in flight need more than those."""
        kept = sum(x.nbytes for x in self.jax.tree.leaves(call()))
        return self.free_memory() / 4 / max(kept, 1)

    def _in_flight(self, queue: Calls) -> float:
        begun = time.perf_counter()
        self.wait([call() for call in queue])
        return (time.perf_counter() - begun) / len(queue)

    def peak_memory(self, call: Callable) -> dict[str, int]:
        """JAX keeps one peak for the whole process."""
        found = self.jax.devices(self.device)[0].memory_stats() or {}
        return {"process_peak_memory_bytes": found["peak_bytes_in_use"]} if "peak_bytes_in_use" in found else {}

    def free_memory(self) -> int:
        found = self.jax.devices(self.device)[0].memory_stats() or {}
        return found["bytes_limit"] - found["bytes_in_use"] if "bytes_limit" in found else super().free_memory()

    def ran_out(self, error: Exception) -> bool:
        return isinstance(error, self.jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)

    def copies(self) -> float:
        jnp = self.jax.numpy
        array = self.jax.device_put(jnp.ones(COPIED[self.device] // 4, jnp.float32), self.jax.devices(self.device)[0])
        copy = functools.partial(self.jax.jit(jnp.negative), array)
        self.wait(copy())
        return 2 * array.nbytes / min(self._in_flight([copy] * QUEUED) for _ in range(REPEATS[0]))

    def products(self, dtype: str) -> float:
        jnp, size = self.jax.numpy, MULTIPLIED[self.device]
        matrix = self.jax.device_put(jnp.ones((size, size), jnp.dtype(dtype)), self.jax.devices(self.device)[0])
        multiply = functools.partial(self.jax.jit(functools.partial(jnp.matmul, precision="highest")), matrix, matrix)
        self.wait(multiply())
        return 2 * size**3 / min(self._in_flight([multiply] * REPEATS[0]) for _ in range(REPEATS[0]))


@functools.cache
def clock(framework: str, device: str) -> NumpyClock:
    """The clock of a framework on a device, "cpu" or "cuda"."""
    return {"torch": TorchClock, "jax": JaxClock, "numpy": NumpyClock}[framework](device)


def repeats_within(seconds: float, one: float, bounds: tuple[int, int]) -> int:
    """How often to do what takes `one` second, within bounds."""
    return min(max(int(seconds / one), bounds[0]), bounds[1])


def _queue(calls: Calls, wall: float, room: float) -> tuple[Calls, int]:
    """The calls in turn, QUEUED of them or more where that takes little time, and how often to run through them.

    There is room for the results of so many calls: those of a queue are all alive at its end.
    """
    passes = repeats_within(SECONDS, wall * len(calls), (1, math.ceil(QUEUED / len(calls))))
    queue = (calls * passes)[: max(int(room), 1)]
    return queue, repeats_within(SECONDS, wall * len(queue), REPEATS)


def _least_seconds(call: Callable) -> float:
    def one() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    one()
    return min(one() for _ in range(REPEATS[1]))
