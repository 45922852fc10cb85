"""Every shipped implementation, or the one named by --implementation, obeys every law."""

import pytest

from properties.judge import judge
from properties.profiles import PROFILES
from properties.verdict import HOLDS, NOT_CLAIMED


def test_obeys(implementation, law, pytestconfig, tmp_path):
    verdict = judge(law, implementation, PROFILES[pytestconfig.getoption("--profile")], tmp_path)
    if verdict.status == NOT_CLAIMED:
        pytest.skip(f"{law.name}: {verdict.reason}")
    if verdict.status != HOLDS and not (verdict.counts or pytestconfig.getoption("--manners")):
        pytest.xfail(f"manners, without --manners told only. {law.name}: {verdict.reason}")
    assert verdict.status == HOLDS, verdict.failure or f"{law.name}: {verdict.status}, {verdict.reason}"
    assert verdict.examples > 0, f"{law.name} was tried on no example"
