"""S5: a diagonal state space, discretised, scanned along time and read out; its losses and its reports.

x_t = Λ̄ x_{t−1} + B̄ u_t, and y_t = 2 Re(C x_t) + D u_t where one state of each conjugate pair is kept ("half"), or
y_t = C x_t + D u_t for a full set in the concatenated layout [λ; λ̄] ("full"). P states, H channels, T times. Products
of matrices keep the precision of the data on every device. Every function takes float32 or float64 and their complex
partners, one precision a call, and raises `TypeError` for other types and `ValueError` for shapes and options that do
not fit, naming the argument.
Source: Smith, Warrington, Linderman, Simplified State Space Layers for Sequence Modeling, 2023.
"""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from impl.jax.chunked.s5 import recurrence

__all__ = [
    "apply",
    "conjugate_symmetry_penalty",
    "discretize",
    "gradient_flow",
    "hippo_n",
    "imaginary_penalty",
    "scan",
    "statistics",
    "step",
    "training_loss",
]

SERIES_TERMS = 32  # a power of two for pairwise summation; in the unit disc 12 are enough for single, 20 for double


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


def discretize(eigenvalues: Array, input_matrix: Array, step: Array, *, method: str = "zoh") -> tuple[Array, Array]:
    """Λ̄ and B̄ of x' = Λ x + B u with u held for Δ = step; nothing is clamped. With z = ΛΔ,

    zoh: Λ̄ = e^z, B̄ = Δ (e^z − 1)/z · B, which is Δ·B at z = 0;  bilinear: Λ̄ = (1 + z/2)/(1 − z/2), B̄ = Δ/(1 − z/2) · B.

    **Arguments**: eigenvalues (P), input_matrix (P, H), step (P) real. **Returns**: (P) and (P, H).
    """
    eigenvalues, input_matrix, step = _alike(eigenvalues=eigenvalues, input_matrix=input_matrix, step=step)
    _check_set(eigenvalues, input_matrix, step)
    z = eigenvalues * step
    if method == "zoh":
        decay, gain = jnp.exp(z), step * _exponential_quotient(z)
    elif method == "bilinear":
        resolvent = 1 / (1 - z / 2)
        decay, gain = (1 + z / 2) * resolvent, step * resolvent
    else:
        raise ValueError(f"method: expected 'zoh' or 'bilinear', got {method!r}")
    return decay, gain[:, None] * input_matrix


def scan(decay: Array, drive: Array, initial: Array | None = None) -> Array:
    """States of x_t = decay_t x_{t−1} + drive_t from x_{−1} = initial.

    **Arguments**: decay (P), or (…, T, P) where it varies; drive (…, T, P); initial (…, P), zero if left out; batch
    axes broadcast. **Returns**: (…, T, P), complex unless all three are real. Differentiable to any order, in reverse
    and forward mode.
    """
    drive, decay, initial = _alike(drive=drive, decay=decay, initial=_at_rest("drive", drive, initial))
    batch = _check_scan(decay, drive, initial)
    if 0 in (*batch, *drive.shape):
        return decay * initial[..., None, :] + drive
    dtype = jnp.result_type(decay, drive, initial)
    arrays = ((decay, batch if decay.ndim > 2 else (), min(decay.ndim, 2)), (drive, batch, 2), (initial, batch, 1))
    flat = [
        jnp.broadcast_to(x, (*own, *x.shape[x.ndim - core :])).reshape(math.prod(own), *x.shape[x.ndim - core :])
        for x, own, core in arrays
    ]
    return recurrence(*(x.astype(dtype) for x in flat)).reshape(*batch, *drive.shape[-2:])


def apply(
    eigenvalues: Array, input_matrix: Array, output_matrix: Array, feedthrough: Array, step: Array, u: Array,
    initial: Array | None = None, *, method: str = "zoh", pairs: str = "half",
) -> tuple[Array, Array]:  # fmt: skip
    """The whole layer: discretise, scan from `initial`, read out.

    **Arguments**: eigenvalues (P), input_matrix (P, H), output_matrix (H, P); feedthrough (H), step (P) and
    u (…, T, H) real; initial (…, P), zero if left out. pairs="full" takes 2P explicit states and gives a complex y.
    **Returns**: y (…, T, H) and the state after the last time (…, P), which is `initial` where T = 0.
    """
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial = _alike(
        eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough,
        step=step, u=u, initial=_at_rest("eigenvalues", eigenvalues, initial),
    )  # fmt: skip
    _check_set(eigenvalues, input_matrix, step)
    _check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    _require("u", u.ndim > 1, f"(…, T, {u.shape[-1]})", u)
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    states = scan(decay, _driven(discrete, u), initial)
    at_end = (*states.shape[:-2], states.shape[-1])
    final = states[..., -1, :] if u.shape[-2] else jnp.broadcast_to(initial.astype(states.dtype), at_end)
    return _read_out(output_matrix, states, pairs) + feedthrough * u, final


def step(
    decay: Array, input_matrix: Array, output_matrix: Array, feedthrough: Array, state: Array, u: Array,
    *, pairs: str = "half",
) -> tuple[Array, Array]:  # fmt: skip
    """One time of the recurrence, state' = Λ̄ state + B̄ u, and y read from state'.

    **Arguments**: decay (P) and input_matrix (P, H) as `discretize` gives them, output_matrix (H, P), feedthrough (H),
    state (…, P), u (…, H) real. **Returns**: y (…, H), complex for pairs="full", and state' (…, P).
    """
    decay, input_matrix, output_matrix, feedthrough, state, u = _alike(
        decay=decay, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough, state=state, u=u
    )
    _check_set(decay, input_matrix, name="decay")
    _check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    _require("state", state.shape[-1:] == decay.shape, f"(…, {decay.shape[0]})", state)
    _joined("state", u.shape[:-1], state.shape[:-1])
    following = decay * state + _driven(input_matrix, u)
    return _read_out(output_matrix, following, pairs) + feedthrough * u, following


def imaginary_penalty(y: Array, *, weight: float = 1.0) -> Array:
    """weight · mean over batch and time of Σ_h (Im y_h)², y (…, T, H) → (); zero for a real y, and of nothing."""
    (y,) = _alike(y=y)
    _require("y", y.ndim > 0, "(…, T, H)", y)
    return weight * jnp.square(y.imag).sum() / max(math.prod(y.shape[:-1]), 1)


def conjugate_symmetry_penalty(
    eigenvalues: Array, input_matrix: Array, output_matrix: Array, *, weight: float = 1.0
) -> Array:
    """weight · (mean |λ_j − conj λ_{j+P}|² + the same for the rows of B and the columns of C), () and ≥ 0.

    Full sets in the concatenated layout: eigenvalues (2P), input_matrix (2P, H), output_matrix (H, 2P). Zero exactly on
    symmetric sets.
    """
    eigenvalues, input_matrix, output_matrix = _alike(
        eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix
    )
    _check_set(eigenvalues, input_matrix)
    size = eigenvalues.shape[0]
    _require("eigenvalues", size % 2 == 0, "(2P), an even number", eigenvalues)
    _require("output_matrix", output_matrix.ndim == 2 and output_matrix.shape[1] == size, f"(H, {size})", output_matrix)
    sets = (eigenvalues, input_matrix, output_matrix.T)
    return weight * jnp.stack([_mean_square(x[: size // 2] - jnp.conj(x[size // 2 :])) for x in sets]).sum()


def training_loss(
    y: Array, target: Array, eigenvalues: Array, input_matrix: Array, output_matrix: Array,
    *, imaginary_weight: float = 1e-3, symmetry_weight: float = 1e-4,
) -> dict[str, Array]:  # fmt: skip
    """base = mean (Re y − target)², the two penalties under their weights, and total = their sum, each ().

    **Arguments**: y (…, T, H), target (…, T, H) real, the full sets as in `conjugate_symmetry_penalty`.
    """
    y, target, eigenvalues, input_matrix, output_matrix = _alike(
        y=y, target=target, eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix
    )
    _require("target", target.shape == y.shape, f"{y.shape} as y has", target)
    base = _mean_square(y.real - target)
    imaginary = imaginary_penalty(y, weight=imaginary_weight)
    symmetry = conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=symmetry_weight)
    return {"total": base + imaginary + symmetry, "base": base, "imaginary": imaginary, "symmetry": symmetry}


def gradient_flow(gradients: Mapping[str, Array]) -> dict[str, dict[str, dict[str, float | bool]]]:
    """Is the imaginary part learning? For the real and the imaginary part of each gradient:

    norm, the Euclidean one; zeros, the share of exact zeros, 0 of nothing; finite, no NaN and no infinity. A real
    gradient has no imaginary part.
    """
    found = {}
    for name, gradient in gradients.items():
        (gradient,) = _alike(**{f"gradients[{name!r}]": gradient})
        parts = {"real": gradient.real, "imaginary": gradient.imag}
        found[name] = {part: _flow(parts[part]) for part in parts if part == "real" or jnp.iscomplexobj(gradient)}
    return found


def statistics(eigenvalues: Array, step: Array, *, method: str = "zoh") -> dict[str, float]:
    """What a monitor shows of a set Λ (P ≥ 1) and its steps Δ (P), as plain numbers.

    The ranges of Re Λ, Im Λ and Δ; spectral_radius = max |Λ̄|; stable_share = share of |Λ̄| < 1; symmetry_violation =
    max |Λ̄_j − conj Λ̄_{j+P/2}| in the concatenated layout, NaN for an odd set.
    """
    eigenvalues, step = _alike(eigenvalues=eigenvalues, step=step)
    _require("eigenvalues", eigenvalues.ndim == 1 and eigenvalues.size > 0, "(P), P ≥ 1", eigenvalues)
    decay, _ = discretize(eigenvalues, jnp.zeros((eigenvalues.size, 0), eigenvalues.dtype), step, method=method)
    half, odd = divmod(decay.size, 2)
    found: dict[str, Array | float] = {}
    for name, x in (("real", eigenvalues.real), ("imaginary", eigenvalues.imag), ("step", step)):
        found[f"{name}_min"], found[f"{name}_max"] = x.min(), x.max()
    found["spectral_radius"] = jnp.abs(decay).max()
    found["stable_share"] = int((jnp.abs(decay) < 1).sum()) / decay.size
    found["symmetry_violation"] = math.nan if odd else jnp.abs(decay[:half] - jnp.conj(decay[half:])).max()
    return {name: float(value) for name, value in found.items()}


def _exponential_quotient(z: Array) -> Array:
    """(e^z − 1)/z, 1 at z = 0. In the unit disc its series Σ z^k/(k + 1)!, so that no derivative cancels either."""
    inside = jnp.abs(lax.stop_gradient(z)) <= 1
    near, far = jnp.where(inside, z, 0), jnp.where(inside, 1, z)
    series = jnp.asarray([1 / math.factorial(k + 1) for k in range(SERIES_TERMS)], z.real.dtype)
    power = near[:, None]
    while series.shape[-1] > 1:
        series = series[..., 0::2] + power * series[..., 1::2]
        power = power * power
    return jnp.where(inside, series[:, 0], (jnp.exp(far) - 1) / far)


def _product(x: Array, matrix: Array) -> Array:
    """x matrixᵀ in full precision: on a GPU the default would round single to 11 bits."""
    return jnp.matmul(x, matrix.T, precision=lax.Precision.HIGHEST)


def _driven(discrete: Array, u: Array) -> Array:
    """B̄ u as two real products."""
    return lax.complex(_product(u, discrete.real), _product(u, discrete.imag))


def _read_out(output_matrix: Array, states: Array, pairs: str) -> Array:
    """2 Re(C x) as two real products, or C x."""
    if pairs == "full":
        return _product(states, output_matrix.astype(states.dtype))
    return _product(states.real, 2 * output_matrix.real) - _product(states.imag, 2 * output_matrix.imag)


def _mean_square(x: Array) -> Array:
    """mean |x|², 0 of nothing."""
    return (jnp.square(x.real) + jnp.square(x.imag)).sum() / max(x.size, 1)


def _flow(part: Array) -> dict[str, float | bool]:
    values = np.asarray(part, np.float64)
    return {
        "norm": float(np.linalg.norm(values.ravel())),
        "zeros": int(np.count_nonzero(values == 0)) / max(values.size, 1),
        "finite": bool(np.isfinite(values).all()),
    }


def _at_rest(name: str, like: Array, initial: Array | None) -> Array:
    """`initial`, or zeros (P) for the last axis of `like`."""
    if initial is not None:
        return initial
    (like,) = _alike(**{name: like})
    return jnp.zeros(like.shape[-1:], like.dtype)


def _alike(**arrays: Array) -> tuple[Array, ...]:
    """The arrays, all of one precision; `step`, `u` and `target` are real."""
    (expected, model), *_ = arrays.items()
    for name, array in arrays.items():
        if not (hasattr(array, "dtype") and hasattr(array, "shape")):
            raise TypeError(f"{name}: expected an array, got {type(array).__name__}")
        if array.dtype not in (jnp.float32, jnp.float64, jnp.complex64, jnp.complex128):
            raise TypeError(f"{name}: expected float32, float64, complex64 or complex128, got {array.dtype}")
        if jnp.finfo(array.dtype).dtype != jnp.finfo(model.dtype).dtype:
            raise TypeError(f"{name}: expected the precision of {expected} ({model.dtype}), got {array.dtype}")
        if name in ("step", "u", "target") and jnp.iscomplexobj(array):
            raise TypeError(f"{name}: expected a real array, got {array.dtype}")
    return tuple(map(jnp.asarray, arrays.values()))


def _require(name: str, holds: bool, expected: str, array: Array) -> None:
    if not holds:
        raise ValueError(f"{name}: expected shape {expected}, got {array.shape}")


def _check_set(
    eigenvalues: Array, input_matrix: Array, step: Array | None = None, *, name: str = "eigenvalues"
) -> None:  # fmt: skip
    _require(name, eigenvalues.ndim == 1, "(P)", eigenvalues)
    size = eigenvalues.shape[0]
    _require("input_matrix", input_matrix.ndim == 2 and input_matrix.shape[0] == size, f"({size}, H)", input_matrix)
    if step is not None:
        _require("step", step.shape == eigenvalues.shape, f"({size})", step)


def _check_reading(input_matrix: Array, output_matrix: Array, feedthrough: Array, u: Array, pairs: str) -> None:
    size, channels = input_matrix.shape
    _require("output_matrix", output_matrix.shape == (channels, size), f"({channels}, {size})", output_matrix)
    _require("feedthrough", feedthrough.shape == (channels,), f"({channels})", feedthrough)
    _require("u", u.shape[-1:] == (channels,), f"(…, {channels})", u)
    if pairs not in ("half", "full"):
        raise ValueError(f"pairs: expected 'half' or 'full', got {pairs!r}")
    if pairs == "half" and jnp.iscomplexobj(feedthrough):
        raise TypeError(f"feedthrough: expected a real array beside pairs='half', got {feedthrough.dtype}")


def _check_scan(decay: Array, drive: Array, initial: Array) -> tuple[int, ...]:
    """The batch shape."""
    _require("drive", drive.ndim > 1, "(…, T, P)", drive)
    times, size = drive.shape[-2:]
    fits = decay.shape[-2:] == drive.shape[-2:] or decay.shape == (size,)
    _require("decay", fits, f"({size}) or (…, {times}, {size})", decay)
    _require("initial", initial.shape[-1:] == (size,), f"(…, {size})", initial)
    return _joined("initial", _joined("decay", drive.shape[:-2], decay.shape[:-2]), initial.shape[:-1])


def _joined(name: str, batch: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return jnp.broadcast_shapes(batch, own)
    except ValueError:
        raise ValueError(f"{name}: expected batch axes that broadcast with {batch}, got {own}") from None
