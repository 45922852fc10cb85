"""MUSE's statements about its gradient safety, decided on the exact reference and on a training step."""

import numpy as np

from properties.catalogue import load_framework, load_function, shipped
from properties.claim import HOLDS, HOLDS_IF, REFUTED, Finding, claim, conditionally
from properties.systems import kernels_matching
from properties.systems.tridiagonal import BUCKETS, fill_case
from reference import clipping

MODEL = "MUSE"
OVERHEAD, MEMORY = 0.05, 0.01  # the published limits
MANY_TOKENS, FEW_TOKENS = 4096, 4
PUBLISHED_RTOL = 1e-2  # of the relaxed gradcheck, as published
DRAWS = 12


@claim(
    "M6", MODEL, "clipping keeps the gradient's direction", HOLDS_IF,
    condition="one factor serves all that is looked at: a tensor clipped by its norm, or the model by the norm of all",
)  # fmt: skip
def direction() -> Finding:
    """Clipped one by one at 100, [3000] and [1] become [100] and [1]: another direction of the model."""
    gradients = [np.array([3000.0]), np.array([1.0])]
    together, _ = clipping.clip_by_global_norm(gradients, max_norm=100.0)
    alone = [clipping.clip_by_norm(g, max_norm=100.0)[0] for g in gradients]
    tilt = {"one factor": _tilt(gradients, together), "tensor by tensor": _tilt(gradients, alone)}
    numbers = {f"1 − cosine with the gradient, {name}": value for name, value in tilt.items()}
    numbers["share of the small tensor before"] = 1 / 3000
    numbers["share of the small tensor after, tensor by tensor"] = float(alone[1][0] / alone[0][0])
    rounding = 2 * float(np.finfo(float).eps)
    return Finding(conditionally(*(value <= rounding for value in tilt.values())), numbers)


def _tilt(before: list, after: list) -> float:
    a, b = np.concatenate(before), np.concatenate(after)
    return float(1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@claim(
    "M7", MODEL, "NaN/Inf replacement makes training safe", HOLDS_IF,
    condition="what is replaced is counted, ∞ beside NaN, and the norm does not overflow",
)  # fmt: skip
def replacement() -> Finding:
    """In single precision a finite 1e20 makes a plain norm infinite: the factor zeroes every gradient, uncounted."""
    gradients = [np.array([1e20, 1.0], np.float32), np.array([np.inf], np.float32)]
    clean, _ = clipping.sanitize(gradients)
    with np.errstate(over="ignore"):
        plain = np.sqrt(sum(np.sum(np.square(g, dtype=np.float32)) for g in (np.float32(c) for c in clean)))
        naive = [g * (1 / plain) for g in clean]
    safe, report = clipping.safe_clip(gradients, max_norm=1.0)
    numbers = {
        "scaled norm of the replaced set": float(report["norm"]),
        "plain float32 norm is finite": float(np.isfinite(plain)),
        "gradients left by the plain norm": float(np.count_nonzero(np.concatenate(naive))),
        "gradients left by a scaled norm": float(np.count_nonzero(np.concatenate(safe))),
        "NaN counted in a step of ∞ alone": float(report["nans"]),
        "∞ counted": float(report["infs"]),
    }
    counted = int(report["infs"]) == 1 and bool(np.all(np.isfinite(np.concatenate(safe)))) and bool(np.any(safe[0]))
    return Finding(conditionally(counted, bool(np.any(naive[0]))), numbers)


@claim(
    "M8", MODEL, "the safety pass costs less than 5 % of the backward pass and 1 % of its memory", HOLDS_IF,
    condition="the backward pass sees many tokens: it works in proportion to them, the safety pass does not",
    timed=True,
)  # fmt: skip
def overhead() -> Finding:
    """Both read each parameter's gradient; only the backward pass reads it once for every token."""
    load_framework("torch", "cpu")
    measure = load_function("impl.torch.clipping_overhead:training_step")
    many, few = measure(MANY_TOKENS), measure(FEW_TOKENS)
    numbers = {
        f"share of the backward pass, {MANY_TOKENS} tokens": many.share,
        f"share of the backward pass, {FEW_TOKENS} tokens": few.share,
        "largest temporary, share of the gradients": many.memory,
    }
    held = [step.share < OVERHEAD and step.memory < MEMORY for step in (many, few)]
    return Finding(conditionally(*held), numbers)


@claim("M9", MODEL, "relaxed gradcheck (1e-3 / 1e-2) is needed for complex operations", REFUTED)
def relaxed_gradcheck() -> Finding:
    """The exact adjoint holds to the rounding that each element is entitled to."""
    (kernel,) = kernels_matching("tridiagonal.resolvent_diagonal")
    load_framework("torch", "cpu")
    implementation = next(iter(shipped(kernel, "torch", "cpu", ("float64",))))
    ratios, entitled = [], []
    for seed in range(DRAWS):
        case = fill_case(BUCKETS[2 if seed % 2 else 6], "dominant", ("normal", "normal"), 0, 1.0, seed, "float64")
        expected = implementation.expected_gradients(case)
        for found, judged in zip(implementation.gradients(case), expected, strict=True):
            assert found is not None
            ratios.append(np.max(np.abs(found - judged.value) / judged.tolerance))
            entitled.append(np.max(judged.tolerance) / np.max(np.abs(judged.value)))
    numbers = {
        "worst error in gauges": float(max(ratios)),
        "widest gauge, relative": float(max(entitled)),
        "relaxed tolerance over that gauge": PUBLISHED_RTOL / float(max(entitled)),
    }
    return Finding(REFUTED if max(ratios) <= 1 else HOLDS, numbers)


CLAIMS = (direction, replacement, overhead, relaxed_gradcheck)
