"""Initial eigenvalues of S5, and the two reports that watch a training run."""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from impl.jax.s5_arguments import HALVES, alike, require
from impl.jax.s5_discretization import discretize


def hippo_n(n: int, *, dtype: jnp.dtype = jnp.complex64, device: jax.Device | None = None) -> Array:
    """Eigenvalues of the normal part of HiPPO-LegS, (n) complex, Re = −½, by increasing imaginary part.

    They are −½ + i·eig(−iS) for the antisymmetric S_jk = √((j + ½)(k + ½)), j < k; found in double.
    Source: Gu, Gupta, Goel, Ré, On the Parameterization and Initialization of Diagonal State Space Models, 2022.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"n: expected a whole number ≥ 0, got {type(n).__name__}")
    if n < 0:
        raise ValueError(f"n: expected a whole number ≥ 0, got {n}")
    if jax.dtypes.canonicalize_dtype(dtype) != dtype or dtype not in (jnp.complex64, jnp.complex128):
        raise TypeError(f"dtype: expected complex64, or complex128 where jax_enable_x64 is on, got {dtype}")
    weights = np.sqrt(np.arange(n) + 0.5)
    above = np.triu(np.outer(weights, weights), 1)
    frequencies = np.linalg.eigvalsh(-1j * (above - above.T))
    # The spectrum comes in pairs ±ω; half the difference of both makes them exact partners.
    frequencies = (frequencies - frequencies[::-1]) / 2
    return jax.device_put((-0.5 + 1j * frequencies).astype(dtype), device)


def gradient_flow(gradients: Mapping[str, Array]) -> dict[str, dict[str, dict[str, float | bool]]]:
    """Is the imaginary part learning? For the real and the imaginary part of each gradient:

    norm, the Euclidean one; zeros, the share of exact zeros, 0 of nothing; finite, no NaN and no infinity. A real
    gradient has no imaginary part.
    """
    found = {}
    for name, gradient in gradients.items():
        halved = getattr(gradient, "dtype", None) in HALVES
        values = np.asarray(*alike(**{f"gradients[{name!r}]": gradient.astype(jnp.float32) if halved else gradient}))
        parts = {"real": values.real, "imaginary": values.imag} if np.iscomplexobj(values) else {"real": values}
        found[name] = {part: _flow(x.astype(np.float64)) for part, x in parts.items()}
    return found


def statistics(eigenvalues: Array, step: Array, *, method: str = "zoh") -> dict[str, float]:
    """What a monitor shows of a set Λ (P ≥ 1) and its steps Δ (P), as plain numbers.

    The ranges of Re Λ, Im Λ and Δ; spectral_radius = max |Λ̄|; stable_share = share of |Λ̄| < 1; symmetry_violation =
    max |Λ̄_j − conj Λ̄_{j+P/2}| in the concatenated layout, NaN for an odd set.
    """
    eigenvalues, step = alike(eigenvalues=eigenvalues, step=step)
    require("eigenvalues", eigenvalues.ndim == 1 and eigenvalues.size > 0, "(P), P ≥ 1", eigenvalues)
    nothing = jnp.zeros((eigenvalues.size, 0), eigenvalues.dtype)
    # Compiled as one, and NumPy from there: each small operation of its own would be compiled by itself.
    discretized = jax.jit(discretize, static_argnames="method")(eigenvalues, nothing, step, method=method)[0]
    spectrum, steps = np.asarray(eigenvalues), np.asarray(step)
    decay = np.asarray(discretized, np.complex128)  # near the unit circle a rounded modulus would decide what is stable
    half, odd = divmod(decay.size, 2)
    found: dict[str, float | np.floating] = {}
    for name, x in (("real", spectrum.real), ("imaginary", spectrum.imag), ("step", steps)):
        found[f"{name}_min"], found[f"{name}_max"] = x.min(), x.max()
    found["spectral_radius"] = np.abs(decay).max()
    found["stable_share"] = np.mean(np.abs(decay) < 1)
    found["symmetry_violation"] = math.nan if odd else np.abs(decay[:half] - decay[half:].conj()).max()
    return {name: float(value) for name, value in found.items()}


def _flow(values: np.ndarray) -> dict[str, float | bool]:
    return {
        "norm": float(np.linalg.norm(values.ravel())),
        "zeros": int(np.count_nonzero(values == 0)) / max(values.size, 1),
        "finite": bool(np.isfinite(values).all()),
    }
