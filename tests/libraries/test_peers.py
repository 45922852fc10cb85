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
# A row for which no key counts gets the mean of all values, masked ones too; the softmax of float64 runs in float32.
MASKED_MEAN = Finding(
    frozenset(
        {
            "values agree",
            "gradients agree",
            "batch equals rows",
            "convex hull",
            "weights sum to one",
            "truncation",
            "large scores",
            "masked scores stay out",
            "tokens relate",
            "bad input refused",
        }
    ),
    frozenset(
        {
            "adjointness",
            "causality",
            "finite in finite out",
            "many keys",
            "padding",
            "permutation of keys",
            "shift of scores",
            "strided equals contiguous",
            "empty works",
        }
    ),
)
# float32 squares overflow at 2e19: a finite set has an infinite norm, and its clipping is zero.
OVERFLOW = frozenset(
    {"values agree", "partition of the set", "homogeneous", "finite in finite out", "order of the set"}
)
SMALL_OR_BROKEN = frozenset(
    {
        "untouched inside",
        "non finite shows",
        "idempotent",
        "bounded",
        "one factor",
        "monotone",
        "zero set",
        "strided equals contiguous",
        "empty works",
    }
)
FINDINGS = {
    ("attention.attend", "jax.nn.dot_product_attention"): MASKED_MEAN,
    ("attention.attend", "torch SDPA"): UNCHECKED,
    ("attention.attend", "torch SDPA, math"): UNCHECKED,
    ("attention.multi_head", "torch.nn.MultiheadAttention"): UNCHECKED,
    ("clipping.clip_by_global_norm", "optax.clip_by_global_norm"): Finding(
        # And its derivative is NaN for a zero set.
        frozenset({"values agree", "gradients agree", "bad input refused"}),
        OVERFLOW | SMALL_OR_BROKEN | {"adjointness"},
    ),
    ("clipping.clip_by_global_norm", "torch clip_grad_norm_"): Finding(
        # And 1e-6 beside the norm clips what lies just inside.
        frozenset({"values agree", "bad input refused"}),
        OVERFLOW | SMALL_OR_BROKEN,
    ),
    ("clipping.clip_by_global_norm", "torch clip_grad_norm_, foreach"): Finding(
        frozenset({"values agree", "bad input refused"}), OVERFLOW | SMALL_OR_BROKEN
    ),
    ("clipping.global_norm", "optax.global_norm"): Finding(
        # The derivative at zero is NaN.
        frozenset({"values agree", "gradients agree", "bad input refused"}),
        OVERFLOW | SMALL_OR_BROKEN | {"adjointness"},
    ),
    ("clipping.global_norm", "torch.nn.utils.get_total_norm"): Finding(
        frozenset({"values agree", "bad input refused"}), OVERFLOW | SMALL_OR_BROKEN
    ),
    ("clipping.sanitize", "optax.zero_nans"): Finding(
        # It leaves ±∞.
        frozenset({"values agree", "counted once", "bad input refused"}),
        frozenset(
            {"gradients agree", "adjointness", "finite in finite out", "order of the set", "partition of the set"}
        ),
    ),
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
