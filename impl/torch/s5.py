"""S5: a diagonal state space, discretised, scanned along time and read out; its losses and its reports.

x_t = Λ̄ x_{t−1} + B̄ u_t, and y_t = 2 Re(C x_t) + D u_t where one state of each conjugate pair is kept ("half"), or
y_t = C x_t + D u_t for a full set in the concatenated layout [λ; λ̄] ("full"). P states, H channels, T times. Gradients
follow PyTorch's convention ∂L/∂a + i ∂L/∂b and are real for real inputs. Every function takes float32 or float64 and
their complex partners, one precision and one device a call, and raises `TypeError` for other types and `ValueError` for
shapes and options that do not fit, naming the argument.
Source: Smith, Warrington, Linderman, Simplified State Space Layers for Sequence Modeling, 2023.
"""

import importlib
import importlib.util
import math
from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor

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

BLOCK = 2**16  # states whose products are summed at a time: half a MiB of single precision
SERIES_TERMS = 32  # a power of two for pairwise summation; in the unit disc 12 are enough for single, 20 for double


def hippo_n(n: int, *, dtype: torch.dtype = torch.complex64, device: torch.device | str | None = None) -> Tensor:
    """Eigenvalues of the normal part of HiPPO-LegS, (n) complex, Re = −½, by increasing imaginary part.

    They are −½ + i·eig(−iS) for the antisymmetric S_jk = √((j + ½)(k + ½)), j < k; found in double.
    Source: Gu, Gupta, Goel, Ré, On the Parameterization and Initialization of Diagonal State Space Models, 2022.
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"n: expected a whole number ≥ 0, got {type(n).__name__}")
    if n < 0:
        raise ValueError(f"n: expected a whole number ≥ 0, got {n}")
    if dtype not in (torch.complex64, torch.complex128):
        raise TypeError(f"dtype: expected complex64 or complex128, got {dtype}")
    weights = (torch.arange(n, dtype=torch.float64) + 0.5).sqrt()
    above = torch.outer(weights, weights).triu(1)
    frequencies = torch.linalg.eigvalsh(-1j * (above - above.mT))
    # The spectrum comes in pairs ±ω; half the difference of both makes them exact partners.
    frequencies = (frequencies - frequencies.flip(0)) / 2
    return torch.complex(torch.full_like(frequencies, -0.5), frequencies).to(dtype=dtype, device=device)


def discretize(
    eigenvalues: Tensor, input_matrix: Tensor, step: Tensor, *, method: str = "zoh"
) -> tuple[Tensor, Tensor]:
    """Λ̄ and B̄ of x' = Λ x + B u with u held for Δ = step; nothing is clamped. With z = ΛΔ,

    zoh: Λ̄ = e^z, B̄ = Δ (e^z − 1)/z · B, which is Δ·B at z = 0;  bilinear: Λ̄ = (1 + z/2)/(1 − z/2), B̄ = Δ/(1 − z/2) · B.

    **Arguments**: eigenvalues (P), input_matrix (P, H), step (P) real. **Returns**: (P) and (P, H).
    """
    _check_alike(eigenvalues=eigenvalues, input_matrix=input_matrix, step=step)
    _check_set(eigenvalues, input_matrix, step)
    z = eigenvalues * step
    if method == "zoh":
        decay, gain = torch.exp(z), step * _exponential_quotient(z)
    elif method == "bilinear":
        resolvent = 1 / (1 - z / 2)
        decay, gain = (1 + z / 2) * resolvent, step * resolvent
    else:
        raise ValueError(f"method: expected 'zoh' or 'bilinear', got {method!r}")
    return decay, gain.unsqueeze(-1) * input_matrix


def scan(decay: Tensor, drive: Tensor, initial: Tensor | None = None) -> Tensor:
    """States of x_t = decay_t x_{t−1} + drive_t from x_{−1} = initial.

    **Arguments**: decay (P), or (…, T, P) where it varies; drive (…, T, P); initial (…, P), zero if left out; batch
    axes broadcast. **Returns**: (…, T, P), complex unless all three are real. Differentiable to any order, in reverse
    and forward mode.
    """
    initial = _at_rest(drive, initial)
    _check_alike(drive=drive, decay=decay, initial=initial)
    batch = _check_scan(decay, drive, initial)
    if 0 in (*batch, *drive.shape):
        return decay * initial.unsqueeze(-2) + drive
    dtype = torch.promote_types(torch.promote_types(decay.dtype, drive.dtype), initial.dtype)
    varying = batch if decay.ndim > 2 else ()
    arrays = ((decay, varying, min(decay.ndim, 2)), (drive, batch, 2), (initial, batch, 1))
    flat = [
        x.to(dtype).expand(*own, *x.shape[x.ndim - core :]).reshape(math.prod(own), *x.shape[x.ndim - core :])
        for x, own, core in arrays
    ]
    return _Recurrence.apply(*flat, False).reshape(*batch, *drive.shape[-2:])


def apply(
    eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, step: Tensor, u: Tensor,
    initial: Tensor | None = None, *, method: str = "zoh", pairs: str = "half",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The whole layer: discretise, scan from `initial`, read out.

    **Arguments**: eigenvalues (P), input_matrix (P, H), output_matrix (H, P); feedthrough (H), step (P) and
    u (…, T, H) real; initial (…, P), zero if left out. pairs="full" takes 2P explicit states and gives a complex y.
    **Returns**: y (…, T, H) and the state after the last time (…, P), which is `initial` where T = 0.
    """
    initial = eigenvalues.new_zeros(eigenvalues.shape[-1:]) if initial is None else initial
    _check_alike(
        eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough,
        step=step, u=u, initial=initial,
    )  # fmt: skip
    _check_set(eigenvalues, input_matrix, step)
    _check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    _require("u", u.ndim > 1, f"(…, T, {u.shape[-1]})", u)
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    states = scan(decay, _driven(discrete, u), initial)
    final = states[..., -1, :].clone() if u.shape[-2] else initial.to(states.dtype).expand(*states.shape[:-2], -1)
    return _read_out(output_matrix, states, pairs) + feedthrough * u, final


def step(
    decay: Tensor, input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, state: Tensor, u: Tensor,
    *, pairs: str = "half",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One time of the recurrence, state' = Λ̄ state + B̄ u, and y read from state'.

    **Arguments**: decay (P) and input_matrix (P, H) as `discretize` gives them, output_matrix (H, P), feedthrough (H),
    state (…, P), u (…, H) real. **Returns**: y (…, H), complex for pairs="full", and state' (…, P).
    """
    _check_alike(
        decay=decay, input_matrix=input_matrix, output_matrix=output_matrix, feedthrough=feedthrough, state=state, u=u
    )
    _check_set(decay, input_matrix, name="decay")
    _check_reading(input_matrix, output_matrix, feedthrough, u, pairs)
    _require("state", state.shape[-1:] == decay.shape, f"(…, {decay.shape[0]})", state)
    _joined("state", u.shape[:-1], state.shape[:-1])
    following = decay * state + _driven(input_matrix, u)
    return _read_out(output_matrix, following, pairs) + feedthrough * u, following


def imaginary_penalty(y: Tensor, *, weight: float = 1.0) -> Tensor:
    """weight · mean over batch and time of Σ_h (Im y_h)², y (…, T, H) → (); zero for a real y, and of nothing."""
    _check_alike(y=y)
    _require("y", y.ndim > 0, "(…, T, H)", y)
    squares = y.imag.square() if y.is_complex() else torch.zeros_like(y) * y
    return weight * squares.sum() / max(math.prod(y.shape[:-1]), 1)


def conjugate_symmetry_penalty(
    eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor, *, weight: float = 1.0
) -> Tensor:
    """weight · (mean |λ_j − conj λ_{j+P}|² + the same for the rows of B and the columns of C), () and ≥ 0.

    Full sets in the concatenated layout: eigenvalues (2P), input_matrix (2P, H), output_matrix (H, 2P). Zero exactly on
    symmetric sets.
    """
    _check_alike(eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix)
    _check_set(eigenvalues, input_matrix)
    size = eigenvalues.shape[0]
    _require("eigenvalues", size % 2 == 0, "(2P), an even number", eigenvalues)
    _require("output_matrix", output_matrix.ndim == 2 and output_matrix.shape[1] == size, f"(H, {size})", output_matrix)
    total = eigenvalues.real.new_zeros(())
    for pairs in (eigenvalues, input_matrix, output_matrix.mT):
        kept, partner = pairs.chunk(2) if size else (pairs, pairs)
        total = total + _mean_square(kept - partner.conj())
    return weight * total


def training_loss(
    y: Tensor, target: Tensor, eigenvalues: Tensor, input_matrix: Tensor, output_matrix: Tensor,
    *, imaginary_weight: float = 1e-3, symmetry_weight: float = 1e-4,
) -> dict[str, Tensor]:  # fmt: skip
    """base = mean (Re y − target)², the two penalties under their weights, and total = their sum, each ().

    **Arguments**: y (…, T, H), target (…, T, H) real, the full sets as in `conjugate_symmetry_penalty`.
    """
    _check_alike(
        y=y, target=target, eigenvalues=eigenvalues, input_matrix=input_matrix, output_matrix=output_matrix
    )  # fmt: skip
    _require("target", target.shape == y.shape, f"{tuple(y.shape)} as y has", target)
    base = _mean_square(y.real - target)
    imaginary = imaginary_penalty(y, weight=imaginary_weight)
    symmetry = conjugate_symmetry_penalty(eigenvalues, input_matrix, output_matrix, weight=symmetry_weight)
    return {"total": base + imaginary + symmetry, "base": base, "imaginary": imaginary, "symmetry": symmetry}


def gradient_flow(gradients: Mapping[str, Tensor]) -> dict[str, dict[str, dict[str, float | bool]]]:
    """Is the imaginary part learning? For the real and the imaginary part of each gradient:

    norm, the Euclidean one; zeros, the share of exact zeros, 0 of nothing; finite, no NaN and no infinity. A real
    gradient has no imaginary part.
    """
    found = {}
    for name, gradient in gradients.items():
        _check_alike(**{f"gradients[{name!r}]": gradient})
        parts = {"real": gradient.real, "imaginary": gradient.imag} if gradient.is_complex() else {"real": gradient}
        found[name] = {part: _flow(values.detach()) for part, values in parts.items()}
    return found


def statistics(eigenvalues: Tensor, step: Tensor, *, method: str = "zoh") -> dict[str, float]:
    """What a monitor shows of a set Λ (P ≥ 1) and its steps Δ (P), as plain numbers.

    The ranges of Re Λ, Im Λ and Δ; spectral_radius = max |Λ̄|; stable_share = share of |Λ̄| < 1; symmetry_violation =
    max |Λ̄_j − conj Λ̄_{j+P/2}| in the concatenated layout, NaN for an odd set.
    """
    _check_alike(eigenvalues=eigenvalues, step=step)
    _require("eigenvalues", eigenvalues.ndim == 1 and eigenvalues.numel() > 0, "(P), P ≥ 1", eigenvalues)
    decay, _ = discretize(eigenvalues, eigenvalues.new_zeros((*eigenvalues.shape, 0)), step, method=method)
    half, odd = divmod(decay.shape[0], 2)
    broken = decay.new_full((1,), math.nan) if odd else decay[:half] - decay[half:].conj()
    found = {}
    for name, x in (("real", eigenvalues.real), ("imaginary", _imaginary(eigenvalues)), ("step", step)):
        found[f"{name}_min"], found[f"{name}_max"] = x.aminmax()
    found["spectral_radius"] = decay.abs().max()
    found["stable_share"] = (decay.abs() < 1).double().mean()
    found["symmetry_violation"] = broken.abs().max()
    return {name: value.item() for name, value in found.items()}


class _Recurrence(torch.autograd.Function):
    """The scan of flat arrays of one dtype, as the backends take them, and its derivatives, which are scans again."""

    @staticmethod
    def forward(decay, drive, initial, reverse):
        return _backend(drive.device).scan(decay, drive, initial, reverse)

    @staticmethod
    def setup_context(ctx, inputs, output):
        decay, _, initial, ctx.reverse = inputs
        ctx.save_for_backward(decay, initial, output)
        ctx.save_for_forward(decay, initial, output)

    @staticmethod
    def backward(ctx, cotangent):
        """g_t = ḡ_t + conj(λ_{t+1}) g_{t+1}; ∂drive = g, ∂λ_t = g_t conj(x_{t−1}), ∂initial = conj(λ_0) g_0."""
        decay, initial, states = ctx.saved_tensors
        backend = _backend(states.device)
        if hasattr(backend, "scan_vjp") and not ctx.reverse and not torch.is_grad_enabled():
            return *backend.scan_vjp(decay, states, initial, cotangent), None
        constant, first = decay.ndim == 2, -1 if ctx.reverse else 0
        nothing = torch.zeros_like(initial)
        onward = decay if constant else _delayed(decay, torch.zeros_like(decay[:, 0]), not ctx.reverse)
        flow = _Recurrence.apply(onward.conj(), cotangent, nothing, not ctx.reverse)
        on_decay = on_initial = None
        if ctx.needs_input_grad[0]:
            if constant:
                on_decay = _correlation(flow, states, initial, ctx.reverse)
            else:
                on_decay = flow * _delayed(states, initial, ctx.reverse).conj()
            on_decay = on_decay.unflatten(0, (decay.shape[0], -1)).sum(1)
        if ctx.needs_input_grad[2]:
            on_initial = flow[:, first] * (decay if constant else decay[:, first]).conj()
        return on_decay, flow, on_initial, None

    @staticmethod
    def jvp(ctx, decay_tangent, drive_tangent, initial_tangent, _):
        """The tangent δx follows the same recurrence, driven by δd_t + δλ_t x_{t−1} from δinitial."""
        decay, initial, states = ctx.saved_tensors
        drive = torch.zeros_like(states) if drive_tangent is None else drive_tangent
        if decay_tangent is not None:
            along = decay_tangent.unsqueeze(1) if decay.ndim == 2 else decay_tangent
            drive = drive + along * _delayed(states, initial, ctx.reverse)
        start = torch.zeros_like(initial) if initial_tangent is None else initial_tangent
        return _Recurrence.apply(decay, drive, start, ctx.reverse)

    @staticmethod
    def vmap(info, in_dims, decay, drive, initial, reverse):
        """The mapped axis becomes the outer part of the batch; a decay that it does not reach stays one."""
        drive, initial = (_mapped(info, dim, x) for dim, x in zip(in_dims[1:3], (drive, initial), strict=True))
        if in_dims[0] is not None or decay.shape[0] > 1:
            decay = _mapped(info, in_dims[0], decay)
            decay = decay.expand(-1, drive.shape[1], *decay.shape[2:]).flatten(0, 1)
        states = _Recurrence.apply(decay, drive.flatten(0, 1), initial.flatten(0, 1), reverse)
        return states.unflatten(0, drive.shape[:2]), 0


def _backend(device: torch.device) -> ModuleType:
    triton = device.type == "cuda" and importlib.util.find_spec("triton") is not None
    return importlib.import_module("impl.torch.cuda.s5" if triton else "impl.torch.chunked.s5")


def _delayed(x: Tensor, first: Tensor, reverse: bool) -> Tensor:
    """x_{t−1}, or x_{t+1} reversed: (B, T, P) moved by one time in the order of the recurrence, `first` moving in."""
    first = first.unsqueeze(1)
    return torch.cat([x[:, 1:], first] if reverse else [first, x[:, :-1]], 1)


def _correlation(flow: Tensor, states: Tensor, initial: Tensor, reverse: bool) -> Tensor:
    """Σ_t g_t conj(x_{t−1}), (B, P), by blocks that stay in the cache instead of one more array of states."""
    first = flow[:, -1 if reverse else 0] * initial.conj()
    later, earlier = (flow[:, :-1], states[:, 1:]) if reverse else (flow[:, 1:], states[:, :-1])
    block = max(BLOCK // first.numel(), 1)
    pairs = zip(later.split(block, 1), earlier.split(block, 1), strict=True)
    return torch.stack([first, *((g * x.conj()).sum(1) for g, x in pairs)]).sum(0)


def _mapped(info, dim: int | None, x: Tensor) -> Tensor:
    return x.expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)


def _exponential_quotient(z: Tensor) -> Tensor:
    """(e^z − 1)/z, 1 at z = 0. In the unit disc its series Σ z^k/(k + 1)!, so that no derivative cancels either."""
    inside = z.detach().abs() <= 1
    near, far = torch.where(inside, z, 0), torch.where(inside, 1, z)
    terms = [1 / math.factorial(k + 1) for k in range(SERIES_TERMS)]
    series = torch.tensor(terms, dtype=z.dtype.to_real(), device=z.device)
    power = near.unsqueeze(-1)
    while series.shape[-1] > 1:
        series = series[..., 0::2] + power * series[..., 1::2]
        power = power.square()
    return torch.where(inside, series.squeeze(-1), (torch.exp(far) - 1) / far)


def _driven(discrete: Tensor, u: Tensor) -> Tensor:
    """B̄ u as one real product: real and imaginary parts are neighbouring columns."""
    pairs = torch.view_as_real(discrete.to(discrete.dtype.to_complex()).resolve_conj())
    states = u @ pairs.transpose(0, 1).flatten(1)
    return torch.view_as_complex(states.unflatten(-1, pairs.shape[::2]))


def _read_out(output_matrix: Tensor, states: Tensor, pairs: str) -> Tensor:
    """2 Re(C x) as one real product, or C x."""
    if pairs == "full":
        return states @ output_matrix.to(states.dtype).mT
    parts = torch.stack([2 * output_matrix.real, -2 * _imaginary(output_matrix)], -1)
    return torch.view_as_real(states.resolve_conj()).flatten(-2) @ parts.flatten(1).mT


def _imaginary(x: Tensor) -> Tensor:
    return x.imag if x.is_complex() else torch.zeros_like(x)


def _mean_square(x: Tensor) -> Tensor:
    """mean |x|², 0 of nothing."""
    squares = torch.view_as_real(x.resolve_conj()).square() if x.is_complex() else x.square()
    return squares.sum() / max(x.numel(), 1)


def _flow(part: Tensor) -> dict[str, float | bool]:
    return {
        "norm": torch.linalg.vector_norm(part.double()).item(),
        "zeros": (part == 0).sum().item() / max(part.numel(), 1),
        "finite": bool(torch.isfinite(part).all()),
    }


def _at_rest(drive: Tensor, initial: Tensor | None) -> Tensor:
    if initial is not None or not isinstance(drive, Tensor):
        return initial if initial is not None else torch.zeros(())
    return drive.new_zeros(drive.shape[-1:])


def _check_alike(**arrays: Tensor) -> None:
    """Tensors, of one precision and on one device; `step`, `feedthrough` and `u` real."""
    (expected, model), *_ = arrays.items()
    for name, array in arrays.items():
        if not isinstance(array, Tensor):
            raise TypeError(f"{name}: expected a torch.Tensor, got {type(array).__name__}")
        if array.dtype not in (torch.float32, torch.float64, torch.complex64, torch.complex128):
            raise TypeError(f"{name}: expected float32, float64, complex64 or complex128, got {array.dtype}")
        if array.dtype.to_real() != model.dtype.to_real():
            raise TypeError(f"{name}: expected the precision of {expected} ({model.dtype}), got {array.dtype}")
        if array.device != model.device:
            raise ValueError(f"{name}: expected the device of {expected} ({model.device}), got {array.device}")
        if name in ("step", "u", "target") and array.is_complex():
            raise TypeError(f"{name}: expected a real tensor, got {array.dtype}")


def _require(name: str, holds: bool, expected: str, array: Tensor) -> None:
    if not holds:
        raise ValueError(f"{name}: expected shape {expected}, got {tuple(array.shape)}")


def _check_set(
    eigenvalues: Tensor, input_matrix: Tensor, step: Tensor | None = None, *, name: str = "eigenvalues"
) -> None:
    _require(name, eigenvalues.ndim == 1, "(P)", eigenvalues)
    size = eigenvalues.shape[0]
    _require("input_matrix", input_matrix.ndim == 2 and input_matrix.shape[0] == size, f"({size}, H)", input_matrix)
    if step is not None:
        _require("step", step.shape == eigenvalues.shape, f"({size})", step)


def _check_reading(input_matrix: Tensor, output_matrix: Tensor, feedthrough: Tensor, u: Tensor, pairs: str) -> None:
    size, channels = input_matrix.shape
    _require("output_matrix", output_matrix.shape == (channels, size), f"({channels}, {size})", output_matrix)
    _require("feedthrough", feedthrough.shape == (channels,), f"({channels})", feedthrough)
    _require("u", u.shape[-1:] == (channels,), f"(…, {channels})", u)
    if pairs not in ("half", "full"):
        raise ValueError(f"pairs: expected 'half' or 'full', got {pairs!r}")
    if pairs == "half" and feedthrough.is_complex():
        raise TypeError(f"feedthrough: expected a real tensor beside pairs='half', got {feedthrough.dtype}")


def _check_scan(decay: Tensor, drive: Tensor, initial: Tensor) -> torch.Size:
    """The batch shape."""
    _require("drive", drive.ndim > 1, "(…, T, P)", drive)
    times, size = drive.shape[-2:]
    fits = decay.shape[-2:] == drive.shape[-2:] or decay.shape == (size,)
    _require("decay", fits, f"({size}) or (…, {times}, {size})", decay)
    _require("initial", initial.shape[-1:] == (size,), f"(…, {size})", initial)
    return _joined("initial", _joined("decay", drive.shape[:-2], decay.shape[:-2]), initial.shape[:-1])


def _joined(name: str, batch: torch.Size, own: torch.Size) -> torch.Size:
    if batch == own or not own:
        return batch
    try:
        return torch.broadcast_shapes(batch, own)
    except RuntimeError:
        raise ValueError(f"{name}: expected batch axes that broadcast with {tuple(batch)}, got {tuple(own)}") from None
