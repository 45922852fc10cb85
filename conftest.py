"""What is tested (kernels, implementation, frameworks, device, dtype) and how hard (profile)."""

import sys
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, settings

from properties.catalogue import brought, load_framework, peers, shipped, why_absent
from properties.errors import Unavailable
from properties.frameworks import FRAMEWORKS
from properties.implementation import Implementation
from properties.judge import laws_of
from properties.kernel import Kernel
from properties.law import Law
from properties.profiles import PROFILES
from properties.systems import kernels_matching
from properties.variant import Peer, Variant

for _profile in PROFILES.values():
    settings.register_profile(
        _profile.name,
        max_examples=_profile.examples,
        derandomize=_profile.derandomize,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gaugeblock", "what is judged, and how hard")
    group.addoption("--kernel", default="*", metavar="GLOB", help="kernels by name")
    group.addoption(
        "--implementation", metavar="MODULE:FUNCTION", help="judge this function instead of what ships here"
    )
    group.addoption("--framework", choices=FRAMEWORKS, help="one framework only")
    group.addoption(
        "--device", choices=("cpu", "cuda"), help="one device only; default: cpu, and cuda where there is one"
    )
    group.addoption("--dtype", help="one dtype only")
    group.addoption("--manners", action="store_true", help="manners count for a function brought here, too")
    group.addoption("--profile", choices=tuple(PROFILES), default="ci")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(config.getoption("--profile"))


def pytest_runtest_teardown() -> None:
    """Tests that compile without the judge count, too."""
    if adapter := sys.modules.get("properties.frameworks.jax_adapter"):
        adapter.ADAPTER.let_go()


def pytest_report_header(config: pytest.Config) -> list[str]:
    judged = config.getoption("--implementation") or "what ships here"
    kernels, profile = config.getoption("--kernel"), config.getoption("--profile")
    versions: dict[str, str] = {}
    for name in FRAMEWORKS:
        try:
            versions |= load_framework(name, "cpu").versions()
        except Unavailable as reason:
            versions[name] = str(reason)
    found = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [f"gaugeblock: {judged}, kernels {kernels}, profile {profile}", f"gaugeblock: {found}"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`implementation` and `law` run over everything chosen, `peer` over other libraries' kernels.

    What is not there stays in the list and says why it is skipped.
    """
    kernels = kernels_matching(metafunc.config.getoption("--kernel"))
    if {"implementation", "law"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("implementation", "law"), [p for k in kernels for p in _chosen(k, metafunc.config)])
    if "peer" in metafunc.fixturenames:
        metafunc.parametrize("peer", [p for k in kernels for p in _peers(k, metafunc.config)])


def _chosen(kernel: Kernel, config: pytest.Config) -> Iterator:
    address = config.getoption("--implementation")
    for framework, device in _places(config):
        try:
            if address:
                found = [brought(kernel, address, framework, device, dtype) for dtype in _dtypes(kernel, config)]
            else:
                found = list(shipped(kernel, framework, device, _dtypes(kernel, config)))
        except Unavailable as reason:
            yield pytest.param(
                None, None, id=f"{kernel.name}-{framework}-{device}", marks=pytest.mark.skip(reason=str(reason))
            )
        else:
            yield from (_parameter(implementation, law) for implementation in found for law in laws_of(implementation))
            yield from _absent(kernel, () if address or framework == "numpy" else kernel.variants, framework, device, 2)


def _peers(kernel: Kernel, config: pytest.Config) -> Iterator:
    for framework, device in _places(config):
        try:
            found = list(peers(kernel, framework, device, _dtypes(kernel, config)))
        except Unavailable as reason:
            yield pytest.param(
                None, id=f"{kernel.name}-{framework}-{device}", marks=pytest.mark.skip(reason=str(reason))
            )
        else:
            yield from (_parameter(implementation) for implementation in found)
            theirs = tuple(peer for peer in kernel.peers if peer.framework == framework)
            yield from _absent(kernel, theirs, framework, device, 1)


def _absent(
    kernel: Kernel, candidates: Sequence[Peer | Variant], framework: str, device: str, arguments: int
) -> Iterator:
    for candidate in candidates:
        if reason := why_absent(candidate, device):
            mark = pytest.mark.skip(reason=f"{candidate.label}: {reason}")
            name = f"{kernel.name}-{candidate.label}-{framework}-{device}"
            yield pytest.param(*[None] * arguments, id=name.replace(" ", "_"), marks=mark)


def _places(config: pytest.Config) -> list[tuple[str, str]]:
    framework, device = config.getoption("--framework"), config.getoption("--device")
    if config.getoption("--implementation") and not framework:
        raise pytest.UsageError("--implementation needs --framework: torch, jax or numpy")
    frameworks = [framework] if framework else list(FRAMEWORKS)
    devices = [device] if device else ["cpu", "cuda"]
    return [(f, d) for f in frameworks for d in devices if not (f == "numpy" and d == "cuda")]


def _dtypes(kernel: Kernel, config: pytest.Config) -> tuple[str, ...]:
    dtype = config.getoption("--dtype")
    return (dtype,) if dtype else kernel.dtypes


def _parameter(implementation: Implementation, *law: Law):
    """One worker of pytest-xdist judges one framework, so that each compiles once."""
    parts = (implementation.kernel.name, implementation.label, implementation.framework.name, implementation.device)
    name = "-".join((*parts, implementation.arithmetic.name, *(rule.name for rule in law)))
    group = pytest.mark.xdist_group(implementation.framework.name)
    return pytest.param(implementation, *law, id=name.replace(" ", "_"), marks=group)
