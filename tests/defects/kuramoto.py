"""Planted defects of the Kuramoto row: wrong phases, wrong masks, wrong means."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impl.torch import kuramoto as shipped
from tests.defects.defect import Defect, defect, defects_in, story_of
from tests.defects.half import kind_for

ATTEND, COUPLING = "kuramoto.attend", "kuramoto.phase_coupling"


def phases(q: Tensor, k: Tensor, lag: Tensor, scale: float) -> Tensor:
    return scale * (q @ k.mT) + lag


def masked(response: Tensor, causal: bool) -> Tensor:
    return response.tril() if causal else response


@dataclass(frozen=True)
class Algorithm:
    """Sine attention in parts, each of which a defect may replace."""

    phases: Callable = phases
    response: Callable = torch.sin
    masked: Callable = masked

    def attend(self, q: Tensor, k: Tensor, v: Tensor, lag: Tensor, *, causal: bool = False, scale: float = 1.0):
        shipped.attend(q, k, v, lag)
        inside = [x.to(torch.promote_types(x.dtype, torch.float32)) for x in (q, k, v, lag)]
        response = self.response(self.phases(*inside[:2], inside[3], scale))
        return (self.masked(response, causal) @ inside[2]).to(v.dtype)


def mean_field(phase: Tensor, frequency: Tensor, coupling: Tensor, lag: Tensor) -> Tensor:
    shipped.phase_coupling(phase, frequency, coupling, lag)
    cosine, sine = (part.sum(-1, keepdim=True) / max(phase.shape[-1], 1) for part in (phase.cos(), phase.sin()))
    return frequency + coupling * (sine * (phase + lag).cos() - cosine * (phase + lag).sin())


def instead_of(part: str, dtype: str = "float32", **judged: str) -> Callable[[Callable], Defect]:
    """Make a Defect of a wrong part: its name is the function's, its story the docstring."""

    def make(wrong: Callable) -> Defect:
        function = replace(Algorithm(), **{part: wrong}).attend
        return kind_for(dtype)(
            wrong.__name__, ATTEND, function, story_of(wrong), wrong.__module__, dtype=dtype, **judged
        )

    return make


@instead_of("phases")
def lag_without_gradient(q, k, lag, scale):
    """The gradient of the lag is zero."""
    return phases(q, k, lag.detach() + 0 * lag, scale)


@instead_of("phases")
def lag_scaled(q, k, lag, scale):
    """scale·(⟨q, k⟩ + lag): right for a scale of 1."""
    return scale * (q @ k.mT + lag)


@instead_of("phases")
def lag_taken_off(q, k, lag, scale):
    """⟨q, k⟩ − lag."""
    return phases(q, k, -lag, scale)


@instead_of("phases")
def gradient_of_one_turn(q, k, lag, scale):
    """The reduction of the phase to one turn is differentiated as if it were the remainder of the gradient: zero
    beyond half a turn."""
    phase = phases(q, k, lag, scale)
    return torch.where(phase.abs() <= torch.pi, phase, torch.remainder(phase, 2 * torch.pi).detach())


@instead_of("response")
def sine_by_series(phase):
    """x − x³/6 + x⁵/120: right for small phases."""
    return phase - phase**3 / 6 + phase**5 / 120


@instead_of("response")
def cosine(phase):
    """The cosine for the sine."""
    return phase.cos()


@instead_of("response")
def short_reduction(phase):
    """Turns are taken off with π rounded to float16."""
    turn = 2 * torch.tensor(torch.pi).half().to(phase.dtype)
    return (phase - turn * (phase / turn).round()).sin()


@instead_of("response")
def normalised_like_a_softmax(phase):
    """The weights of a query are divided by the number of keys."""
    return phase.sin() / max(phase.shape[-1], 1)


@instead_of("response", dtype="float16")
def sine_in_eight_bits(phase):
    """The sines pass through float8."""
    return phase.sin().to(torch.float8_e5m2).to(phase.dtype)


@instead_of("response", dtype="bfloat16")
def phases_wrapped_in_bfloat16(phase):
    """The phase is reduced to a turn in bfloat16 and a half of it lost."""
    return (phase.bfloat16().to(phase.dtype) / 2).sin() * 2


@instead_of("masked")
def sine_mask_missing(response, causal):
    """Causal or not, all keys count."""
    return response


@defect(ATTEND)
def masked_before_the_sine(q, k, v, lag, *, causal=False, scale=1.0):
    """Masked phases are set to the lag, whose sine is not zero: right at lag 0."""
    product = q @ k.mT
    return (scale * (product.tril() if causal else product) + lag).sin() @ v


@instead_of("masked")
def ragged_end_forgotten(response, causal):
    """More than a tile of keys are read by whole tiles of 64; the rest is left."""
    keys = response.shape[-1]
    read = torch.arange(keys, device=response.device) < (keys // 64 * 64 or keys)
    return masked(response * read, causal)


@instead_of("phases", "float16")
def lag_summed_in_half(q, k, lag, scale):
    """The gradient of the lag is a sum over rows in half precision, where each row's may overflow."""
    return phases(q, k, lag.half().expand(len(q), 1, 1).float() if q.ndim == 3 else lag, scale)


@defect(COUPLING)
def others_only(phase, frequency, coupling, lag):
    """K/(N − 1) for K/N."""
    pull = mean_field(phase, 0 * frequency, coupling, lag)
    return frequency + pull * phase.shape[-1] / max(phase.shape[-1] - 1, 1)


@defect(COUPLING)
def pushed_away(phase, frequency, coupling, lag):
    """sin(θ_i − θ_j − lag): the wrong sign of the difference."""
    return mean_field(-phase, frequency, coupling, lag)


@defect(COUPLING)
def lag_of_the_wrong_sign(phase, frequency, coupling, lag):
    """sin(θ_j − θ_i + lag): right at lag 0."""
    return mean_field(phase, frequency, coupling, -lag)


@defect(COUPLING)
def field_without_gradient(phase, frequency, coupling, lag):
    """The mean field is taken for a constant in the gradient."""
    cosine, sine = (part.mean(-1, keepdim=True).detach() for part in (phase.cos(), phase.sin()))
    return frequency + coupling * (sine * (phase + lag).cos() - cosine * (phase + lag).sin())


@defect(COUPLING)
def attention_on_unit_vectors(phase, frequency, coupling, lag):
    """sin(⟨q_i, k_j⟩ + lag) of unit vectors for Sakaguchi's coupling (ManifoldFormer): sin 1 in synchrony."""
    alike = (phase[..., :, None] - phase[..., None, :]).cos()
    return frequency + coupling * (alike + lag).sin().mean(-1)


@defect(COUPLING)
def field_of_the_batch(phase, frequency, coupling, lag):
    """The mean field is that of all rows of the batch together."""
    cosine, sine = phase.cos().mean(), phase.sin().mean()
    return frequency + coupling * (sine * (phase + lag).cos() - cosine * (phase + lag).sin())


DEFECTS: tuple[Defect, ...] = defects_in(list(vars().values()))
HONEST = {ATTEND: Algorithm().attend, COUPLING: mean_field}
