"""Several processes reach the verdicts that one reaches; one that dies is told, not waited for."""

import json
import multiprocessing
import os
import signal

import pytest

from properties.command import main
from properties.errors import Unavailable
from properties.processes import _received

DEATH = signal.SIGKILL


def verdicts(folder, jobs):
    asked = ("--kernel", "lattice.*", "--framework", "torch", "--profile", "quick", "--jobs", jobs)
    assert main(["verify", *asked, "--report", str(folder)]) == 0
    told = ("kernel", "law", "implementation", "dtype", "status")
    found = json.loads((folder / "report.json").read_text())["verdicts"]
    return [[verdict[name] for name in told] for verdict in found]


def test_two_processes_reach_the_verdicts_of_one_in_the_same_order(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    assert verdicts(tmp_path / "two", "2") == verdicts(tmp_path / "one", "1")


def _dies() -> None:
    os.kill(os.getpid(), DEATH)


def test_a_process_that_dies_ends_the_run_with_its_exit_code():
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_dies)
    worker.start()
    with pytest.raises(Unavailable, match=f"exit code {-DEATH}"):
        next(_received(context.Queue(), [worker]))
