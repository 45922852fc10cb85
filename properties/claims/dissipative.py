"""MUSE's statements about its dissipative potential, decided on the exact reference and on the published layer."""

import numpy as np

from properties.claim import HOLDS, HOLDS_IF, REFUTED, Finding, claim, conditionally
from reference import dissipative
from reference.numbers import ARITHMETICS, gauge
from reference.tridiagonal import resolvent_diagonal

MODEL = "MUSE"
SITES, FEATURES, BASE_DECAY = 12, 4, 0.01
SHIFT, BONDS = np.asarray(1j), np.ones(SITES - 1)
TIME = 1.0


def weights(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(SITES, FEATURES)), random.normal(size=FEATURES), random.normal(size=FEATURES)


def published_layer(x, value_weight, decay_weight) -> np.ndarray:
    """G of the chain with V alone: Γ is computed and goes nowhere."""
    potential = dissipative.potential(x, value_weight, decay_weight, base_decay=BASE_DECAY)
    return resolvent_diagonal(potential.real, BONDS, BONDS, SHIFT)


@claim("M3", MODEL, "gradients reach V and Γ", REFUTED)
def reach() -> Finding:
    """Γ never enters H in the layer as published: its gradient is zero, though not None; with Γ in H it is not."""
    x, value, decay = weights()
    moved = published_layer(x, value, decay + 1) - published_layer(x, value, decay)
    exact = dissipative.layer_vjp(x, value, decay, BONDS, BONDS, SHIFT, np.ones((SITES, 2)))
    numbers = {
        "change of G when w_γ moves by 1, as published": float(np.max(np.abs(moved))),
        "norm of ∂w_γ with Γ in H": float(np.linalg.norm(exact[2])),
        "norm of ∂w_v with Γ in H": float(np.linalg.norm(exact[1])),
    }
    return Finding(HOLDS if np.any(moved) else REFUTED, numbers)


@claim("M4", MODEL, "softplus keeps Γ > 0", HOLDS_IF, condition="base_decay > 0")
def positive_decay() -> Finding:
    """In single precision softplus is 0 below −104."""
    logits = np.arange(-200, 1, dtype=np.float32)
    softplus = np.logaddexp(logits, np.float32(0))
    with_base = softplus + np.float32(BASE_DECAY)
    numbers = {
        "smallest Γ with base_decay": float(with_base.min()),
        "smallest Γ without": float(softplus.min()),
        "largest logit whose softplus is 0": float(logits[softplus == 0].max()),
    }
    return Finding(conditionally(bool(np.all(with_base > 0)), bool(np.all(softplus > 0))), numbers)


@claim(
    "M5", MODEL, "‖ψ(t)‖² = e^{−2Γt}‖ψ(0)‖²", HOLDS_IF,
    condition="Γ is uniform and H₀ Hermitian; for any other Γ ≥ 0 it lies between the values for Γ_max and Γ_min",
)  # fmt: skip
def decay_law() -> Finding:
    """For a varying Γ the rate is ⟨ψ|Γ|ψ⟩, which moves with ψ."""
    random = np.random.default_rng(0)
    values, state = random.normal(size=SITES), random.normal(size=SITES) + 1j * random.normal(size=SITES)
    varying = random.uniform(0, 1, size=SITES)
    errors, held = zip(*(_error(values, decay, state) for decay in (np.full(SITES, 1 / 2), varying)), strict=True)
    numbers = {"relative error, uniform Γ": errors[0], "relative error of the mean Γ, varying Γ": errors[1]}
    return Finding(conditionally(*held), numbers)


def _error(values: np.ndarray, decay: np.ndarray, state: np.ndarray) -> tuple[float, bool]:
    """Of the law with the mean Γ, and whether rounding explains it."""
    inputs = (values - 1j * decay, BONDS, BONDS, state)
    (judged,) = gauge(dissipative.propagate, *inputs, arithmetic=ARITHMETICS["float64"], time=TIME)
    after, before = np.linalg.norm(judged.value), np.linalg.norm(state)
    expected = np.exp(-np.mean(decay) * TIME) * before
    held = abs(after - expected) <= np.linalg.norm(judged.tolerance)
    return float(abs(after**2 / expected**2 - 1)), bool(held)


CLAIMS = (reach, positive_decay, decay_law)
