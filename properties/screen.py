"""What a person sees in the terminal: header, progress, table, failures."""

import contextlib
import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from properties.case import Case
from properties.contract import contract, signature, summary
from properties.failure import failure_text
from properties.implementation import Implementation
from properties.judge import laws_of
from properties.kernel import Kernel
from properties.law import Falsified, Law
from properties.profiles import Profile
from properties.verdict import FALSIFIED, HOLDS, NOT_CLAIMED, REFUSED, VACUOUS, Verdict

_STYLE = {HOLDS: "green", FALSIFIED: "bold red", VACUOUS: "yellow", REFUSED: "magenta", NOT_CLAIMED: "dim"}


class Steps:
    """Progress over laws × implementations; one line a verdict where the output is not a terminal."""

    def __init__(self, console: Console, progress: Progress, total: int):
        self.console, self.progress = console, progress
        self.task = progress.add_task("", total=total)
        self.announced: set[tuple[str, str]] = set()

    def start(self, implementation: Implementation) -> Callable[[Law], None]:
        if implementation.framework.compilations() is not None:
            self._announce(implementation)
        return lambda law: self.progress.update(
            self.task, description=f"{implementation.kernel.name} · {implementation} · {law.name}"
        )

    def done(self, verdict: Verdict) -> None:
        self.progress.advance(self.task)
        if verdict.failure and verdict.counts:
            self.console.print(
                verdict.failure, style="red" if verdict.counts else "yellow", markup=False, highlight=False
            )

    def _announce(self, implementation: Implementation) -> None:
        key = (implementation.framework.name, implementation.kernel.name)
        if key not in self.announced:
            self.announced.add(key)
            self.console.print(
                f"{key[0]} compiles {key[1]} for the first shapes; later runs find most of it cached", style="dim"
            )


class Screen:
    """The terminal."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(soft_wrap=True)

    def header(self, implementations: Sequence[Implementation], profile: Profile) -> None:
        self.console.print(one_line(self.environment(implementations)), style="dim")
        kernels = len({i.kernel.name for i in implementations})
        self.console.print(
            f"{len(implementations)} implementations of {kernels} kernels, "
            f"profile {profile.name}: {profile.examples} examples a law"
        )

    @property
    def _wide(self) -> Console:
        return self.console if self.console.is_terminal else Console(width=160)

    def stored(self, environment: dict[str, str], profile: str) -> None:
        self.console.print(one_line(environment), style="dim")
        self.console.print(f"profile {profile}")

    def speed(self, rows: Sequence[dict[str, Any]]) -> None:
        """One row a benchmark: its time, its share of the machine's limit, and how many times as long peers take."""
        if not rows:
            return
        title = f"speed on {', '.join(dict.fromkeys(row['device'] for row in rows))}"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for heading in ("kernel", "direction", "sizes", "implementation", "on"):
            table.add_column(heading, no_wrap=True)
        for heading in ("seconds", "of the limit", "times as long"):
            table.add_column(heading, justify="right")
        for row in rows:
            sizes = " ".join(f"{axis}{size}" for axis, size in row["shape"].items())
            peers = ", ".join(f"{label} {found['ratio']:.3g}" for label, found in row["peers"].items())
            seconds = row["device_seconds"] or row["wall_seconds"]
            share = "cached" if row["inputs_fit_the_cache"] else f"{row['share_of_limit']:.1%}"
            who = (row["contender"], row["framework"])
            table.add_row(row["kernel"], row["direction"], sizes, *who, f"{seconds:.3g}", share, peers)
        self._wide.print(table)

    def environment(self, implementations: Sequence[Implementation]) -> dict[str, str]:
        found = {
            "gaugeblock": version("gaugeblock") if _installed() else "source tree",
            "python": platform.python_version(),
        }
        found |= {"numpy": np.__version__, "machine": platform.machine()}
        for implementation in implementations:
            found |= implementation.framework.versions()
        with contextlib.suppress(PackageNotFoundError):
            found["python-flint"] = version("python-flint")
        return found

    def left_out(self, name: str, reason: str) -> None:
        self.console.print(f"{name} is left out. {reason}", style="yellow")

    @contextlib.contextmanager
    def progress(self, implementations: Sequence[Implementation], profile: Profile) -> Iterator[Steps]:
        total = sum(len(laws_of(implementation)) for implementation in implementations)
        columns = (
            BarColumn(20),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            yield Steps(self.console, progress, total)

    def table(self, verdicts: Sequence[Verdict]) -> None:
        """One row an implementation; below, every law that does not hold, and what is not claimed and why."""
        table = Table(title="verdicts", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for heading in ("kernel", "implementation", "on", "arithmetic"):
            table.add_column(heading, no_wrap=True)
        for heading in ("laws", "worst", "vacuous", "examples", "seconds"):
            table.add_column(heading, justify="right", no_wrap=True)
        for group in _groups(verdicts):
            table.add_row(*_row(group))
        self._wide.print(table)
        for verdict in verdicts:
            if verdict.status not in (HOLDS, NOT_CLAIMED):
                self.console.print(_finding(verdict), highlight=False)
        for (law, reason), who in _not_claimed(verdicts).items():
            self.console.print(f"[dim]not claimed: {law} ({reason}): {', '.join(who)}[/]", highlight=False)

    def failure(self, law: Law, implementation: Implementation, case: Case, found: Falsified) -> None:
        self.console.print(
            failure_text(law, implementation, case, found, None), style="red", markup=False, highlight=False
        )

    def written(self, path: Path) -> None:
        self.console.print(f"written: {path}", style="dim")

    def kernels(self, kernels: Sequence[Kernel]) -> None:
        """A paragraph a kernel."""
        for kernel in kernels:
            self.console.print(signature(kernel), style="bold", markup=False)
            self.console.print(f"    {summary(kernel)}", markup=False)
            self.console.print(f"    dtypes: {', '.join(kernel.dtypes)}", style="dim")
            if kernel.laws:
                self.console.print(f"    its own laws: {', '.join(law.name for law in kernel.laws)}", style="dim")
            if kernel.peers:
                labels = dict.fromkeys(peer.label for peer in kernel.peers)
                self.console.print(f"    judged beside it: {'; '.join(labels)}", style="dim")

    def contracts(self, kernels: Sequence[Kernel]) -> None:
        """Everything that a kernel promises."""
        for kernel in kernels:
            for line in contract(kernel):
                self.console.print(line, markup=False, soft_wrap=True)


def _groups(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    groups: dict[tuple, list[Verdict]] = {}
    for v in verdicts:
        groups.setdefault((v.kernel, v.implementation, v.framework, v.device, v.dtype, v.arithmetic), []).append(v)
    return list(groups.values())


def _row(group: Sequence[Verdict]) -> list[str]:
    first, holding = group[0], [v for v in group if v.status == HOLDS]
    judged = [v for v in group if v.status != NOT_CLAIMED]
    colour = (
        "green"
        if len(holding) == len(judged)
        else "red"
        if any(v.counts for v in set(judged) - set(holding))
        else "yellow"
    )
    return [
        first.kernel,
        first.implementation,
        f"{first.framework} {first.device}",
        first.arithmetic,
        f"[{colour}]{len(holding)}/{len(judged)}[/]",
        f"{max((v.worst for v in holding), default=float('nan')):.3f}",
        f"{max((v.vacuous for v in judged), default=0.0):.1%}",
        str(sum(v.examples for v in group)),
        f"{sum(v.seconds for v in group):.1f}",
    ]


def _finding(verdict: Verdict) -> str:
    who = f"{verdict.implementation} [{verdict.framework} {verdict.device}, {verdict.arithmetic}]".replace("[", r"\[")
    weight = "" if verdict.counts else " (manners)"
    status = f"[{_STYLE[verdict.status]}]{verdict.status}[/]"
    return f"{status}: {verdict.kernel}, {verdict.law}{weight}: {who}: {verdict.reason}"


def _not_claimed(verdicts: Sequence[Verdict]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for v in verdicts:
        if v.status == NOT_CLAIMED:
            who = found.setdefault((v.law, v.reason), [])
            name = f"{v.implementation} ({v.framework})"
            who.extend([name] if name not in who else [])
    return found


def one_line(environment: dict[str, str]) -> str:
    return " · ".join(f"{name} {value}" for name, value in environment.items())


def _installed() -> bool:
    with contextlib.suppress(PackageNotFoundError):
        return bool(version("gaugeblock"))
    return False
