"""Long sequences: the recurrence in double precision, with a running bound of what an implementation may err.

An implementation errs in each step like x_t = λ(1 + δ_λ) x_{t−1} + b_t(1 + δ_b), rounded: one product, one sum. With u
the unit roundoff, granted = 3u for an input and μ u for a complex product, moduli obey

    e_t = |λ|(1 + granted + μu) e_{t−1} + (granted + μu)|λ||x_{t−1}| + granted |b_t| + u|x_t|,

(Higham, Accuracy and Stability, ch. 3). Powers of λ by repeated squaring are covered: they lose at most μu for each
time. The bound is a recurrence itself and runs in O(T), channel by channel, in compiled code.
"""

from dataclasses import replace

import numpy as np
from scipy.signal import lfilter

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import law
from reference.numbers import ARITHMETICS, Arithmetic, Gauged, gauge
from reference.numbers.arithmetic import DEVIATIONS
from reference.numbers.constants import ELEMENTWISE

JUDGE = replace(ARITHMETICS["float64"], input=0.0)
LENGTHS = (4_099, 100_003, 1_000_000)
MEMORIES = (1, 30, 1_000, 10_000)  # 1/(1 − |λ|) of the four states


def _long(case: Case, implementation: Implementation) -> Case:
    """Four states, from forgetful to slow, one real; complex drive and initial state; the longest that is asked for."""
    random = case.random()
    asked = [length for length in LENGTHS if length <= (implementation.longest or length)] or [LENGTHS[0]]
    times = asked[case.seed % len(asked)]
    turn = np.exp(1j * random.uniform(-np.pi, np.pi, len(MEMORIES)))
    turn[case.seed % len(MEMORIES)] = 1
    modulus = 1 - 1 / (1 + np.asarray(MEMORIES))
    drive, initial = (random.normal(size=(*n, 4)) + 1j * random.normal(size=(*n, 4)) for n in ((times,), ()))
    return case.with_inputs(modulus * turn, drive, initial, drawn=f"sequence of {times} times")


def recurrence(decay: np.ndarray, drive: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """x_t = λ x_{t−1} + b_t along the first axis, state by state, in double precision."""
    columns = [lfilter([1.0], [1.0, -decay[i]], drive[:, i], zi=[decay[i] * initial[i]])[0] for i in range(decay.size)]
    return np.stack(columns, axis=-1)


def running_bound(
    decay: np.ndarray, drive: np.ndarray, initial: np.ndarray, states: np.ndarray, arithmetic: Arithmetic
) -> np.ndarray:  # fmt: skip
    """e_t above, (T, P), and that of the judging recurrence itself."""
    return _error(decay, drive, initial, states, arithmetic) + _error(decay, drive, initial, states, JUDGE)


def _error(
    decay: np.ndarray, drive: np.ndarray, initial: np.ndarray, states: np.ndarray, arithmetic: Arithmetic
) -> np.ndarray:  # fmt: skip
    unit = arithmetic.elementwise
    granted = DEVIATIONS * arithmetic.input
    per_product = granted + ELEMENTWISE["multiply"].complex * unit
    before = np.concatenate([initial[None], states[:-1]])
    own = per_product * np.abs(decay * before) + granted * np.abs(drive) + unit * np.abs(states)
    first = granted * np.abs(initial)
    with np.errstate(all="ignore"):  # where |λ| and its errors exceed 1, the bound grows beyond all numbers
        error = recurrence(np.abs(decay) * (1 + per_product), own, first) + arithmetic.output * np.abs(states)
    return _or_anything(error)


@law(judged=None, adapt=_long, rare=True)
def long_sequence_values(implementation: Implementation, case: Case) -> float:
    """In a sequence of up to 10⁶ times every state is that of the recurrence, within its running error bound."""
    decay, drive, initial = case.inputs
    states = recurrence(decay, drive, initial)
    tolerance = running_bound(decay, drive, initial, states, implementation.arithmetic)
    return compare("state", implementation(case), (Gauged(states, tolerance),))


@law(judged=None, adapt=_long, rare=True)
def long_sequence_gradients(implementation: Implementation, case: Case) -> float:
    """The gradients of drive and initial state run the recurrence backwards; that of λ sums over all times."""
    decay, drive, initial = case.inputs
    random, arithmetic = case.random(), implementation.arithmetic
    cotangent = case.with_inputs(random.normal(size=drive.shape) + 1j * random.normal(size=drive.shape)).inputs[0]
    states, nothing = recurrence(decay, drive, initial), np.zeros(decay.shape)
    flow = recurrence(np.conj(decay), cotangent[::-1], nothing)
    error = running_bound(np.conj(decay), cotangent[::-1], nothing, flow, arithmetic)
    flow, error = flow[::-1], error[::-1]
    of_states = running_bound(decay, drive, initial, states, arithmetic)
    by_decay = _gradient_of_decay(np.concatenate([initial[None], states[:-1]]), np.concatenate(
        [DEVIATIONS * arithmetic.input * np.abs(initial)[None], of_states[:-1]]), flow, error, arithmetic)  # fmt: skip
    slack = np.abs(decay) * (error[0] + (DEVIATIONS * arithmetic.input + arithmetic.output) * np.abs(flow[0]))
    expected = (by_decay, Gauged(flow, error), Gauged(np.conj(decay) * flow[0], slack))
    names = [f"gradient of {name}" for name in implementation.kernel.names_of(case)]
    return compare("gradient", implementation.gradients(case, cotangents=(cotangent,)), expected, names=names)


def _gradient_of_decay(
    before: np.ndarray, error_before: np.ndarray, flow: np.ndarray, error: np.ndarray, arithmetic: Arithmetic
) -> Gauged:
    """Σ_t g_t conj(x_{t−1}): the rounding of products and sum, and the errors of both factors, added up."""
    (summed,) = gauge(_correlation, flow, before, arithmetic=arithmetic)
    with np.errstate(all="ignore"):
        inherited = (np.abs(flow) * error_before + error * np.abs(before) + error * error_before).sum(0)
    return Gauged(summed.value, summed.tolerance + _or_anything(inherited))


def _or_anything(error: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(error), np.inf, error)


def _correlation(flow, before):
    return np.sum(flow * np.conj(before), axis=0)


LONG_SEQUENCES = (long_sequence_values, long_sequence_gradients)
