"""report.json and report.html: the verdicts of a run, kept; and benchmarks.json, read again."""

import html
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from properties.errors import Unavailable
from properties.screen import one_line
from properties.verdict import Verdict

VERDICTS, PAGE, BENCHMARKS = "report.json", "report.html", "benchmarks.json"
INTERRUPTED = ", interrupted: what was reached before"


class Report(NamedTuple):
    """What a run of `verify` or `check` left behind."""

    environment: dict[str, str]
    profile: str
    verdicts: list[Verdict]
    interrupted: bool = False


def open_folder(folder: Path) -> Path:
    """The folder, made if need be, before long work begins. Raises `Unavailable` if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise Unavailable(f"report: expected a folder that can be written, got {folder}: {error.strerror}") from error


def write_report(folder: Path, report: Report) -> list[Path]:
    """report.json and report.html in `folder`, each replaced as a whole."""
    record = {**report._asdict(), "verdicts": [v.record() for v in report.verdicts]}
    pages = {VERDICTS: json.dumps(record, indent=1), PAGE: _page(report)}
    for name, text in pages.items():
        partial = folder / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)
    return [folder / name for name in pages]


def read_report(folder: Path) -> Report:
    """Raises `Unavailable` where no run has left a report."""
    path = folder / VERDICTS
    if not path.is_file():
        raise Unavailable(f"report: there is no {path}; run gaugeblock verify --report {folder} first")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Report(
            record["environment"], record["profile"], [Verdict(**v) for v in record["verdicts"]], record["interrupted"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"{path}: expected a report written by gaugeblock verify or check: {error}") from error


def read_benchmarks(folder: Path) -> list[dict[str, Any]]:
    """What the benchmarks recorded of each row; empty where none have been kept."""
    path = folder / BENCHMARKS
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        return [row["extra_info"] for row in rows if row["extra_info"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"{path}: expected the JSON of pytest-benchmark: {error}") from error


def _page(report: Report) -> str:
    headings = ("kernel", "implementation", "framework", "device", "arithmetic", "law", "kind", "status")
    numbers = ("examples", "worst", "conditioning", "vacuous", "seconds")
    rows = []
    for v in report.verdicts:
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
    profile = report.profile + (INTERRUPTED if report.interrupted else "")
    style = (
        "body{font:14px system-ui;margin:2em}table{border-collapse:collapse}"
        "td,th{padding:.3em .7em;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}"
        "pre{margin:0;white-space:pre-wrap}.falsified td{background:#fde8e8}"
        ".vacuous td{background:#fff6d8}.not-claimed td{color:#888}"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>gaugeblock report</title><style>{style}</style>"
        f"<h1>gaugeblock report</h1><p>profile {profile}; {html.escape(one_line(report.environment))}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></html>\n"
    )
