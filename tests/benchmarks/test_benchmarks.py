"""Every row of the table is timed, behind the gate. Speed is shown, never asserted."""

import functools
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from properties.errors import Unavailable
from properties.implementation import Implementation
from tests.benchmarks.calls import Calls, calls
from tests.benchmarks.clocks import clock, repeats_within
from tests.benchmarks.gate import implementation_of, refusal, verdict
from tests.benchmarks.job import FORWARD, Job, Row, Shape
from tests.benchmarks.machine import Machine
from tests.benchmarks.table import TOLD, Measurement, Table

MOST_SETS = 64
ROUNDS = (5, 200)
SECONDS = 0.4  # what the rounds of one row may take together


def test_speed(row: Row, device: str, machine: Machine, table: Table, benchmark, record_property):
    timer, peer = clock(row.framework, device), row.peer
    if peer and (reason := peer.too_much(row.shape, timer.free_memory())):
        pytest.skip(f"{peer.label}: {reason}")
    try:
        implementation = implementation_of(row.job, row.framework, row.contender, device)
    except Unavailable as reason:
        pytest.skip(str(reason))
    if text := refusal(row, device, smoke=benchmark.disabled):
        # A library's error is a finding, which the suite reports elsewhere.
        pytest.skip(f"not timed. {text}") if peer and peer.library else pytest.fail(text, pytrace=False)

    try:
        with implementation.working():
            measured = _timed(row, implementation, machine, benchmark)
    except Exception as error:
        if peer and timer.ran_out(error):
            pytest.skip(f"{peer.label}: {device} has too little memory for {row.sizes}")
        raise
    if measured:
        told = verdict(row.job, peer, device) if peer else ""
        benchmark.extra_info |= table.add(replace(measured, verdict=told))
        record_property(TOLD, table.last())


def _timed(row: Row, implementation: Implementation, machine: Machine, benchmark) -> Measurement | None:
    """None in a smoke run, which times nothing."""
    timer, peer = clock(row.framework, machine.device), row.peer
    prepared = _prepare(row, implementation, machine, one=benchmark.disabled)
    turns = itertools.cycle(prepared)

    def call() -> None:
        timer.wait(next(turns)())

    call()
    seconds = _seconds(call)
    benchmark.group = row.contest
    benchmark.pedantic(call, rounds=repeats_within(SECONDS, seconds, ROUNDS), warmup_rounds=len(prepared) > 1)
    if benchmark.disabled:
        return None
    wall = benchmark.stats.stats.median
    return Measurement(
        row,
        wall,
        timer.device_time(prepared, wall),
        machine,
        sets=len(prepared),
        part=bool(peer and peer.part),
        memory=timer.peak_memory(prepared[0]),
        versions=implementation.framework.versions(),
    )


def _prepare(row: Row, implementation: Implementation, machine: Machine, one: bool) -> Calls:
    """The calls, on input sets that together exceed the cache twice wherever MOST_SETS of them do."""
    job, framework = row.job, implementation.framework
    count = 1 if one else min(max(2, math.ceil(2 * machine.cache / row.bytes_at_least)), MOST_SETS)

    def placed(sets: Sequence[tuple[np.ndarray, ...]]) -> list[tuple]:
        return [tuple(framework.array(x, job.dtype, machine.device) for x in arrays) for arrays in sets]

    fed = placed(_cotangents(job, row.shape, 0 if row.direction == FORWARD else count))
    taking = functools.partial(implementation.kernel.taking_arrays(row.timed(implementation.function)), **job.options)
    return calls(row.framework, row.direction, taking, placed(_inputs(job, row.shape, count)), fed)


@functools.lru_cache(maxsize=1)
def _inputs(job: Job, shape: Shape, count: int) -> tuple[tuple[np.ndarray, ...], ...]:
    return tuple(job.draw(np.random.default_rng(seed), shape) for seed in range(count))


def _cotangents(job: Job, shape: Shape, count: int) -> list[tuple[np.ndarray, ...]]:
    """The cotangents of random losses."""
    return [job.cotangents(np.random.default_rng((seed, 1)), shape) for seed in range(count)]


def _seconds(call) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
