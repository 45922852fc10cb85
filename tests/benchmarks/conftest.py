"""The rows that run here, the machine that they run on, and the table at the end."""

import gc
import os
import sys
from fnmatch import fnmatchcase

import pytest

from properties.catalogue import load_framework
from properties.errors import Unavailable
from properties.frameworks import FRAMEWORKS
from tests.benchmarks.job import SHIPPED, rows
from tests.benchmarks.machine import Machine
from tests.benchmarks.table import TOLD, Table

LEGEND = (
    "wall: one synchronised call. device: one of many queued calls. limit: the time that the machine needs for the",
    "bytes and products that the job cannot avoid, as a share of this one's; cached: its inputs fit the cache.",
    "times as long: the peer's time over this one's, by the device's clock where there is one. \"one …\" solves a",
    "single system, a part of the job: a lower bound of what that solver costs.",
)
TABLE, MACHINE = pytest.StashKey[Table](), pytest.StashKey[Machine]()


def pytest_configure(config: pytest.Config) -> None:
    # JAX would take most of the device's memory, and leave none to the others.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.5")  # it never gives back what it has had once
    config.stash[TABLE] = Table()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Frameworks that are not chosen still run as peers."""
    if "row" not in metafunc.fixturenames:
        return
    config = metafunc.config
    chosen, kernels = config.getoption("--framework", None), config.getoption("--kernel", None) or "*"
    smoke = config.getoption("benchmark_disable")
    listed = [
        pytest.param(row, id=str(row), marks=pytest.mark.xdist_group(row.framework))
        for row in rows(_device(config), smoke)
        if fnmatchcase(row.kernel, kernels) and (row.contender != SHIPPED or chosen in (None, row.framework))
    ]
    metafunc.parametrize("row", listed)


@pytest.fixture(scope="session")
def device(pytestconfig: pytest.Config) -> str:
    return _device(pytestconfig)


@pytest.fixture(scope="session")
def machine(device: str, pytestconfig: pytest.Config) -> Machine:
    present = tuple(name for name in FRAMEWORKS if _present(name, device))
    if not present:
        pytest.skip(f"device: no framework has {device} here")
    pytestconfig.stash[MACHINE] = Machine(device, present)
    return pytestconfig.stash[MACHINE]


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    return pytestconfig.stash[TABLE]


@pytest.fixture(autouse=True)
def _memory_given_back():
    """One framework's cached memory is another one's want of it."""
    yield
    gc.collect()
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.empty_cache()


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """With -v a row tells what it measured, or why it failed, while the others still run."""
    if report.when == "call" and report.passed and (told := dict(report.user_properties).get(TOLD)):
        return "passed", ".", f"PASSED ({told})"
    if report.when == "call" and report.failed:
        *_, last = ["", *report.longreprtext.strip().splitlines()]
        return "failed", "F", f"FAILED ({last})"
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    table, machine = config.stash[TABLE], config.stash.get(MACHINE, None)
    if machine is None or not table.measurements:
        return
    terminalreporter.section("speed")
    bandwidth, cache = machine.bandwidth / 2**30, machine.cache / 2**20
    terminalreporter.line(f"{machine.name}: copies move {bandwidth:.4g} GiB/s, cache {cache:.3g} MiB")
    for line in (*table.lines(), *table.verdicts(), *LEGEND):
        terminalreporter.line(line)


def _device(config: pytest.Config) -> str:
    return config.getoption("--device", None) or "cpu"


def _present(framework: str, device: str) -> bool:
    try:
        load_framework(framework, device)
    except Unavailable:
        return False
    return True
