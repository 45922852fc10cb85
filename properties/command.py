"""The command line: verify, check, replay, kernels, claims, bench, report.

Exit status: 0 every law holds · 1 falsified · 2 usage, import or contract error · 3 nothing could be judged
· 130 stopped by the user.
"""

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from properties import ledger
from properties.catalogue import brought, load_framework, load_function, why_absent
from properties.errors import Unavailable
from properties.frameworks import FRAMEWORKS
from properties.implementation import Implementation
from properties.judge import judge_all, laws_of
from properties.kernel import Kernel
from properties.law import Falsified, NotClaimed
from properties.processes import cores, judge_in_processes
from properties.profiles import PROFILES
from properties.replay import Replay, read_replay
from properties.report import BENCHMARKS, Report, open_folder, read_benchmarks, read_report, write_report
from properties.screen import Screen
from properties.selection import Selection
from properties.systems import all_kernels, kernels_matching
from properties.variant import Peer, Variant
from properties.verdict import Verdict, exit_status
from reference.numbers import ARITHMETICS

LONGEST = 5000  # sites or steps asked of a user's kernel, which may well be dense or a loop
INTERRUPTED = 130  # what shells give to a command that the user stopped
DTYPES = ("float32", "float64", "float16", "bfloat16")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Every expected error is one line on standard error and status 2."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except Unavailable as error:
        print(f"gaugeblock: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gaugeblock: interrupted", file=sys.stderr)
        return INTERRUPTED


def verify(options: argparse.Namespace) -> int:
    """Judge what ships here and the libraries' own; the exit status speaks of what ships here."""
    kernels = kernels_matching(options.kernel)
    screen = Screen()
    selection = Selection(options.kernel, tuple(_frameworks(options, screen)), options.device, options.dtype)
    implementations = [implementation for kernel in kernels for implementation in selection.implementations(kernel)]
    if not implementations:
        raise Unavailable(
            f"dtype: nothing to judge for {options.kernel!r} in {options.dtype or 'any dtype'} on {options.device}"
        )
    for label, reason in _absent(kernels, {i.framework.name for i in implementations}, options.device).items():
        screen.left_out(label, reason)
    verdicts = _judge(implementations, options, screen, selection)
    ours = [v for v in verdicts if v.origin == "shipped"]
    return exit_status(ours if ours else verdicts)


def check(options: argparse.Namespace) -> int:
    """Judge a user's kernel on the mathematics; manners count with --strict."""
    kernel = _one_kernel(options.kernel)
    dtypes = [options.dtype] if options.dtype else list(kernel.dtypes)
    implementations = [_brought(kernel, dtype, options) for dtype in dtypes]
    return exit_status(_judge(implementations, options, Screen()), options.strict)


def replay(options: argparse.Namespace) -> int:
    """Judge the stored case again, with the stored implementation or another."""
    stored = read_replay(options.file)
    kernel = _one_kernel(stored.kernel)
    implementation = _replayed(kernel, stored, options.implementation)
    law = next((law for law in laws_of(implementation) if law.name == stored.law), None)
    if law is None:
        raise Unavailable(f"{options.file}: {stored.kernel} has no law {stored.law!r}")
    screen = Screen()
    try:
        worst = law(implementation, stored.case)
    except Falsified as found:
        screen.failure(law, implementation, stored.case, found)
        return 1
    except (NotClaimed, NotImplementedError) as reason:
        print(f"{law.name}: not judged for {implementation}: {reason}")
        return 3
    print(f"{law.name} holds for {implementation} on {stored.case}: worst error {worst:.3g} gauges")
    return 0


def list_kernels(options: argparse.Namespace) -> int:
    """Print every kernel with its arguments, dtypes and laws; of those asked for, the whole contract."""
    if options.kernel is None:
        Screen().kernels(all_kernels())
    else:
        Screen().contracts(kernels_matching(options.kernel))
    return 0


def bench(options: argparse.Namespace) -> int:
    """Time the kernels against their peers, by pytest-benchmark, from the source tree that holds the benchmarks."""
    home = Path(__file__).parent.parent / "tests" / "benchmarks"
    if not home.is_dir():
        raise Unavailable("bench: the benchmarks come with the source tree, and this is an installed package")
    if importlib.util.find_spec("pytest_benchmark") is None:
        raise Unavailable("bench: pytest-benchmark is not installed; python -m pip install 'gaugeblock[bench,test]'")
    kept = open_folder(options.report).resolve() / BENCHMARKS
    command = [sys.executable, "-m", "pytest", str(home), "-v", "-p", "no:xdist", f"--benchmark-json={kept}"]
    command += ["--kernel", options.kernel, "--device", options.device]
    command += ["--framework", options.framework] if options.framework else []
    return min(subprocess.run(command, cwd=home.parent.parent, check=False).returncode, 2)


def report(options: argparse.Namespace) -> int:
    """Show again what the last run found, and the last benchmarks; the exit status is that of the run."""
    stored, screen = read_report(options.folder), Screen()
    screen.stored(stored.environment, stored.profile + (", interrupted" if stored.interrupted else ""))
    screen.table(stored.verdicts)
    screen.speed(read_benchmarks(options.folder))
    ours = [v for v in stored.verdicts if v.origin == "shipped"]
    return INTERRUPTED if stored.interrupted else exit_status(ours if ours else stored.verdicts)


def _judge(
    implementations: list[Implementation],
    options: argparse.Namespace,
    screen: Screen,
    selection: Selection | None = None,
) -> list[Verdict]:
    """The verdicts, told and kept; those reached so far also where the user stops it."""
    profile, folder = PROFILES[options.profile], open_folder(options.report)
    screen.header(implementations, profile)
    found: dict[Implementation, list[Verdict]] = {implementation: [] for implementation in implementations}
    stopped: KeyboardInterrupt | None = None
    jobs = _jobs(selection, options) if selection else 1
    try:
        with screen.progress(implementations, profile) as progress:
            if selection and jobs > 1:
                judged = judge_in_processes(selection, implementations, profile, folder, jobs)
            else:
                judged = (
                    (implementation, verdict)
                    for implementation in implementations
                    for verdict in judge_all(implementation, profile, folder, progress.start(implementation))
                )
            for implementation, verdict in judged:
                found[implementation].append(verdict)
                progress.done(verdict)
    except KeyboardInterrupt as interrupt:
        stopped = interrupt
    verdicts = [verdict for of_one in found.values() for verdict in of_one]
    screen.table(verdicts)
    kept = Report(screen.environment(implementations), profile.name, verdicts, stopped is not None)
    for path in write_report(folder, kept):
        screen.written(path)
    if stopped:
        raise stopped
    return verdicts


def _brought(kernel: Kernel, dtype: str, options: argparse.Namespace) -> Implementation:
    found = brought(kernel, options.implementation, options.framework, options.device, dtype, options.arithmetic)
    return replace(found, differentiable=not options.no_gradient, longest=options.longest)


def _jobs(selection: Selection, options: argparse.Namespace) -> int:
    """A process for each core, and no more than kernels; one for a GPU, which they would share."""
    wanted = options.jobs or (cores() if options.device == "cpu" else 1)
    return min(wanted, len(selection.kernels()))


def _absent(kernels: Sequence[Kernel], frameworks: set[str], device: str) -> dict[str, str]:
    """The variants and peers that cannot be judged here, each with the reason."""
    asked: list[Variant | Peer] = [variant for kernel in kernels for variant in kernel.variants]
    asked += [peer for kernel in kernels for peer in kernel.peers if peer.framework in frameworks]
    return {one.label: reason for one in asked if (reason := why_absent(one, device))}


def _frameworks(options: argparse.Namespace, screen: Screen) -> list[str]:
    """The frameworks asked for, or all that are here. A framework asked for by name must be here."""
    if options.framework:
        load_framework(options.framework, options.device)
        return [options.framework]
    usable = []
    for name in FRAMEWORKS:
        try:
            load_framework(name, options.device)
            usable.append(name)
        except Unavailable as reason:
            screen.left_out(name, str(reason))
    if not usable:
        raise Unavailable(f"device: no framework can use {options.device} here")
    return usable


def _replayed(kernel: Kernel, stored: Replay, address: str | None) -> Implementation:
    adapter = load_framework(stored.framework, stored.device)
    wanted = address or stored.address
    arithmetic = next((a for a in _arithmetics(kernel) if a.name == stored.arithmetic), ARITHMETICS[stored.dtype])
    implementation = Implementation(
        kernel, load_function(wanted), adapter, stored.device, stored.dtype, arithmetic, wanted, wanted, "user"
    )
    return (
        implementation
        if address
        else replace(implementation, label=stored.label, origin=stored.origin, options=stored.options)
    )


def _arithmetics(kernel: Kernel):
    return (*ARITHMETICS.values(), *(variant.arithmetic for variant in kernel.variants))


def _one_kernel(name: str) -> Kernel:
    found = kernels_matching(name)
    if len(found) > 1:
        raise Unavailable(f"kernel: expected one kernel, {name!r} matches {', '.join(k.name for k in found)}")
    return found[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gaugeblock",
        description="Judge fast kernels against exact references, with derived tolerances.",
        epilog=__doc__,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    verifying = commands.add_parser("verify", help="judge the shipped implementations and the libraries' own")
    verifying.add_argument("--kernel", default="*", metavar="GLOB", help="kernels by name, such as 'tridiagonal.*'")
    verifying.add_argument("--framework", choices=FRAMEWORKS, help="one framework only")
    verifying.add_argument("--jobs", type=int, metavar="N", help="processes; default: one a core, on a GPU one")
    _common(verifying, run=verify)

    checking = commands.add_parser("check", help="judge a kernel of your own")
    checking.add_argument("kernel", metavar="KERNEL")
    checking.add_argument("implementation", metavar="MODULE:FUNCTION", help="MODULE may be the path of a .py file")
    checking.add_argument("--framework", choices=FRAMEWORKS, required=True)
    checking.add_argument(
        "--arithmetic", metavar="NAME", help=f"declared arithmetic if not the dtype's: {', '.join(ARITHMETICS)}"
    )
    checking.add_argument("--no-gradient", action="store_true", help="judge values only")
    checking.add_argument("--strict", action="store_true", help="manners count too")
    checking.add_argument(
        "--longest", type=int, default=LONGEST, metavar="N", help=f"longest chain or sequence judged; default {LONGEST}"
    )
    _common(checking, run=check)

    replaying = commands.add_parser("replay", help="judge a stored case again")
    replaying.add_argument("file", type=Path, metavar="FILE")
    replaying.add_argument("implementation", nargs="?", metavar="MODULE:FUNCTION")
    replaying.set_defaults(run=replay)

    listing = commands.add_parser("kernels", help="list kernels, their arguments and laws")
    listing.add_argument("--kernel", metavar="GLOB", help="the whole contracts of these: shapes, results, errors, laws")
    listing.set_defaults(run=list_kernels)

    timing = commands.add_parser("bench", help="time the kernels against their peers and the machine's limit")
    timing.add_argument("--kernel", default="*", metavar="GLOB", help="kernels by name; default: all")
    timing.add_argument("--framework", choices=FRAMEWORKS, help="one framework only; the others still run as peers")
    timing.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    timing.add_argument("--report", type=Path, default=Path("reports"), metavar="DIR", help="for benchmarks.json")
    timing.set_defaults(run=bench)

    reporting = commands.add_parser("report", help="show the last verdicts and benchmarks again")
    reporting.add_argument("folder", nargs="?", type=Path, default=Path("reports"), metavar="DIR")
    reporting.set_defaults(run=report)

    claiming = commands.add_parser("claims", help="measure published statements anew, beside the verdicts on record")
    claiming.add_argument("--model", default="", metavar="NAME", help="statements about one model, such as MUSE")
    claiming.add_argument(
        "--report", type=Path, default=Path("reports"), metavar="DIR", help="for claims.json and the training curves"
    )
    claiming.set_defaults(run=ledger.run)
    return parser


def _common(parser: argparse.ArgumentParser, run) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=DTYPES, help="one dtype only; default: all that the kernel knows")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="standard")
    parser.add_argument(
        "--report", type=Path, default=Path("reports"), metavar="DIR", help="for report.json, report.html, replay files"
    )
    parser.set_defaults(run=run)
