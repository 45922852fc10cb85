"""The kill matrix: which law falsifies which planted defect, and after how many examples.

python -m tests.defects.kill_matrix [--examples N] [--processes N] [--report DIR]
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Flaky
from rich.console import Console
from rich.progress import track
from rich.table import Table

from properties.implementation import Implementation
from properties.judge import Tally, laws_of, search
from properties.law import Falsified, Law, NotClaimed
from properties.profiles import PROFILES
from tests.defects.defect import Defect
from tests.defects.planted import DEFECTS, KERNELS

EXAMPLES, RARE = 25, 3
NOT_CLAIMED = -1


def hunt(law: Law, implementation: Implementation, examples: int) -> int:
    """Distinct examples until the law is falsified; 0 for never, NOT_CLAIMED if it does not apply."""
    tally = Tally()
    try:
        settings = _settings(min(examples, RARE) if law.rare else examples)
        search(law, implementation, settings, tally, PROFILES["ci"].seed(implementation.kernel.name))
    except NotClaimed:
        return NOT_CLAIMED
    except (Falsified, Flaky):
        return tally.first_failure
    return 0


def hunt_all(defect: Defect, examples: int) -> dict[str, int]:
    """law → examples needed."""
    return {law.name: hunt(law, defect.implementation, examples) for law in laws_of(defect.implementation)}


def kill_matrix(
    defects: Sequence[Defect], examples: int = EXAMPLES, processes: int = 1
) -> Iterator[tuple[str, dict[str, int]]]:
    """The rows, (defect's key, law → examples needed), in the order of the defects."""
    if processes == 1:
        yield from ((d.key, hunt_all(d, examples)) for d in defects)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        running = [pool.submit(_row, d.key, examples) for d in defects]
        yield from ((d.key, row.result()) for d, row in zip(defects, running, strict=True))


def _row(key: str, examples: int) -> dict[str, int]:
    return hunt_all(next(d for d in DEFECTS if d.key == key), examples)


def needed(row: dict[str, int], kind: str, kernel: str) -> int:
    """The fewest examples that any law of that kind needs; 0 if none falsifies the defect."""
    kills = [row[law.name] for law in _laws(kernel) if law.kind == kind and row[law.name] > 0]
    return min(kills, default=0)


def summary(defects: Sequence[Defect], matrix: dict[str, dict[str, int]]) -> dict:
    """Who is falsified by the mathematics, who survives; for each law its kills, and those it alone makes."""
    fewest = {d.key: needed(matrix[d.key], "mathematics", d.kernel) for d in defects}
    killed = [count for count in fewest.values() if count]
    return {
        "defects": len(defects),
        "falsified": len(killed),
        "median examples": statistics.median(killed) if killed else None,
        "most examples": max(killed, default=None),
        "survivors": {d.key: d.survives for d in defects if not fewest[d.key]},
        "laws": {kernel: _of_laws([d for d in defects if d.kernel == kernel], matrix, kernel) for kernel in KERNELS},
    }


def _of_laws(defects: Sequence[Defect], matrix: dict[str, dict[str, int]], kernel: str) -> dict[str, dict]:
    killers = {d.key: [law for law, count in matrix[d.key].items() if count > 0] for d in defects}
    return {
        law.name: {
            "kills": sum(law.name in found for found in killers.values()),
            "alone": [name for name, found in killers.items() if found == [law.name]],
        }
        for law in _laws(kernel)
    }


def render(defects: Sequence[Defect], matrix: dict[str, dict[str, int]], console: Console) -> None:
    """A table for each kernel: examples needed, "-" for none, a blank where the law does not apply."""
    for kernel in KERNELS:
        laws = _laws(kernel)
        table = Table(title=f"kill matrix of {kernel}", title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("defect", no_wrap=True)
        table.add_column("dtype", no_wrap=True)
        for number in range(1, len(laws) + 1):
            table.add_column(str(number), justify="right", no_wrap=True)
        for d in (d for d in defects if d.kernel == kernel):
            table.add_row(d.name, d.dtype, *(_cell(matrix[d.key][law.name]) for law in laws))
        console.print(table)
        found = _of_laws([d for d in defects if d.kernel == kernel], matrix, kernel)
        for number, law in enumerate(laws, 1):
            alone = ", ".join(found[law.name]["alone"])
            console.print(
                f"{number:3} {law.name}: {found[law.name]['kills']} kills" + (f"; alone: {alone}" if alone else "")
            )


def write(folder: Path, defects: Sequence[Defect], matrix: dict[str, dict[str, int]], examples: int) -> Path:
    """kill_matrix.json in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"name": d.name, "kernel": d.kernel, "dtype": d.dtype, "story": d.story, "examples": matrix[d.key]}
        for d in defects
    ]
    path = folder / "kill_matrix.json"
    record = {
        "examples a law": examples,
        "examples a rare law": RARE,
        "summary": summary(defects, matrix),
        "defects": rows,
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def _laws(kernel: str) -> tuple[Law, ...]:
    return laws_of(next(d for d in DEFECTS if d.kernel == kernel).implementation)


def _cell(count: int) -> str:
    return {0: "-", NOT_CLAIMED: ""}.get(count, str(count))


def _settings(examples: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.defects.kill_matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="examples a law (default %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="processes (default %(default)s)")
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("reports"),
        help="folder of kill_matrix.json (default %(default)s)",
    )
    options = parser.parse_args()
    console, begun = Console(width=160), time.perf_counter()
    rows = kill_matrix(DEFECTS, options.examples, options.processes)
    progress = Console(stderr=True)
    matrix = dict(track(rows, "planted defects", total=len(DEFECTS), console=progress, transient=True))
    render(DEFECTS, matrix, console)
    found = summary(DEFECTS, matrix)
    console.print(
        f"{found['falsified']} of {found['defects']} defects falsified by the mathematics, "
        f"in {found['median examples']} examples (median), {found['most examples']} at most; "
        f"{time.perf_counter() - begun:.0f} s"
    )
    for name, reason in found["survivors"].items():
        console.print(f"survives: {name}. {reason}")
    console.print(f"written: {write(options.report, DEFECTS, matrix, options.examples)}", style="dim")


if __name__ == "__main__":
    main()
