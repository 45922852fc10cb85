"""The ledger of claims: each measured anew, beside the verdict on record."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from properties.claim import HOLDS_IF, Claim, Finding
from properties.claims import claims_about
from properties.errors import Unavailable
from properties.report import open_folder

WIDTH = 160  # where the output is no terminal


@dataclass(frozen=True)
class Entry:
    """One line of the ledger; without a finding, why it was not measured."""

    claim: Claim
    finding: Finding | None
    reason: str = ""

    @property
    def changed(self) -> bool:
        return self.finding is not None and not self.claim.timed and self.finding.verdict != self.claim.verdict

    def record(self) -> dict:
        found = {"verdict": self.finding.verdict, "numbers": dict(self.finding.numbers)} if self.finding else None
        names = ("name", "model", "statement", "verdict", "condition", "because")
        return {**{name: getattr(self.claim, name) for name in names}, "measured": found, "reason": self.reason}


def measured(claims: Sequence[Claim]) -> Iterator[Entry]:
    """Each claim measured now; one that needs what is not installed carries the reason instead."""
    for claim in claims:
        try:
            yield Entry(claim, claim.measure())
        except Unavailable as reason:
            yield Entry(claim, None, str(reason))


def run(options: argparse.Namespace) -> int:
    """Print the ledger; 0 if every measured verdict is that on record, 1 if one has changed, 3 if none was measured."""
    claims, folder = claims_about(options.model), open_folder(options.report)
    console = Console()
    entries: list[Entry] = []
    with console.status("") as status:
        for claim in claims:
            status.update(f"{claim.model} {claim.name}: {claim.statement}")
            entries.extend(measured([claim]))
    (console if console.is_terminal else Console(width=WIDTH)).print(table(entries))
    for entry in entries:
        if entry.changed:
            found = entry.finding.verdict if entry.finding else ""
            console.print(
                f"changed: {entry.claim.name}: on record {entry.claim.verdict}, measured {found}", style="red"
            )
        elif entry.reason:
            console.print(f"not measured: {entry.claim.name}: {entry.reason}", style="yellow", markup=False)
    for path in write(folder, entries, console):
        console.print(f"written: {path}", style="dim")
    if not any(entry.finding for entry in entries):
        return 3
    return int(any(entry.changed for entry in entries))


def table(entries: Sequence[Entry]) -> Table:
    found = Table(box=SIMPLE_HEAD, pad_edge=False, show_lines=True)
    found.add_column("claim", no_wrap=True)
    for heading in ("model", "statement", "verdict", "because", "measured"):
        found.add_column(heading)
    for entry in entries:
        numbers = entry.finding.numbers if entry.finding else {}
        told = "\n".join(f"{name}: {value:.4g}" for name, value in numbers.items())
        style = "red" if entry.changed else "green" if entry.finding else "yellow"
        claim = entry.claim
        found.add_row(
            claim.name,
            claim.model,
            claim.statement,
            f"[{style}]{verdict(claim)}[/]",
            claim.because,
            told or entry.reason,
        )
    return found


def verdict(claim: Claim) -> str:
    """The verdict on record with its condition."""
    if claim.verdict == HOLDS_IF:
        return f"{HOLDS_IF} {claim.condition}"
    return f"{claim.verdict}, {claim.condition}" if claim.condition else claim.verdict


def write(folder: Path, entries: Sequence[Entry], console: Console) -> Iterator[Path]:
    """claims.json, and the curves of each claim that has some as claim-<name>.svg if matplotlib is here."""
    path = folder / "claims.json"
    path.write_text(json.dumps([entry.record() for entry in entries], indent=1, ensure_ascii=False), encoding="utf-8")
    yield path
    for entry in entries:
        if entry.finding and entry.finding.curves:
            try:
                yield draw(entry.claim, entry.finding, folder / f"claim-{entry.claim.name}.svg")
            except ImportError as missing:
                console.print(f"{entry.claim.name} is not drawn: {missing}", style="yellow", markup=False)


def draw(claim: Claim, finding: Finding, path: Path) -> Path:
    """The finding's curves over training steps. Raises ImportError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise ImportError("pictures need matplotlib: pip install 'gaugeblock[report]'") from missing
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    panel = figure.subplots()
    for name, values in finding.curves.items():
        panel.plot(values, label=name, linestyle="--" if len(set(values)) == 1 else "-")
    panel.set(xlabel="step", ylabel="loss, nats", title=f"{claim.name}: {claim.statement}: {claim.verdict}")
    panel.legend()
    figure.savefig(path)
    return path
