"""Every published claim, measured now, has the verdict on record; the ledger says so and tells a change."""

import json
from dataclasses import replace

import numpy as np
import pytest

from properties import ledger
from properties.claim import HOLDS, MEASURED, REFUTED, Finding
from properties.claims import all_claims, claims_about
from properties.command import main
from properties.errors import Unavailable

UNCHANGED, CHANGED, USAGE, NOT_MEASURED = 0, 1, 2, 3
CLAIMS = all_claims()


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.name for claim in CLAIMS])
def test_the_verdict_on_record_is_what_is_measured(claim):
    try:
        found = claim.measure()
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert claim.timed or found.verdict == claim.verdict, dict(found.numbers)
    assert found.numbers
    assert all(np.isfinite(number) for number in found.numbers.values())


def test_names_are_unique_and_every_claim_has_its_reason():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    assert all(claim.because.endswith(".") for claim in CLAIMS)


def test_the_cost_of_the_penalties_is_measured_and_not_judged():
    (cost,) = (claim for claim in CLAIMS if claim.name == "V6")
    assert cost.verdict == MEASURED


def test_only_costs_are_left_to_the_clock():
    assert {claim.name for claim in CLAIMS if claim.timed} == {"M8", "C6"}


def put_on_record(monkeypatch, *claims):
    monkeypatch.setattr(ledger, "claims_about", lambda model: claims)


def printed(arguments, capsys, folder):
    status = main(["claims", *arguments, "--report", str(folder)])
    return status, capsys.readouterr().out


def test_the_ledger_prints_numbers_and_keeps_them(tmp_path, capsys):
    status, told = printed(["--model", "muse"], capsys, tmp_path)
    assert status == UNCHANGED
    assert "M1" in told and "holds if" in told and "V1" not in told
    record = {entry["name"]: entry for entry in json.loads((tmp_path / "claims.json").read_text())}
    assert set(record) == {claim.name for claim in claims_about("MUSE")}
    assert record["M2"]["measured"]["verdict"] == REFUTED


def test_a_verdict_that_changed_is_told(tmp_path, capsys, monkeypatch):
    first = claims_about("MUSE")[0]
    put_on_record(monkeypatch, replace(first, verdict=REFUTED))
    status, told = printed([], capsys, tmp_path)
    assert status == CHANGED
    assert "changed: M1: on record refuted, measured holds if" in told


def test_a_claim_that_cannot_be_measured_says_why(tmp_path, capsys, monkeypatch):
    def absent():
        raise Unavailable("framework: torch is not installed")

    put_on_record(monkeypatch, replace(CLAIMS[0], measure=absent))
    status, told = printed([], capsys, tmp_path)
    assert status == NOT_MEASURED
    assert f"not measured: {CLAIMS[0].name}: framework: torch is not installed" in told


def test_curves_are_drawn(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    found = Finding(HOLDS, {"number": 1.0}, {"falling": [2.0, 1.0], "level": [2.0, 2.0]})
    put_on_record(monkeypatch, replace(CLAIMS[0], verdict=HOLDS, measure=lambda: found))
    assert printed([], capsys, tmp_path)[0] == UNCHANGED
    assert (tmp_path / f"claim-{CLAIMS[0].name}.svg").stat().st_size > 0


def test_an_unknown_model_is_one_clear_line(capsys):
    assert main(["claims", "--model", "nothing"]) == USAGE
    assert "no claim is about 'nothing'; there are" in capsys.readouterr().err
