"""Wrong discretisations and wrong layers."""

import torch

from tests.defects.defect import defect, defects_in
from tests.defects.s5 import honest
from tests.defects.s5.honest import apply, discretize, scan, step, transfer
from tests.defects.s5.recurrences import followed

DISCRETIZE, APPLY, STEP = "s5.discretize", "s5.apply", "s5.step"


def _with(change):
    """A transfer function whose outcome is changed."""
    return lambda eigenvalues, step, method: change(eigenvalues, step, *transfer(eigenvalues, step, method))


@defect(DISCRETIZE)
def input_from_a_clamped_decay(eigenvalues, input_matrix, step, *, method="zoh"):
    """B̄ = (Λ̄ − 1)/Λ B with |Λ̄| clamped to 0.99 (Valkyrie)."""
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    clamped = decay * torch.clamp(0.99 / decay.abs(), max=1)
    wrong = ((clamped - 1) / torch.where(eigenvalues == 0, 1, eigenvalues)).unsqueeze(-1) * input_matrix
    return decay, torch.where((decay.abs() > 0.99).unsqueeze(-1), wrong, discrete)


@defect(DISCRETIZE)
def decay_clamped_to_the_disc(eigenvalues, input_matrix, step, *, method="zoh"):
    """|Λ̄| is kept below 0.999."""
    decay, discrete = discretize(eigenvalues, input_matrix, step, method=method)
    return decay * torch.clamp(0.999 / decay.abs(), max=1), discrete


@defect(DISCRETIZE)
def steps_clipped(eigenvalues, input_matrix, step, *, method="zoh"):
    """Δ is clipped to [0.001, 0.1]: beyond it neither values nor gradients follow (Valkyrie clips log Δ)."""
    return discretize(eigenvalues, input_matrix, torch.clamp(step, 1e-3, 1e-1), method=method)


@defect(DISCRETIZE)
def step_gradient_clipped(eigenvalues, input_matrix, step, *, method="zoh"):
    """Right values; Δ outside [0.001, 0.1] gets no gradient."""
    inside = (step >= 1e-3) & (step <= 1e-1)
    return discretize(eigenvalues, input_matrix, torch.where(inside, step, step.detach()), method=method)


@defect(DISCRETIZE)
def euler_for_the_input(eigenvalues, input_matrix, step, *, method="zoh"):
    """B̄ = Δ B, whatever Λ."""
    return discretize(eigenvalues, input_matrix, step, method=method, transfer=_with(lambda e, d, decay, _: (decay, d)))


@defect(DISCRETIZE)
def no_series(eigenvalues, input_matrix, step, *, method="zoh"):
    """(e^{ΛΔ} − 1)/Λ by subtraction, which cancels for slow states."""
    safe = torch.where(eigenvalues == 0, 1, eigenvalues)
    cancelling = _with(lambda e, d, decay, factor: (decay, torch.where(e == 0, factor, (decay - 1) / safe)))
    return discretize(
        eigenvalues, input_matrix, step, method=method, transfer=cancelling if method == "zoh" else transfer
    )


@defect(DISCRETIZE)
def short_series(eigenvalues, input_matrix, step, *, method="zoh"):
    """1 + z/2 up to |z| = 0.1: two terms where six are needed."""

    def short(e, d, decay, factor):
        z = e * d
        return decay, torch.where(z.abs() < 0.1, d * (1 + z / 2), factor)

    return discretize(
        eigenvalues, input_matrix, step, method=method, transfer=_with(short) if method == "zoh" else transfer
    )


@defect(DISCRETIZE)
def small_eigenvalue_added(eigenvalues, input_matrix, step, *, method="zoh"):
    """1e-6 added to Λ so that nothing is divided by zero."""
    return discretize(eigenvalues + 1e-6, input_matrix, step, method=method)


@defect(DISCRETIZE)
def bilinear_without_its_denominator(eigenvalues, input_matrix, step, *, method="zoh"):
    """Bilinear B̄ = Δ B."""
    plain = _with(lambda e, d, decay, _: (decay, d + 0 * e))
    return discretize(
        eigenvalues, input_matrix, step, method=method, transfer=plain if method == "bilinear" else transfer
    )


@defect(DISCRETIZE)
def imaginary_eigenvalues_frozen(eigenvalues, input_matrix, step, *, method="zoh"):
    """No gradient reaches Im Λ."""
    frozen = torch.complex(eigenvalues.real, eigenvalues.imag.detach())
    return discretize(frozen, input_matrix, step, method=method)


def _applied(**ingredients):
    return lambda *arrays, **options: apply(*arrays, **options, **ingredients)


@defect(APPLY)
def untied_steps(
    eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial, *, method="zoh", pairs="half"
):
    """The second half of a full set is discretised with steps of its own (Valkyrie): y is no longer real."""
    if pairs == "full":
        kept = step.shape[0] // 2
        step = torch.cat([step[:kept], step[kept:].flip(0) * (1 + 2.0**-6)])
    return apply(eigenvalues, input_matrix, output_matrix, feedthrough, step, u, initial, method=method, pairs=pairs)


@defect(APPLY)
def counted_once(*arrays, method="zoh", pairs="half"):
    """y = Re(C x) + D u: the conjugate half is left out."""
    y, final = apply(*arrays, method=method, pairs=pairs)
    through = arrays[3] * arrays[5]
    return (through + (y - through) / 2 if pairs == "half" else y), final


@defect(APPLY)
def output_without_feedthrough(*arrays, method="zoh", pairs="half"):
    """y = 2 Re(C x)."""
    y, final = apply(*arrays, method=method, pairs=pairs)
    return y - arrays[3] * arrays[5], final


@defect(APPLY)
def real_states(*arrays, method="zoh", pairs="half"):
    """2 Re C Re x instead of 2 Re(C x): nothing reaches the imaginary parts."""
    return _applied(read_out=_of_real_states)(*arrays, method=method, pairs=pairs)


def _of_real_states(states, output_matrix, pairs):
    return honest.read_out(states.real + 0j if pairs == "half" else states, output_matrix, pairs)


@defect(APPLY)
def output_conjugated(*arrays, method="zoh", pairs="half"):
    """Re(C̄ x)."""
    eigenvalues, input_matrix, output_matrix, *others = arrays
    return apply(eigenvalues, input_matrix, output_matrix.conj(), *others, method=method, pairs=pairs)


@defect(APPLY)
def imaginary_output_gradient_missing(*arrays, method="zoh", pairs="half"):
    """Right values; Im C gets no gradient."""
    eigenvalues, input_matrix, output_matrix, *others = arrays
    frozen = torch.complex(output_matrix.real, output_matrix.imag.detach())
    return apply(eigenvalues, input_matrix, frozen, *others, method=method, pairs=pairs)


@defect(APPLY)
def initial_state_added_to_the_output(*arrays, method="zoh", pairs="half"):
    """The initial state enters y undecayed and the recurrence not at all."""
    *before, initial = arrays
    return apply(*before, 0 * initial, method=method, pairs=pairs)


@defect(APPLY)
def final_state_of_the_last_chunk(*arrays, method="zoh", pairs="half"):
    """The final state is that of the padded sequence: zeros up to a multiple of 16 times have decayed it."""
    y, final = apply(*arrays, method=method, pairs=pairs)
    decay, _ = discretize(arrays[0], arrays[1], arrays[4], method=method)
    return y, final * decay ** (-arrays[5].shape[-2] % 16)


@defect(APPLY)
def final_state_detached(*arrays, method="zoh", pairs="half"):
    """The final state carries no gradient: nothing is learnt through a chunked prefill."""
    y, final = apply(*arrays, method=method, pairs=pairs)
    return y, final.detach() + 0 * y.real.sum()


@defect(APPLY)
def input_gradient_doubled(*arrays, method="zoh", pairs="half"):
    """The gradient of u counts the conjugate half twice."""
    *before, u, initial = arrays
    return apply(*before, followed(u, lambda g: 2 * g), initial, method=method, pairs=pairs)


@defect(APPLY)
def read_before_the_update(*arrays, method="zoh", pairs="half"):
    """y_t = 2 Re(C x_{t−1}) + D u_t."""

    def late(decay, drive, initial):
        states = scan(decay, drive, initial)
        first = initial.unsqueeze(-2).expand(*states.shape[:-2], 1, -1)
        return torch.cat([first, states[..., :-1, :]], -2) if states.shape[-2] else states

    y, _ = apply(*arrays, method=method, pairs=pairs, scan=late)
    return y, apply(*arrays, method=method, pairs=pairs)[1]


@defect(STEP)
def step_reads_the_old_state(decay, input_matrix, output_matrix, feedthrough, state, u, *, pairs="half"):
    """y from the state before the step."""
    _, following = step(decay, input_matrix, output_matrix, feedthrough, state, u, pairs=pairs)
    y = honest.read_out(state.unsqueeze(-2), output_matrix, pairs).squeeze(-2) + feedthrough * u
    return y.expand(*following.shape[:-1], -1), following


@defect(STEP)
def step_without_state(decay, input_matrix, output_matrix, feedthrough, state, u, *, pairs="half"):
    """x' = B̄ u."""
    return step(decay, input_matrix, output_matrix, feedthrough, 0 * state, u, pairs=pairs)


DEFECTS = defects_in(globals().values())
HONEST = {DISCRETIZE: discretize, APPLY: apply, STEP: step}
