"""What a person sees: header, progress, table, failures; and report.json, report.html."""

import contextlib
import html
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from properties.failure import failure_text
from properties.judge import laws_of
from properties.kernel import Case, Implementation, Kernel
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
        self.console.print(_one_line(self.environment(implementations)), style="dim")
        kernels = len({i.kernel.name for i in implementations})
        self.console.print(
            f"{len(implementations)} implementations of {kernels} kernels, "
            f"profile {profile.name}: {profile.examples} examples a law"
        )

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
        wide = self.console if self.console.is_terminal else Console(width=160)
        wide.print(table)
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
        for kernel in kernels:
            self.console.print(f"[bold]{kernel.name}[/]({', '.join(kernel.arguments)})  {', '.join(kernel.dtypes)}")
            self.console.print(f"    its own laws: {', '.join(law.name for law in kernel.laws)}", style="dim")
            if kernel.peers:
                self.console.print(f"    judged beside it: {', '.join(p.label for p in kernel.peers)}", style="dim")


def write_report(
    folder: Path, verdicts: Sequence[Verdict], environment: dict[str, str], profile: Profile
) -> list[Path]:
    """report.json and report.html in `folder`, each replaced as a whole."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"environment": environment, "profile": profile.name, "verdicts": [v.record() for v in verdicts]}
    pages = {"report.json": json.dumps(record, indent=1), "report.html": _page(verdicts, environment, profile)}
    for name, text in pages.items():
        partial = folder / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)
    return [folder / name for name in pages]


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


def _page(verdicts: Sequence[Verdict], environment: dict[str, str], profile: Profile) -> str:
    headings = ("kernel", "implementation", "framework", "device", "arithmetic", "law", "kind", "status")
    numbers = ("examples", "worst", "conditioning", "vacuous", "seconds")
    rows = []
    for v in verdicts:
        cells = [html.escape(str(getattr(v, name))) for name in headings] + [
            f"{getattr(v, name):.3g}" for name in numbers
        ]
        note = html.escape(v.failure or v.reason)
        rows.append(
            f"<tr class='{v.status.replace(' ', '-')}'>"
            + "".join(f"<td>{c}</td>" for c in cells)
            + f"<td><pre>{note}</pre></td></tr>"
        )
    head = "".join(f"<th>{name}</th>" for name in (*headings, *numbers, "note"))
    style = (
        "body{font:14px system-ui;margin:2em}table{border-collapse:collapse}"
        "td,th{padding:.3em .7em;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}"
        "pre{margin:0;white-space:pre-wrap}.falsified td{background:#fde8e8}"
        ".vacuous td{background:#fff6d8}.not-claimed td{color:#888}"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>gaugeblock report</title><style>{style}</style>"
        f"<h1>gaugeblock report</h1><p>profile {profile.name}; {html.escape(_one_line(environment))}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></html>\n"
    )


def _one_line(environment: dict[str, str]) -> str:
    return " · ".join(f"{name} {value}" for name, value in environment.items())


def _installed() -> bool:
    with contextlib.suppress(PackageNotFoundError):
        return bool(version("gaugeblock"))
    return False
