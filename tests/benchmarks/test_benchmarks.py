"""Every row of the table is timed, behind the gate. Speed is shown, never asserted."""

import itertools
import math
import time

import pytest

from properties.errors import Unavailable
from properties.kernel import Implementation
from tests.benchmarks.calls import Calls, calls
from tests.benchmarks.clocks import clock, repeats_within
from tests.benchmarks.gate import implementation_of, refusal
from tests.benchmarks.machine import Machine
from tests.benchmarks.peers import PEERS, Peer
from tests.benchmarks.rows import DTYPE, FORWARD, SHIPPED, Row, cotangent, input_sets
from tests.benchmarks.table import Measurement, Table

MOST_SETS = 64
ROUNDS = (5, 200)
SECONDS = 0.4  # what the rounds of one row may take together


def test_speed(row: Row, device: str, machine: Machine, table: Table, benchmark):
    timer, peer = clock(row.framework, device), _peer(row)
    if peer and (reason := peer.too_much(row.shape, timer.free_memory())):
        pytest.skip(reason)
    try:
        implementation = implementation_of(row.kernel, row.framework, row.contender, device)
    except Unavailable as reason:
        pytest.skip(str(reason))
    if text := refusal(row, device, smoke=benchmark.disabled):
        # A library's error is a finding, which the suite reports elsewhere.
        pytest.skip(f"not timed. {text}") if peer and peer.library else pytest.fail(text, pytrace=False)

    prepared = _prepare(row, implementation, peer, machine, one=benchmark.disabled)
    turns = itertools.cycle(prepared)

    def call() -> None:
        timer.wait(next(turns)())

    call()
    seconds = _seconds(call)
    benchmark.group = row.job
    benchmark.pedantic(call, rounds=repeats_within(SECONDS, seconds, ROUNDS), warmup_rounds=len(prepared) > 1)
    if benchmark.disabled:
        return
    wall = benchmark.stats.stats.median
    measured = Measurement(
        row,
        wall,
        timer.device_time(prepared, wall),
        machine,
        sets=len(prepared),
        part=bool(peer and peer.timed),
        memory=timer.peak_memory(prepared[0]),
        versions=implementation.framework.versions(),
    )
    benchmark.extra_info |= table.add(measured)


def _peer(row: Row) -> Peer | None:
    found = [peer for peer in PEERS if (peer.framework, peer.label) == (row.framework, row.contender)]
    return found[0] if row.contender != SHIPPED else None


def _prepare(row: Row, implementation: Implementation, peer: Peer | None, machine: Machine, one: bool) -> Calls:
    """The calls, on input sets that together exceed the cache twice wherever MOST_SETS of them do."""
    framework = implementation.framework
    count = 1 if one else min(max(2, math.ceil(2 * machine.cache / row.bytes_at_least)), MOST_SETS)
    drawn = input_sets(row.shape, count)
    given = [tuple(framework.array(array, DTYPE, machine.device) for array in arrays) for arrays in drawn]
    losses = 0 if row.direction == FORWARD else count
    fed = [framework.array(cotangent(row, seed), DTYPE, machine.device) for seed in range(losses)]
    function = peer.timed if peer and peer.timed else implementation.function
    return calls(row.framework, row.direction, function, given, fed)


def _seconds(call) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
