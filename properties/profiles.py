"""How hard to look: Hypothesis settings by name."""

from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, Verbosity, settings

_SEARCH = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)


@dataclass(frozen=True)
class Profile:
    """Examples per law; `rare` for laws that are expensive or do not depend on the input."""

    name: str
    examples: int
    rare: int
    derandomize: bool = False

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
        Profile("ci", examples=25, rare=2, derandomize=True),
        Profile("standard", examples=60, rare=3),
        Profile("thorough", examples=600, rare=12),
    )
}
