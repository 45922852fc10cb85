"""Every shipped implementation, or the one named by --implementation, obeys every law."""

import pytest

from properties.implementation import Implementation
from properties.judge import judge
from properties.law import Law
from properties.laws.universal import adjointness
from properties.profiles import PROFILES
from properties.verdict import HOLDS, NOT_CLAIMED

# PyTorch's fused attention knows reverse mode only.
WITHOUT_FORWARD_MODE = {
    ("attention.attend", "torch"),
    ("attention.multi_head", "torch"),
    ("transformer.block", "torch"),
}


def test_obeys(implementation, law, pytestconfig, tmp_path):
    verdict = judge(law, implementation, PROFILES[pytestconfig.getoption("--profile")], tmp_path)
    if verdict.status == NOT_CLAIMED:
        assert not _is_claimed(law, implementation), verdict.reason
        pytest.skip(f"{law.name}: {verdict.reason}")
    if verdict.status != HOLDS and not (verdict.counts or pytestconfig.getoption("--manners")):
        pytest.xfail(f"manners, without --manners told only. {law.name}: {verdict.reason}")
    assert verdict.status == HOLDS, verdict.failure or f"{law.name}: {verdict.status}, {verdict.reason}"
    assert verdict.examples > 0, f"{law.name} was tried on no example"


def _is_claimed(law: Law, implementation: Implementation) -> bool:
    """Forward mode, of what ships here: one that raises would otherwise look like one that is not there."""
    kernel = implementation.kernel
    ours = implementation.origin == "shipped" and implementation.device == "cpu" and kernel.reference_vjp is not None
    return ours and law is adjointness and (kernel.name, implementation.framework.name) not in WITHOUT_FORWARD_MODE
