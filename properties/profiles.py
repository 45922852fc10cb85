"""How hard to look: Hypothesis settings by name."""

import secrets
import zlib
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, Verbosity, settings

_OF_THIS_PROCESS = secrets.randbits(32)
_SEARCH = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)


@dataclass(frozen=True)
class Profile:
    """Examples per law; `rare` for laws that are expensive or do not depend on the input.

    All laws of a kernel, and all its implementations, meet the same drawn cases, so that what is expected of a case is
    computed once: they start from one seed, another in each process unless `derandomize`.
    """

    name: str
    examples: int
    rare: int
    derandomize: bool = False

    def seed(self, kernel: str) -> int:
        return zlib.crc32(kernel.encode()) ^ (0 if self.derandomize else _OF_THIS_PROCESS)

    def settings(self, rare: bool) -> settings:
        return settings(
            max_examples=self.rare if rare else self.examples,
            derandomize=self.derandomize,
            database=None,
            deadline=None,
            print_blob=True,
            phases=_SEARCH,
            verbosity=Verbosity.quiet,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", examples=12, rare=1),
        Profile("ci", examples=16, rare=2, derandomize=True),
        Profile("standard", examples=40, rare=2),
        Profile("thorough", examples=600, rare=12),
    )
}
