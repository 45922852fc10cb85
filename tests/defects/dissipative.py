"""Planted defects of the dissipative row."""

import torch

from impl.torch import dissipative as honest
from impl.torch.tridiagonal import resolvent_diagonal
from tests.defects.defect import Defect, defect, defects_in

POTENTIAL, LAYER, PROPAGATE = "dissipative.potential", "dissipative.layer", "dissipative.propagate"
NORM, RATIO = "dissipative.schatten_norm", "dissipative.overdamping"
HONEST = {
    POTENTIAL: honest.potential,
    LAYER: honest.layer,
    PROPAGATE: honest.propagate,
    NORM: honest.schatten_norm,
    RATIO: honest.overdamping,
}


@defect(POTENTIAL)
def base_decay_forgotten(x, value_weight, decay_weight, *, base_decay=0.01):
    """Γ = softplus alone: it underflows to 0 in single precision (MUSE)."""
    return honest.potential(x, value_weight, decay_weight, base_decay=0.0)


@defect(POTENTIAL)
def exponential_overflows(x, value_weight, decay_weight, *, base_decay=0.01):
    """log(1 + eˣ) as it stands: infinite for large logits."""
    return torch.complex(x @ value_weight, -(torch.log1p(torch.exp(x @ decay_weight)) + base_decay))


@defect(POTENTIAL)
def gain_instead_of_loss(x, value_weight, decay_weight, *, base_decay=0.01):
    """V + iΓ: the state grows."""
    return honest.potential(x, value_weight, decay_weight, base_decay=base_decay).conj().resolve_conj()


@defect(POTENTIAL)
def decay_without_gradient(x, value_weight, decay_weight, *, base_decay=0.01):
    """Γ leaves the graph; its weight receives a gradient of zeros (MUSE)."""
    found = honest.potential(x, value_weight, decay_weight, base_decay=base_decay)
    return torch.complex(found.real, found.imag.detach() + 0 * (x @ decay_weight))


@defect(POTENTIAL, dtype="float64")
def softplus_with_a_threshold(x, value_weight, decay_weight, *, base_decay=0.01):
    """torch's softplus is linear above 20: 2·10⁻⁹ off, which double precision can see."""
    decay = torch.nn.functional.softplus(x @ decay_weight) + base_decay
    return torch.complex(x @ value_weight, -decay)


@defect(LAYER)
def decay_never_enters(x, value_weight, decay_weight, upper, lower, shift, *, base_decay=0.01):
    """G of H with V alone on its diagonal: Γ is computed and not used (MUSE as published)."""
    main = honest.potential(x, value_weight, decay_weight, base_decay=base_decay)
    resolvent = resolvent_diagonal(main.real + 0 * main.imag, upper, lower, shift)
    return torch.stack([resolvent.real, resolvent.imag], -1)


@defect(LAYER)
def decay_added_to_the_shift(x, value_weight, decay_weight, upper, lower, shift, *, base_decay=0.01):
    """The mean Γ broadens z instead of each site."""
    main = honest.potential(x, value_weight, decay_weight, base_decay=base_decay)
    resolvent = resolvent_diagonal(main.real, upper, lower, shift - 1j * main.imag.mean(-1))
    return torch.stack([resolvent.real, resolvent.imag], -1)


@defect(LAYER)
def parts_exchanged(x, value_weight, decay_weight, upper, lower, shift, *, base_decay=0.01):
    """[Im G, Re G]."""
    return honest.layer(x, value_weight, decay_weight, upper, lower, shift, base_decay=base_decay).flip(-1)


@defect(LAYER)
def clamped_features(x, value_weight, decay_weight, upper, lower, shift, *, base_decay=0.01):
    """|Re G|, |Im G| ≤ ½ (MUSE's clamp, tighter)."""
    found = honest.layer(x, value_weight, decay_weight, upper, lower, shift, base_decay=base_decay)
    return torch.clamp(found, -0.5, 0.5)


@defect(PROPAGATE)
def one_euler_step(main, upper, lower, state, *, time):
    """ψ − iHψ t: first order, and the norm grows."""
    moved = honest.propagate(main, upper, lower, state, time=time / 2**10) - state
    return state + moved * 2**10


@defect(PROPAGATE)
def hermitian_part_only(main, upper, lower, state, *, time):
    """Γ is dropped: the norm does not decay."""
    return honest.propagate(main.real + 0 * main, upper, lower, state, time=time)


@defect(PROPAGATE)
def backwards(main, upper, lower, state, *, time):
    """e^{+iHt}."""
    return honest.propagate(main, upper, lower, state, time=-time)


@defect(PROPAGATE)
def decay_applied_twice(main, upper, lower, state, *, time):
    """e^{−Γt} once more beside e^{−iHt}: ‖ψ‖² taken for ‖ψ‖."""
    return honest.propagate(main, upper, lower, state, time=time) * torch.exp(main.imag * time)


@defect(PROPAGATE)
def renormalised(main, upper, lower, state, *, time):
    """ψ(t) is scaled back to the norm of ψ(0)."""
    found = honest.propagate(main, upper, lower, state, time=time)
    return found * (torch.linalg.vector_norm(state, dim=-1) / torch.linalg.vector_norm(found, dim=-1))[..., None]


@defect(NORM)
def root_forgotten(potential, *, p):
    """Σ|v|^p without the root."""
    return honest.schatten_norm(potential, p=p) ** (p if p < 8 else 1)


@defect(NORM)
def powers_overflow(potential, *, p):
    """|v|^p without scaling."""
    moduli = potential.abs()
    return moduli.amax(-1) if p == float("inf") else (moduli**p).sum(-1) ** (1 / p)


@defect(NORM)
def mean_instead_of_sum(potential, *, p):
    """The mean of |v|^p."""
    return honest.schatten_norm(potential, p=p) / potential.shape[-1] ** (1 / p)


@defect(RATIO)
def mean_without_modulus(potential):
    """Mean Γ over |mean V|: V that cancels looks overdamped."""
    return -potential.imag.mean(-1) / potential.real.mean(-1).abs()


@defect(RATIO)
def epsilon_in_the_ratio(potential):
    """1e-8 beside mean |V|."""
    return -potential.imag.mean(-1) / (potential.real.abs().mean(-1) + 1e-8)


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
