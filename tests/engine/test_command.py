"""The command line: exit statuses, one clear line for every bad call, replay, reports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from properties import judge, profiles
from properties.command import main

pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.xdist_group("torch")

USERS = Path(__file__).with_name("kernels_of_users.py")
KERNEL = "tridiagonal.resolvent_diagonal"
HOLDS, FALSIFIED, USAGE, STOPPED = 0, 1, 2, 130


def check(function, report, *extra):
    quick = ("--framework", "torch", "--profile", "quick", "--dtype", "float32", "--report", str(report))
    return main(["check", KERNEL, f"{USERS}:{function}", *quick, *extra])


def test_an_honest_kernel_passes(tmp_path):
    assert check("honest", tmp_path) == HOLDS


def test_a_wrong_kernel_is_falsified_and_told_where_and_how_wrong(tmp_path, capsys):
    assert check("forgets_the_last_bond", tmp_path) == FALSIFIED
    told = capsys.readouterr().out
    for part in ("law falsified: values agree", KERNEL, "expected", "gauges", "baseline", "gaugeblock replay"):
        assert part in told


def test_a_replay_file_shows_the_failure_again_and_judges_another_function(tmp_path, capsys):
    check("forgets_the_last_bond", tmp_path)
    stored = next(tmp_path.glob("*values-agree*.npz"))
    assert main(["replay", str(stored)]) == FALSIFIED
    assert main(["replay", str(stored), f"{USERS}:honest"]) == HOLDS


def test_a_report_is_shown_again_with_the_exit_status_of_its_run(tmp_path, capsys):
    check("honest", tmp_path)
    first = capsys.readouterr().out
    assert main(["report", str(tmp_path)]) == HOLDS
    row = next(line for line in capsys.readouterr().out.splitlines() if KERNEL in line)
    assert row in first
    assert main(["report", str(tmp_path / "elsewhere")]) == USAGE
    assert "there is no" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_before_anything_is_judged(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert check("honest", tmp_path / "taken") == USAGE
    told = capsys.readouterr()
    assert "report: expected a folder that can be written" in told.err
    assert "laws" not in told.out


def test_a_stopped_run_keeps_the_verdicts_that_it_reached(tmp_path, monkeypatch, capsys):
    laws = iter(range(3))

    def stopping(*arguments):
        if next(laws, None) is None:
            raise KeyboardInterrupt
        return judged(*arguments)

    judged = judge.judge
    monkeypatch.setattr(judge, "judge", stopping)
    assert check("honest", tmp_path) == STOPPED
    assert len(json.loads((tmp_path / "report.json").read_text())["verdicts"]) == 3
    assert main(["report", str(tmp_path)]) == STOPPED
    assert "interrupted" in capsys.readouterr().out


def test_that_batches_broadcast_is_a_matter_of_manners(tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "_OF_THIS_PROCESS", 0)  # one of a thousand seeds draws no batch
    assert check("of_equal_batches", tmp_path) == HOLDS
    record = json.loads((tmp_path / "report.json").read_text())
    (told,) = [v for v in record["verdicts"] if v["law"] == "batches broadcast"]
    assert (told["status"], told["kind"]) == ("falsified", "manners")


def test_strict_makes_manners_count(tmp_path):
    assert check("honest", tmp_path, "--strict") == FALSIFIED


def test_without_gradient_only_values_are_judged(tmp_path, capsys):
    assert check("honest", tmp_path, "--no-gradient") == HOLDS
    record = json.loads((tmp_path / "report.json").read_text())
    gradients = [v for v in record["verdicts"] if v["law"] == "gradients agree"]
    assert [v["status"] for v in gradients] == ["not claimed"]


def test_an_exception_inside_a_kernel_falsifies_its_laws(tmp_path, capsys):
    assert check("raises", tmp_path) == FALSIFIED
    assert "raised IndexError: off by one" in capsys.readouterr().out


def test_a_refusal_is_falsified_with_its_reason(tmp_path, capsys):
    assert check("not_written_yet", tmp_path) == FALSIFIED
    assert "complex bonds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "tridiagonal.nothing", "x:f", "--framework", "torch"], "no kernel matches 'tridiagonal.nothing'"),
        (["check", "tridiagonal.*", "x:f", "--framework", "torch"], "expected one kernel"),
        (["check", KERNEL, "no_such_module:f", "--framework", "torch"], "no_such_module"),
        (["check", KERNEL, "nothing.py:f", "--framework", "torch"], "there is no file nothing.py"),
        (["check", KERNEL, "no_colon", "--framework", "torch"], "expected MODULE:FUNCTION"),
        (["check", KERNEL, f"{USERS}:nobody", "--framework", "torch"], "has no function 'nobody'"),
        (["check", KERNEL, f"{USERS}:three_arguments", "--framework", "torch"], "main, upper, lower, shift"),
        (["check", "transformer.layer_norm", f"{USERS}:normalised", "--framework", "torch"], "*, epsilon=1e-05)"),
        (["check", KERNEL, f"{USERS}:honest", "--framework", "torch", "--arithmetic", "float7"], "float7"),
        (["verify", "--kernel", "nothing.*"], "no kernel matches"),
        (["verify", "--kernel", "tridiagonal.*", "--dtype", "bfloat16"], "nothing to judge"),
        (["replay", "no_such_file.npz"], "no_such_file.npz"),
        (["replay", __file__], "expected a replay file"),
    ],
)
def test_a_bad_call_is_one_clear_line(arguments, told, capsys):
    assert main(arguments) == USAGE
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("gaugeblock: ")
    assert told in lines[0]


@pytest.mark.parametrize("arguments", [["check", KERNEL], ["verify", "--profile", "lazy"], ["forge"], []])
def test_bad_usage_exits_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == USAGE


def test_results_of_another_shape_are_falsified_by_every_law_and_stop_none(tmp_path):
    assert check("doubled", tmp_path) == FALSIFIED
    record = json.loads((tmp_path / "report.json").read_text())
    told = {v["law"]: v["reason"] for v in record["verdicts"] if v["status"] == "falsified"}
    assert {"values agree", "gradients agree", "adjointness", "similarity", "reversal"} <= told.keys()
    assert "expected shape" in told["adjointness"]


def test_an_option_without_default_may_be_positional(tmp_path):
    kernel = tmp_path / "mine.py"
    kernel.write_text(
        "import numpy as np\ndef primes(limit):\n"
        "    return np.array([n for n in range(2, limit + 1) if all(n % d for d in range(2, n))], int)\n"
    )
    quick = ("--framework", "numpy", "--profile", "quick", "--report", str(tmp_path))
    assert main(["check", "lattice.primes", f"{kernel}:primes", *quick]) == HOLDS


def test_a_contract_is_told_with_its_shapes_results_and_laws(capsys):
    assert main(["kernels", "--kernel", "clipping.safe_clip"]) == HOLDS
    told = capsys.readouterr().out
    for part in ("clipping.safe_clip(gradients, *, max_norm)", '"nans"', "Raises ValueError", "bounded: ‖out‖"):
        assert part in told
    assert main(["kernels", "--kernel", "no.such"]) == USAGE


def test_the_module_runs_as_a_command():
    found = subprocess.run([sys.executable, "-m", "properties", "kernels"], capture_output=True, text=True)
    assert found.returncode == HOLDS
    assert KERNEL in found.stdout
