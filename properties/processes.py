"""Judging with several processes, each of which takes one kernel after another."""

import multiprocessing
import os
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from properties.errors import Unavailable
from properties.judge import judge_all
from properties.profiles import Profile
from properties.selection import Selection
from properties.verdict import Verdict

_PATIENCE = 1.0  # seconds of silence after which it is asked whether all are alive


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def judge_in_processes(
    selection: Selection, profile: Profile, folder: Path, jobs: int
) -> Iterator[tuple[str, int, Verdict]]:
    """(kernel, place among its implementations, verdict) as they are reached, the longest kernels begun first.

    Raises `Unavailable` if a process dies: an implementation can take its process with it.
    """
    context = multiprocessing.get_context("spawn")  # threads of torch and jax do not survive a fork
    tasks, results = context.Queue(), context.Queue()
    kernels = sorted(selection.kernels(), key=lambda k: -len(selection.implementations(k)) * len(k.laws))
    for kernel in kernels:
        tasks.put(kernel.name)
    for _ in range(jobs):
        tasks.put(None)
    workers = [context.Process(target=_work, args=(tasks, results, selection, profile, folder)) for _ in range(jobs)]
    try:
        for worker in workers:
            worker.start()
        yield from _received(results, workers)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _received(results: Any, workers: list) -> Iterator[tuple[str, int, Verdict]]:
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
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when a framework is imported: arrays are small here
    try:
        for name in iter(tasks.get, None):
            (kernel,) = selection._replace(pattern=name).kernels()
            for place, implementation in enumerate(selection.implementations(kernel)):
                for verdict in judge_all(implementation, profile, folder):
                    results.put((name, place, verdict))
        results.put(None)
    except KeyboardInterrupt:
        pass  # the first process hears it too, and tells
