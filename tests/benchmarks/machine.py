"""The machine: its name, its cache, and the copy bandwidth that no kernel can beat, measured in the same run."""

import functools
import importlib.util
import platform
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.clocks import clock

UNKNOWN_CACHE = 2**26
LAST_LEVEL = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Machine:
    """A device, "cpu" or "cuda", and the frameworks that reach it. Its speed is measured when first asked for."""

    device: str
    frameworks: tuple[str, ...]

    @functools.cached_property
    def bandwidth(self) -> float:
        """Bytes read and written per second in the fastest large copy that one of the frameworks makes."""
        return max(clock(name, self.device).copies() for name in self.frameworks)

    @functools.lru_cache  # noqa: B019 - a machine lives as long as the session
    def products(self, dtype: str) -> float:
        """Floating-point operations per second of the fastest large matrix product in that dtype."""
        return max(clock(name, self.device).products(dtype) for name in self.frameworks)

    @property
    def name(self) -> str:
        return self._described[0]

    @property
    def cache(self) -> int:
        """Bytes of the last-level cache."""
        return self._described[1]

    @functools.cached_property
    def _described(self) -> tuple[str, int]:
        return _cuda() if self.device == "cuda" else _cpu()


def _cuda() -> tuple[str, int]:
    if importlib.util.find_spec("torch"):
        import torch

        found = torch.cuda.get_device_properties(0)
        return found.name, found.L2_cache_size
    import jax

    return jax.devices("cuda")[0].device_kind, UNKNOWN_CACHE


def _cpu() -> tuple[str, int]:
    models = [line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")]
    name = f"{models[0]}, {len(models)} cores" if models else platform.processor() or platform.machine()
    size = "".join(_lines(LAST_LEVEL)).strip()
    return name, int(size[:-1]) * UNITS[size[-1]] if size[-1:] in UNITS and size else UNKNOWN_CACHE


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
