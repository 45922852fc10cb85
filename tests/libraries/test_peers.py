"""The verdicts that other libraries' kernels get, pinned: a change is news."""

from typing import NamedTuple

from properties.judge import judge_all
from properties.law import MATHEMATICS
from properties.profiles import PROFILES
from properties.verdict import HOLDS, NOT_CLAIMED


class Finding(NamedTuple):
    """The laws that a library breaks on every machine, and those that it breaks on some: near one gauge."""

    always: frozenset[str]
    sometimes: frozenset[str] = frozenset()


UNCHECKED = Finding(frozenset({"bad input refused"}))
FINDINGS = {
    ("s5.apply", "s5-pytorch"): Finding(
        # (Λ̄ − 1)/Λ cancels for slow states, and its derivative twice over.
        frozenset(
            {
                "gradients agree",
                "batch equals rows",
                "superposition",
                "imaginary gradients",
                "empty works",
                "bad input refused",
            }
        ),
        frozenset({"values agree", "restart", "padding", "strided equals contiguous"}),
    ),
    ("s5.scan", "accelerated-scan"): UNCHECKED,
    ("s5.scan", "jax.lax.associative_scan"): UNCHECKED,
    ("s5.scan", "scipy.signal.lfilter"): UNCHECKED,
    ("tridiagonal.resolvent_diagonal", "jax.lax.linalg.tridiagonal_solve"): UNCHECKED,
    ("tridiagonal.resolvent_diagonal", "scipy.linalg.solve_banded"): UNCHECKED,
    ("tridiagonal.resolvent_diagonal", "torch.linalg.inv"): UNCHECKED,
}


def test_gets_the_verdict_on_record(peer, pytestconfig):
    verdicts = list(judge_all(peer, PROFILES[pytestconfig.getoption("--profile")]))
    broken = {v.law: v.failure or v.reason for v in verdicts if v.status not in (HOLDS, NOT_CLAIMED)}
    always, sometimes = FINDINGS[peer.kernel.name, peer.label]
    assert always <= set(broken) <= always | sometimes, "\n".join(broken.values())
    assert any(v.status == HOLDS and v.kind == MATHEMATICS for v in verdicts)


def test_every_library_on_record_is_judged():
    from properties.systems import all_kernels

    judged = {(kernel.name, peer.label) for kernel in all_kernels() for peer in kernel.peers}
    assert judged == set(FINDINGS), "a library without a verdict on record, or a record without its library"
