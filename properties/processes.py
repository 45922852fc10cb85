"""Judging with several processes, each of which takes one kernel after another."""

import multiprocessing
import os
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from properties.errors import Unavailable
from properties.implementation import Implementation
from properties.judge import judge_all, laws_of
from properties.profiles import Profile
from properties.selection import Selection
from properties.verdict import Verdict

_THREADS = "OMP_NUM_THREADS"
_PATIENCE = 1.0  # seconds of silence after which it is asked whether all are alive


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def judge_in_processes(
    selection: Selection, implementations: Sequence[Implementation], profile: Profile, folder: Path, jobs: int
) -> Iterator[tuple[Implementation, Verdict]]:
    """Verdicts of these implementations, which are the selection's, as they are reached; the longest kernels first.

    Raises `Unavailable` if a process dies: an implementation can take its process with it.
    """
    context = multiprocessing.get_context("spawn")  # threads of torch and jax do not survive a fork
    tasks, results = context.Queue(), context.Queue()
    of_kernel: dict[str, list[Implementation]] = {}
    for implementation in implementations:
        of_kernel.setdefault(implementation.kernel.name, []).append(implementation)
    for name in sorted(of_kernel, key=lambda name: -sum(len(laws_of(one)) for one in of_kernel[name])):
        tasks.put(name)
    for _ in range(jobs):
        tasks.put(None)
    workers = [context.Process(target=_work, args=(tasks, results, selection, profile, folder)) for _ in range(jobs)]
    try:
        with _one_thread_each():
            for worker in workers:
                worker.start()
        for name, place, verdict in _received(results, workers):
            yield of_kernel[name][place], verdict
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """For processes that start meanwhile: arrays are small, and NumPy and torch read it when they are imported."""
    own = os.environ.get(_THREADS)
    os.environ.setdefault(_THREADS, "1")
    try:
        yield
    finally:
        if own is None:
            del os.environ[_THREADS]


def _received(results: Any, workers: list) -> Iterator[tuple[str, int, Verdict]]:
    """Kernel, place among its implementations, verdict."""
    at_work = len(workers)
    while at_work:
        try:
            message = results.get(timeout=_PATIENCE)
        except queue.Empty:
            dead = [worker.exitcode for worker in workers if worker.exitcode]
            if dead:
                raise Unavailable(f"verify: a process ended with exit code {dead[0]}; --jobs 1 shows where") from None
            continue
        if message is None:
            at_work -= 1
        else:
            yield message


def _work(tasks: Any, results: Any, selection: Selection, profile: Profile, folder: Path) -> None:
    try:
        for name in iter(tasks.get, None):
            (kernel,) = selection._replace(pattern=name).kernels()
            for place, implementation in enumerate(selection.implementations(kernel)):
                for verdict in judge_all(implementation, profile, folder):
                    results.put((name, place, verdict))
        results.put(None)
    except KeyboardInterrupt:
        pass  # the first process hears it too, and tells
