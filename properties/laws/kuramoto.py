"""Laws of sine attention and of the Kuramoto coupling."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, law
from reference.numbers import Gauged

Q, K, V, LAG = range(4)
PHASE, FREQUENCY, COUPLING, BEHIND = range(4)
GRID = 2.0**-5  # a shift of phases by a multiple of it is exact in every dtype


def _with(case: Case, **inputs: np.ndarray) -> Case:
    """Inputs by position: _0=…, _3=…"""
    return case.with_inputs(*(inputs.get(f"_{i}", array) for i, array in enumerate(case.inputs)))


def _tolerances(implementation: Implementation, *cases: Case) -> np.ndarray:
    return np.sum([implementation.expected(case)[0].tolerance for case in cases], axis=0)


@law()
def linear_in_values(implementation: Implementation, case: Case) -> float:
    """The response to a sum of values is the sum of the responses."""
    v = case.inputs[V]
    kept = case.random().random(v.shape) < 0.5
    parts = [_with(case, _2=np.where(kept, v, 0)), _with(case, _2=np.where(kept, 0, v))]
    summed = np.sum([implementation(part)[0] for part in parts], axis=0)
    allowed = Gauged(implementation(case)[0], _tolerances(implementation, case, *parts))
    return compare("sum of two responses", (summed,), (allowed,))


@law()
def full_turn(implementation: Implementation, case: Case) -> float:
    """lag + 2π is lag, but for the rounding of lag + 2π to the dtype."""
    turned = _with(case, _3=case.inputs[LAG] + 2 * np.pi)
    off = np.abs(turned.inputs[LAG] - case.inputs[LAG] - 2 * np.pi) * _largest_slope(implementation, case)
    allowed = Gauged(implementation(case)[0], _tolerances(implementation, case, turned) + off)
    return compare("lag + 2π", implementation(turned), (allowed,))


def _largest_slope(implementation: Implementation, case: Case) -> np.ndarray:
    """|∂out/∂lag| never exceeds Σ_j |v_j|, or the coupling."""
    if "coupling" in implementation.kernel.arguments:
        return np.abs(case.inputs[COUPLING])
    return np.sum(np.abs(case.inputs[V]), axis=-2, keepdims=True)


@law()
def angle_addition(implementation: Implementation, case: Case) -> float:
    """attend(lag) = cos(lag)·attend(0) + sin(lag)·attend(π/2)."""
    lag = float(case.inputs[LAG])
    parts = [_with(case, _3=np.asarray(at)) for at in (0.0, np.pi / 2)]
    (upright,), (aside,) = map(implementation, parts)
    first, second = (implementation.expected(part)[0].tolerance for part in parts)
    off = np.abs(parts[1].inputs[LAG] - np.pi / 2) * _largest_slope(implementation, case)
    allowed = _tolerances(implementation, case) + np.abs(np.cos(lag)) * first + np.abs(np.sin(lag)) * (second + off)
    joined = np.cos(lag) * upright + np.sin(lag) * aside
    return compare("cos(lag)·attend(0) + sin(lag)·attend(π/2)", (joined,), (Gauged(implementation(case)[0], allowed),))


@law()
def odd(implementation: Implementation, case: Case) -> float:
    """−q and −lag give the negative."""
    mirrored = case.with_inputs(-case.inputs[Q], *case.inputs[K:LAG], -case.inputs[LAG])
    allowed = Gauged(implementation(case)[0], _tolerances(implementation, case, mirrored))
    return compare("mirrored phases", (-implementation(mirrored)[0],), (allowed,))


def _causal(case: Case, implementation: Implementation) -> Case:
    return replace(case, options={**case.options, "causal": True})


@law(judged=None, adapt=_causal)
def causality(implementation: Implementation, case: Case) -> float:
    """Causal: later queries, keys and values change no bit of an earlier output."""
    *arrays, lag = case.inputs
    until = int(case.random().integers(case.inputs[Q].shape[-2])) + 1
    later = [np.where(np.arange(x.shape[-2])[:, None] < until, x, -2 * x[..., ::-1, :]) for x in arrays]
    plain, other = (implementation(one)[0][..., :until, :] for one in (case, case.with_inputs(*later, lag)))
    if plain.tobytes() != other.tobytes():
        raise Falsified(f"{np.count_nonzero(plain != other)} of the first {plain.size} values know of a later time")
    return 0.0


def _without_causal(case: Case, implementation: Implementation) -> Case:
    return replace(case, options={name: value for name, value in case.options.items() if name != "causal"})


@law(adapt=_without_causal)
def permutation_of_keys(implementation: Implementation, case: Case) -> float:
    """Keys and values in another order give the same."""
    q, k, v, lag = case.inputs
    order = case.random().permutation(k.shape[-2])
    permuted = case.with_inputs(q, k[..., order, :], v[..., order, :], lag)
    allowed = Gauged(implementation(case)[0], 2 * _tolerances(implementation, case))
    return compare("permuted keys", implementation(permuted), (allowed,))


def _on_a_grid(case: Case, implementation: Implementation) -> Case:
    """Phases of at most a turn, multiples of 2⁻⁵."""
    phase = np.round(np.remainder(case.inputs[PHASE], 4.0) / GRID) * GRID
    return _with(case, _0=phase)


@law(adapt=_on_a_grid)
def common_phase_shift(implementation: Implementation, case: Case) -> float:
    """The same angle added to all phases changes nothing."""
    step = GRID * int(case.random().integers(1, 32))
    turned = _with(case, _0=case.inputs[PHASE] + step)
    allowed = Gauged(implementation(case)[0], _tolerances(implementation, case, turned))
    return compare("turned phases", implementation(turned), (allowed,))


def _without_lag(case: Case, implementation: Implementation) -> Case:
    return _with(case, _3=np.asarray(0.0))


@law(adapt=_without_lag)
def mean_frequency_is_conserved(implementation: Implementation, case: Case) -> float:
    """Without lag the coupling moves no mean: Σ_i out_i = Σ_i ω_i."""
    (actual,), (expected,) = implementation(case), implementation.expected(case)
    frequency = np.broadcast_to(case.inputs[FREQUENCY], actual.shape)
    found = (actual - frequency).sum(-1)
    return compare("Σ (out − ω)", (found,), (Gauged(0 * found, expected.tolerance.sum(-1)),))


@law()
def direct_sum(implementation: Implementation, case: Case) -> float:
    """ω_i + K/N Σ_j sin(θ_j − θ_i − lag), term by term."""
    phase, frequency, coupling, lag = case.inputs
    terms = np.sin(phase[..., None, :] - phase[..., :, None] - lag)
    exact = frequency + coupling * terms.mean(-1)
    return compare("direct sum", implementation(case), (Gauged(exact, implementation.expected(case)[0].tolerance),))


@law()
def uncoupled(implementation: Implementation, case: Case) -> float:
    """Without coupling each oscillator keeps its own frequency."""
    free = _with(case, _2=np.asarray(0.0))
    (actual,), (expected,) = implementation(free), implementation.expected(free)
    own = np.broadcast_to(case.inputs[FREQUENCY], actual.shape)
    return compare("uncoupled", (actual,), (Gauged(own, expected.tolerance),))


ATTENTION = (linear_in_values, full_turn, angle_addition, odd, causality, permutation_of_keys)
OSCILLATORS = (common_phase_shift, mean_frequency_is_conserved, direct_sum, uncoupled, full_turn)
