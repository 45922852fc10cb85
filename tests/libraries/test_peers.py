"""The verdicts that other libraries' kernels get, pinned: a change is news."""

from typing import NamedTuple

from properties.judge import judge_all
from properties.law import MATHEMATICS
from properties.profiles import PROFILES
from properties.verdict import FALSIFIED, HOLDS, NOT_CLAIMED


class Finding(NamedTuple):
    """The laws that a library breaks on every machine, and whether it keeps the mathematics: True: all of it; False: it
    breaks some law, which one being a matter of the cases drawn; None: rarely, a matter of machine and cases."""

    breaks: frozenset[str]
    sound: bool | None


UNCHECKED = Finding(frozenset({"bad input refused"}), sound=True)
OVERFLOWS = Finding(frozenset({"values agree", "bad input refused"}), sound=False)  # beyond 2e19 in single precision
WITHOUT_STRIDES = Finding(frozenset({"strided equals contiguous"}), sound=True)
UNSOUND = Finding(frozenset({"bad input refused"}), sound=False)
FINDINGS = {
    # A row for which no key counts gets the mean of all values, masked ones too; the softmax of float64 is of float32.
    ("attention.attend", "jax.nn.dot_product_attention"): Finding(frozenset({"values agree"}), sound=False),
    ("attention.attend", "torch SDPA"): UNCHECKED,
    ("attention.attend", "torch SDPA, math"): UNCHECKED,
    # Forced to these kernels, it takes no channels with gaps between them.
    ("attention.attend", "torch SDPA, flash"): WITHOUT_STRIDES,
    ("attention.attend", "torch SDPA, cuDNN"): WITHOUT_STRIDES,
    ("attention.attend", "torch SDPA, efficient"): WITHOUT_STRIDES,
    ("attention.multi_head", "torch.nn.MultiheadAttention"): UNCHECKED,
    # The derivative of optax's norm at zero is NaN.
    ("clipping.clip_by_global_norm", "optax.clip_by_global_norm"): Finding(
        frozenset({"bad input refused"}), sound=False
    ),
    ("clipping.clip_by_norm", "optax.adaptive_grad_clip"): OVERFLOWS,
    ("clipping.global_norm", "optax.global_norm"): UNSOUND,
    # 1e-6 beside the norm clips what lies just inside.
    ("clipping.clip_by_global_norm", "torch clip_grad_norm_"): UNSOUND,
    ("clipping.clip_by_global_norm", "torch clip_grad_norm_, foreach"): UNSOUND,
    ("clipping.global_norm", "torch.nn.utils.get_total_norm"): OVERFLOWS,
    # It leaves ±∞.
    ("clipping.sanitize", "optax.zero_nans"): Finding(frozenset({"values agree", "bad input refused"}), sound=False),
    # (Λ̄ − 1)/Λ cancels for slow states, and its derivative twice over.
    ("s5.apply", "s5-pytorch"): Finding(
        frozenset({"gradients agree", "empty works", "bad input refused"}), sound=False
    ),
    ("s5.scan", "accelerated-scan"): Finding(frozenset({"empty works", "bad input refused"}), sound=True),
    ("s5.scan", "jax.lax.associative_scan"): UNCHECKED,
    ("s5.scan", "scipy.signal.lfilter"): UNCHECKED,
    # It eliminates without interchanges: a vanishing pivot gives NaN or nonsense.
    ("tridiagonal.resolvent_diagonal", "jax.lax.linalg.tridiagonal_solve"): Finding(
        frozenset({"bad input refused"}), sound=None
    ),
    ("tridiagonal.resolvent_diagonal", "scipy.linalg.solve_banded"): UNCHECKED,
    ("tridiagonal.resolvent_diagonal", "torch.linalg.inv"): UNCHECKED,
}


def test_gets_the_verdict_on_record(peer, pytestconfig):
    verdicts = list(judge_all(peer, PROFILES[pytestconfig.getoption("--profile")]))
    broken = {v.law: v.failure or v.reason for v in verdicts if v.status not in (HOLDS, NOT_CLAIMED)}
    wrong = [v.failure for v in verdicts if v.status == FALSIFIED and v.kind == MATHEMATICS]
    breaks, sound = FINDINGS[peer.kernel.name, peer.label]
    assert breaks <= set(broken), f"only {', '.join(broken)}"
    assert sound is None or sound == (not wrong), "\n".join(wrong)
    assert any(v.status == HOLDS and v.kind == MATHEMATICS for v in verdicts)


def test_every_library_on_record_is_judged():
    from properties.systems import all_kernels

    assert set(FINDINGS) == {(kernel.name, peer.label) for kernel in all_kernels() for peer in kernel.peers}
