"""The table: what was measured of each row, its share of the machine's limit, its ratio to the peers of the run."""

from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.clocks import DeviceTime
from tests.benchmarks.job import SHIPPED, Row
from tests.benchmarks.machine import Machine

MARK = "*"
TOLD = "told"  # what a row's report says of it while the others run
HEADER = ("kernel", "direction", "shape", "framework", "contender", "wall", "device", "limit", "times as long")


@dataclass(frozen=True)
class Measurement:
    """A row's median wall time of one synchronised call and, on CUDA, its device time; `sets` input sets took turns.

    `part`: what was timed is only a part of the row's job, a lower bound. `verdict`: what the contender gets wrong on
    inputs unlike the timed ones.
    """

    row: Row
    wall: float
    device_time: DeviceTime | None
    machine: Machine
    sets: int
    part: bool
    memory: dict[str, int]
    versions: dict[str, str]
    verdict: str = ""

    @property
    def seconds(self) -> float:
        return self.device_time.seconds if self.device_time else self.wall

    @property
    def limit(self) -> float:
        """Seconds that the machine needs for the bytes, or for the products, whichever takes longer."""
        row = self.row
        products = row.flops_at_least / self.machine.products(row.job.dtype) if row.flops_at_least else 0.0
        return max(row.bytes_at_least / self.machine.bandwidth, products)

    @property
    def resident(self) -> bool:
        """Whether all input sets fit into the cache, so that the limit is no limit."""
        return self.sets * self.row.bytes_at_least <= self.machine.cache

    def record(self) -> dict[str, Any]:
        """What the JSON keeps beside the wall times."""
        device = self.device_time
        return {
            "kernel": self.row.kernel,
            "direction": self.row.direction,
            "framework": self.row.framework,
            "contender": self.row.contender,
            "dtype": self.row.job.dtype,
            "shape": dict(zip(self.row.job.axes, self.row.shape, strict=True)),
            "options": dict(self.row.job.options),
            "wall_seconds": self.wall,
            "device_seconds": device.seconds if device else None,
            "device_time": device.method if device else None,
            "bytes_at_least": self.row.bytes_at_least,
            "flops_at_least": self.row.flops_at_least,
            "copy_bandwidth_bytes_per_second": self.machine.bandwidth,
            "products_per_second": self.machine.products(self.row.job.dtype) if self.row.flops_at_least else None,
            "limit_seconds": self.limit,
            "share_of_limit": self.limit / self.seconds,
            "part_of_the_job": self.part,
            "verdict": self.verdict,
            "input_sets": self.sets,
            "inputs_fit_the_cache": self.resident,
            "peak_memory_bytes": None,
            **self.memory,
            "device": self.machine.name,
            "versions": self.versions,
        }


@dataclass
class Table:
    """The measurements of a session in their order."""

    measurements: list[Measurement] = field(default_factory=list)

    def add(self, measured: Measurement) -> dict[str, Any]:
        """Keep it; returns its record, with the peers met so far on the same job."""
        self.measurements.append(measured)
        return measured.record() | {"peers": self.peers(measured)}

    def last(self) -> str:
        """What was measured last, in a few words."""
        *_, wall, device, share, ratios = self._cells(self.measurements[-1])
        return ", ".join(filter(None, (device or wall, share, ratios)))

    def peers(self, measured: Measurement) -> dict[str, dict[str, float]]:
        """Each peer's median seconds and how many times as long it takes; none for a peer itself."""
        if measured.row.contender != SHIPPED:
            return {}
        return {
            other.row.contender: {"seconds": other.seconds, "ratio": other.seconds / measured.seconds}
            for other in self.measurements
            if other.row.contest == measured.row.contest and other.row.contender != SHIPPED
        }

    def lines(self) -> list[str]:
        table = [HEADER, *map(self._cells, self.measurements)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]

    def verdicts(self) -> list[str]:
        """A line for each contender that is marked."""
        found = {m.row.contender: m.verdict for m in self.measurements if m.verdict}
        return [f"{MARK} {contender}, elsewhere in its contract: {verdict}" for contender, verdict in found.items()]

    def _cells(self, measured: Measurement) -> tuple[str, ...]:
        row = measured.row
        ratios = (f"{label} {found['ratio']:.3g}" for label, found in self.peers(measured).items())
        share = "cached" if measured.resident else f"{measured.limit / measured.seconds:.1%}"
        return (
            row.kernel,
            row.direction,
            row.sizes,
            row.framework,
            row.contender + MARK * bool(measured.verdict),
            _time(measured.wall),
            _time(measured.device_time.seconds) if measured.device_time else "",
            "" if measured.part else share,
            ", ".join(ratios),
        )


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
