"""Laws of the transformer: who may know of whom, and what each part leaves alone."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from reference.numbers import Gauged


def _times(case: Case) -> int:
    return case.inputs[0].shape[-2]


def _causal(case: Case, implementation: Implementation) -> Case:
    return replace(case, options={**case.options, "causal": True})


@law(judged=None, adapt=_causal)
def causality(implementation: Implementation, case: Case) -> float:
    """Causal: later tokens change no bit of an earlier output."""
    x, *weights = case.inputs
    until = int(case.random().integers(_times(case))) + 1
    later = np.where(np.arange(_times(case))[:, None] < until, x, 2 - x[..., ::-1, :])
    plain, other = (implementation(one)[0][..., :until, :] for one in (case, case.with_inputs(later, *weights)))
    if plain.tobytes() != other.tobytes():
        raise Falsified(f"{np.count_nonzero(plain != other)} of the first {plain.size} values know of a later token")
    return 0.0


def _jacobian(implementation: Implementation, case: Case, seen: np.ndarray, what: str) -> tuple[tuple, tuple]:
    """Found and expected gradients for a cotangent on the outputs `seen`, which agree."""
    drawn = np.where(seen, implementation.cotangents(case)[0], 0)
    expected = implementation.expected_gradients(case, (drawn,))
    found = implementation.gradients(case, cotangents=(drawn,))
    names = tuple(f"{what}/∂{name}" for name in implementation.kernel.names_of(case))
    compare(what, found, expected, names=names)
    return found, expected


@law(judged=None)
def tokens_relate(implementation: Implementation, case: Case) -> float:
    """∂out_i/∂x_j is not zero for tokens j ≠ i that i may attend to, and is what it should be."""
    token = int(case.random().integers(_times(case)))
    own = np.arange(_times(case))[:, None] == token
    found, expected = _jacobian(implementation, case, own, f"∂out_{token}")
    felt = np.abs(expected[0].value) > expected[0].tolerance
    missing = felt & ~own & (found[0] == 0)
    if missing.any():
        raise Falsified(f"∂out_{token}/∂x is zero at {np.count_nonzero(missing)} places of other tokens")
    return 0.0


def _heads_apart(case: Case, implementation: Implementation) -> Case:
    """W_o the identity: each head keeps its own channels."""
    *others, w_o = case.inputs
    return replace(case.with_inputs(*others, np.eye(len(w_o))), drawn=f"W_o the identity, {case.drawn}")


@law(judged=None, adapt=_heads_apart)
def heads_do_not_leak(implementation: Implementation, case: Case) -> float:
    """The channels of one head depend on its own columns of W_q, W_k and W_v alone."""
    channels, heads = case.inputs[0].shape[-1], case.options["heads"]
    width = channels // heads
    head = int(case.random().integers(heads))
    own = np.arange(channels) // width == head
    found, _ = _jacobian(implementation, case, np.broadcast_to(own, case.inputs[0].shape), f"∂head_{head}")
    for name, gradient in zip(("w_q", "w_k", "w_v"), found[1:4], strict=True):
        assert gradient is not None
        if gradient[:, ~own].any():
            raise Falsified(f"head {head} depends on the columns of {name} that belong to another head")
    return 0.0


def _unmasked(case: Case, implementation: Implementation) -> Case:
    return replace(case, options={name: value for name, value in case.options.items() if name != "causal"})


@law(adapt=_unmasked)
def permutation_of_tokens(implementation: Implementation, case: Case) -> float:
    """Tokens in another order give the outputs in that order: nothing else tells one position from another."""
    x, *weights = case.inputs
    order = case.random().permutation(_times(case))
    permuted = case.with_inputs(x[..., order, :], *weights)
    (plain,), (other,) = implementation(case), implementation(permuted)
    first, second = (implementation.expected(one)[0].tolerance for one in (case, permuted))
    return compare("permuted tokens", (other,), (Gauged(plain[..., order, :], first[..., order, :] + second),))


def _silent(case: Case, implementation: Implementation) -> Case:
    """W_o, W₂ and b₂ are zero."""
    named = dict(zip(implementation.kernel.arguments, case.inputs, strict=True))
    silent = [array * (name not in ("w_o", "w_2", "b_2")) for name, array in named.items()]
    return replace(case.with_inputs(*silent), drawn=f"silent, {case.drawn}")


@law(judged=None, adapt=_silent)
def residuals(implementation: Implementation, case: Case) -> float:
    """With W_o, W₂ and b₂ zero the block is the identity, bit for bit."""
    (actual,) = implementation(case)
    if not np.array_equal(actual, case.inputs[0]):
        raise Falsified(f"{np.count_nonzero(actual != case.inputs[0])} of {actual.size} values differ from x")
    return 0.0


def _standard(case: Case, implementation: Implementation) -> Case:
    x, gamma, beta = case.inputs
    return replace(case.with_inputs(x, np.ones_like(gamma), np.zeros_like(beta)), drawn=f"γ 1, β 0, {case.drawn}")


@law(adapt=_standard)
def centred(implementation: Implementation, case: Case) -> float:
    """With γ = 1 and β = 0 the mean over the channels is 0."""
    (actual,), (expected,) = implementation(case), implementation.expected(case)
    mean = actual.mean(-1)
    return compare("mean over the channels", (mean,), (Gauged(0 * mean, expected.tolerance.mean(-1)),))


@law(adapt=_standard)
def of_variance_one(implementation: Implementation, case: Case) -> float:
    """With γ = 1 and β = 0 the variance over the channels is var x/(var x + ε), below 1."""
    (actual,), (expected,) = implementation(case), implementation.expected(case)
    with np.errstate(all="ignore"):
        allowed = np.mean((2 * np.abs(expected.value) + expected.tolerance) * expected.tolerance, axis=-1)
    found, exact = (np.mean(values**2, axis=-1) for values in (actual, expected.value))
    return compare("variance over the channels", (found,), (Gauged(np.minimum(exact, 1), allowed),))


@law()
def uniform_logits(implementation: Implementation, case: Case) -> float:
    """Constant logits give ln V."""
    logits, targets = case.inputs
    constant = case.with_inputs(np.broadcast_to(logits[..., :1], logits.shape), targets)
    (actual,), (expected,) = implementation(constant), implementation.expected(constant)
    exact = np.asarray(np.log(logits.shape[-1]))
    return compare("loss of constant logits − ln V", (actual,), (Gauged(exact, expected.tolerance),))


@law(judged="gradients")
def gradient_sums_to_zero(implementation: Implementation, case: Case) -> float:
    """Over the classes the gradient of the logits sums to 0: a common shift changes no probability."""
    found, expected = implementation.gradients(case)[0], implementation.expected_gradients(case)[0]
    assert found is not None
    total = found.sum(-1)
    return compare("sum of the gradient", (total,), (Gauged(0 * total, expected.tolerance.sum(-1)),))


MULTI_HEAD = (causality, tokens_relate, heads_do_not_leak, permutation_of_tokens)
BLOCK = (causality, tokens_relate, permutation_of_tokens, residuals)
NORM = (centred, of_variance_one)
LOSS = (uniform_logits, gradient_sums_to_zero)
