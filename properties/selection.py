"""Selection: which implementations of which kernels are judged, in words that another process understands."""

from typing import NamedTuple

from properties.catalogue import peers, shipped
from properties.implementation import Implementation
from properties.kernel import Kernel
from properties.systems import kernels_matching


class Selection(NamedTuple):
    """Kernels by glob; frameworks, of which all must be here; one dtype, or all that a kernel knows."""

    pattern: str
    frameworks: tuple[str, ...]
    device: str
    dtype: str | None = None

    def kernels(self) -> tuple[Kernel, ...]:
        return kernels_matching(self.pattern)

    def implementations(self, kernel: Kernel) -> list[Implementation]:
        """What ships here and the peers, of one kernel: its cases and what is expected of them serve all of them."""
        dtypes = (self.dtype,) if self.dtype else kernel.dtypes
        return [
            found
            for name in self.frameworks
            for origin in (shipped, peers)
            for found in origin(kernel, name, self.device, dtypes)
        ]
