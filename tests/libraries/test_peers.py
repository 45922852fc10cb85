"""The verdicts that other libraries' kernels get, pinned: a change is news."""

from properties.judge import judge_all
from properties.law import MATHEMATICS
from properties.profiles import PROFILES
from properties.verdict import HOLDS, NOT_CLAIMED

FINDINGS: dict[str, set[str]] = {
    "jax.lax.associative_scan": {"bad input refused"},
    "jax.lax.linalg.tridiagonal_solve": {"bad input refused"},
    "scipy.linalg.solve_banded": {"bad input refused"},
    "scipy.signal.lfilter": {"bad input refused"},
    "torch.linalg.inv": {"bad input refused"},
}


def test_gets_the_verdict_on_record(peer, pytestconfig):
    verdicts = list(judge_all(peer, PROFILES[pytestconfig.getoption("--profile")]))
    broken = {v.law: v.failure or v.reason for v in verdicts if v.status not in (HOLDS, NOT_CLAIMED)}
    assert set(broken) == FINDINGS[peer.label], "\n".join(broken.values())
    assert any(v.status == HOLDS and v.kind == MATHEMATICS for v in verdicts)


def test_every_library_on_record_is_judged():
    from properties.systems import all_kernels

    labels = {peer.label for kernel in all_kernels() for peer in kernel.peers}
    assert labels == set(FINDINGS), "a library without a verdict on record, or a record without its library"
