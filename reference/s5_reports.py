"""Initial eigenvalues of S5, and the two reports that watch a training run."""

from collections.abc import Mapping

import numpy as np

from reference.s5_discretization import discretize


def hippo_n(n: int):
    """Eigenvalues of the normal part of HiPPO-LegS, (n) complex, Re = −½, by increasing imaginary part.

    Raises ValueError unless n is a whole number ≥ 0. Source: A. Gu et al., On the Parameterization and Initialization
    of Diagonal State Space Models, 2022.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise ValueError(f"n: expected a whole number ≥ 0, got {n!r}")
    return hippo_spectrum(np.arange(n) + 0.5)


def hippo_spectrum(degrees):
    """Eigenvalues of −½ I + S, S_nk = −√(w_n w_k) below the diagonal, antisymmetric, w = degrees = n + ½.

    iS is Hermitian, so that its eigenvalues are as well conditioned as can be.
    """
    rows, columns = np.expand_dims(degrees, -1), np.expand_dims(degrees, -2)
    order = np.arange(np.shape(degrees)[-1])
    sign = np.sign(order - order[:, None])
    return -0.5 + 1j * np.linalg.eigvalsh(-1j * (sign * np.sqrt(rows * columns)))


def gradient_flow(gradients: Mapping[str, np.ndarray]) -> dict[str, dict[str, dict[str, float | bool]]]:
    """Is the imaginary part learning? For each gradient, and for each of its real and imaginary parts:

    norm = Euclidean norm, zeros = share of exact zeros (0 of nothing), finite = no NaN and no infinity. A real gradient
    has no imaginary part to report.
    """
    return {name: _flow_of(np.asarray(gradient)) for name, gradient in gradients.items()}


def _flow_of(gradient: np.ndarray) -> dict[str, dict[str, float | bool]]:
    parts = {"real": gradient.real, "imaginary": gradient.imag} if np.iscomplexobj(gradient) else {"real": gradient}
    return {
        name: {
            "norm": float(np.linalg.norm(part.ravel())),
            "zeros": float(np.count_nonzero(part == 0) / max(part.size, 1)),
            "finite": bool(np.isfinite(part).all()),
        }
        for name, part in parts.items()
    }


def statistics(eigenvalues, step, *, method: str = "zoh") -> dict[str, float]:
    """What a monitor shows of a set Λ (P ≥ 1) and its steps Δ (P), as plain numbers.

    real_min, real_max, imaginary_min, imaginary_max of Λ; step_min, step_max; spectral_radius = max |Λ̄|;
    stable_share = share of |Λ̄| < 1; symmetry_violation = max over j of |Λ̄_j − conj Λ̄_{j+P/2}| in the concatenated
    layout, which sees steps that differ within a pair too; NaN for an odd set. Raises ValueError as `discretize`.
    """
    decay, _ = discretize(eigenvalues, np.zeros((np.size(eigenvalues), 0)), step, method=method)
    half, odd = divmod(np.size(decay), 2)
    violation = np.nan if odd else np.max(np.abs(decay[:half] - np.conj(decay[half:])))
    found = {
        "real_min": np.min(np.real(eigenvalues)),
        "real_max": np.max(np.real(eigenvalues)),
        "imaginary_min": np.min(np.imag(eigenvalues)),
        "imaginary_max": np.max(np.imag(eigenvalues)),
        "step_min": np.min(step),
        "step_max": np.max(step),
        "spectral_radius": np.max(np.abs(decay)),
        "stable_share": np.mean(np.abs(decay) < 1),
        "symmetry_violation": violation,
    }
    return {name: float(value) for name, value in found.items()}
