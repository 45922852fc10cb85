"""MUSE's statements about BK-Core, the diagonal of a tridiagonal resolvent, decided by its published formulas."""

import numpy as np

from properties.claim import HOLDS, HOLDS_IF, REFUTED, Finding, claim, conditionally
from reference import tridiagonal
from reference.numbers import ARITHMETICS, gauge

MODEL = "MUSE"
SITES, DRAWS = 16, 32
SHIFT = np.asarray(1j)


def chain(seed: int, constant: bool) -> tuple[np.ndarray, ...]:
    """A real chain at z = i: main normal, bonds 1, or drawn within a half of it."""
    random = np.random.default_rng(seed)
    upper, lower = np.ones((2, SITES - 1)) if constant else random.uniform(1 / 2, 3 / 2, size=(2, SITES - 1))
    return random.normal(size=SITES), upper, lower, SHIFT


def published_diagonal(main, upper, lower, shift) -> np.ndarray:
    """G_ii = θ_{i−1} φ_{i+1}/θ_N with θ_i = m_i θ_{i−1} − w_{i−1} θ_{i−2} from the left and, as published,

    φ_i = m_i φ_{i+1} − w_{i−1} φ_{i+2} from the right, where the minor needs w_i, of the bond between i and i + 1.
    """
    m, w = main - shift, upper * lower
    theta, phi = [1, m[0]], [m[-1], 1]
    for i in range(1, SITES):
        theta.append(m[i] * theta[-1] - w[i - 1] * theta[-2])
    for i in reversed(range(SITES - 1)):
        phi.insert(0, m[i] * phi[0] - w[i - 1 if i else 0] * phi[1])
    return np.array([theta[i] * phi[i + 1] for i in range(SITES)]) / theta[-1]


@claim(
    "M1", MODEL, "BK-Core computes diag (H − z)⁻¹", HOLDS_IF,
    condition="all products upper_i·lower_i are equal",
)  # fmt: skip
def diagonal() -> Finding:
    """The recursion from the right takes the product of the wrong bond."""
    errors = {constant: [_error(chain(seed, constant)) for seed in range(DRAWS)] for constant in (True, False)}
    numbers = {
        "relative error, constant products, worst": max(error for error, _ in errors[True]),
        "relative error, varying products, least": min(error for error, _ in errors[False]),
        "relative error, varying products, worst": max(error for error, _ in errors[False]),
    }
    return Finding(conditionally(*(all(right for _, right in errors[constant]) for constant in (True, False))), numbers)


def _error(inputs: tuple[np.ndarray, ...]) -> tuple[float, bool]:
    """Relative to the largest value; and whether it is within the gauge of double precision."""
    (judged,) = gauge(tridiagonal.resolvent_diagonal, *inputs, arithmetic=ARITHMETICS["float64"])
    distance = np.abs(published_diagonal(*inputs) - judged.value)
    return float(np.max(distance) / np.max(np.abs(judged.value))), bool(np.all(distance <= judged.tolerance))


@claim("M2", MODEL, "its gradient is the exact gradient", REFUTED)
def gradient() -> Finding:
    """−ḡ_i G_ii² leaves out what other sites feed, and the conjugate; upper, lower and shift get None."""
    own, cosines = [], []
    for seed in range(DRAWS):
        inputs = chain(seed, constant=False)
        value = tridiagonal.resolvent_diagonal(*inputs)
        random = np.random.default_rng(seed)
        drawn = random.normal(size=SITES) + 1j * random.normal(size=SITES)
        exact = _exact(inputs, drawn)
        own.append(np.linalg.norm((-drawn * np.conj(value) ** 2).real - exact) / np.linalg.norm(exact))
        of_imaginary_loss = 1j * np.ones(SITES)
        cosines.append(
            _cosine(
                (-of_imaginary_loss * value**2).real,
                _exact(inputs, of_imaginary_loss),
            )
        )
    error, cosine = float(np.max(own)), float(np.min(cosines))
    numbers = {
        "relative error of the own-site term, median": float(np.median(own)),
        "relative error of the own-site term, worst": error,
        "cosine with the exact gradient of Σ Im G, worst": cosine,
        "inputs of four without a gradient, as published": 3,
    }
    (judged,) = gauge(tridiagonal.resolvent_diagonal, *chain(0, False), arithmetic=ARITHMETICS["float64"])
    rounding = float(np.max(judged.tolerance / np.abs(judged.value)))
    return Finding(REFUTED if error > rounding or cosine < 1 - rounding else HOLDS, numbers)


def _exact(inputs: tuple[np.ndarray, ...], *cotangent: np.ndarray) -> np.ndarray:
    """The gradient of main."""
    return tridiagonal.resolvent_diagonal_vjp(*inputs, *cotangent)[0]


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


CLAIMS = (diagonal, gradient)
