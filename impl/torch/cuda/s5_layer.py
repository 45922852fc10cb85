"""A whole S5 layer on CUDA whose states stay on chip, in the forward pass and in the gradient."""

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import Function

from impl.torch.cuda.forward_mode import pushed_forward
from impl.triton import s5_layer as kernels
from impl.triton import s5_preparation as preparation
from impl.triton import s5_products as products
from impl.triton.s5_correlations import correlations

__all__ = ["apply", "fits"]

_SEQUENCES = (torch.float32, torch.bfloat16, torch.float16)


def fits(decay: Tensor, input_matrix: Tensor, output_matrix: Tensor, u: Tensor) -> bool:
    single = all(x.dtype == torch.complex64 for x in (decay, input_matrix, output_matrix))
    return single and u.dtype in _SEQUENCES and u.shape[-1] <= kernels.WIDEST


def apply(plain: Callable, *arrays: Tensor) -> tuple[Tensor, Tensor]:
    """y = 2 Re(C x) + D u (B, T, H) in the dtype of u, and the last state (B, P), of x_t = λ x_{t−1} + γ∘B u_t.

    **Arguments**: λ and γ (P), B (P, H), C (H, P) complex64, D (H) float32, u (B, T, H), x_{−1} (B, P) complex64;
    nothing is empty. `plain` is the same function, differentiable to any order in any mode: for all but values and
    gradients.
    """
    return _Layer.apply(plain, *arrays)[:2]


class _Layer(Function):
    @staticmethod
    def forward(plain, decay, gain, input_matrix, output_matrix, feedthrough, u, initial):
        system = [_reals(x) for x in (decay, gain, input_matrix, output_matrix)]
        return _launched(system, feedthrough, u, initial.resolve_conj().contiguous(), reverse=False)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.plain, *arrays = inputs
        ctx.mark_non_differentiable(*output[2:])
        ctx.save_for_backward(*arrays, *output[2:])
        ctx.save_for_forward(*arrays)

    @staticmethod
    def backward(ctx, by_y, by_final, *_):
        *arrays, carries, driving = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *torch.func.vjp(ctx.plain, *arrays)[1]((by_y, by_final))
        return None, *_gradients(arrays, carries, driving, by_y, by_final)

    @staticmethod
    def jvp(ctx, _, *tangents):
        return *pushed_forward(ctx.plain, ctx.saved_tensors[:7], tangents), None, None

    @staticmethod
    def vmap(info, in_dims, plain, *arrays):
        y, final = torch.vmap(plain, in_dims[1:])(*arrays)
        nothing = y.new_empty(0)
        return (y, final, nothing, nothing), (0, 0, None, None)


# PyTorch asks for it in every call, and working it out takes as long as ten operations.
_Layer.forward.__signature__ = inspect.signature(_Layer.forward)  # type: ignore[attr-defined]


def _gradients(
    arrays: Sequence[Tensor], carries: Tensor, driving: Tensor, by_y: Tensor, by_final: Tensor
) -> tuple[Tensor, ...]:
    """Those of all arrays, in their order. carries: the states that enter the slabs, the initial one first. driving:
    the table of γ∘B."""
    decay, gain, input_matrix, output_matrix, feedthrough, u, _ = arrays
    system = [_reals(x) for x in (decay, gain, input_matrix, output_matrix)]
    by_y, end, u = by_y.contiguous(), by_final.resolve_conj().contiguous(), u.contiguous()
    by_u, first, adjoints, returning = _launched(system, feedthrough, by_y, end, reverse=True)
    rows, times, channels = u.shape
    states = decay.shape[0]
    plan = kernels.plan(rows, channels, states, gradient=True)
    tiles = plan.tiles(times)
    shares = plan.shares(tiles * rows, states)
    on_matrices = carries.new_empty(shares, 2, channels, states)
    on_decay = carries.new_empty(shares, states)
    on_through = torch.empty(shares, channels, dtype=torch.float32, device=u.device)
    with torch.cuda.device_of(u):
        for with_u, with_y in plan.passes():
            correlations[(shares * plan.blocks(states),)](
                u, by_y, driving, system[0], returning, _reals(end), _reals(carries), _reals(adjoints),
                times, rows, tiles, shares, channels, states, _reals(on_matrices), _reals(on_decay), on_through,
                EXACT=u.dtype != torch.float32, WITH_U=with_u, WITH_Y=with_y, **plan._asdict(),
            )  # fmt: skip
    with_u, with_y = on_matrices.sum(0)
    return (
        on_decay.sum(0),
        torch.linalg.vecdot(input_matrix, with_u.mT),
        gain.conj().unsqueeze(-1) * with_u.mT,
        2 * with_y.conj(),
        on_through.sum(0).to(feedthrough.dtype),
        by_u,
        first * decay.conj(),
    )


def _launched(
    system: Sequence[Tensor], through: Tensor, sequence: Tensor, start: Tensor, *, reverse: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The response to a sequence, the last position's state, the states that enter the slabs, (…, B, P), and the table
    of the matrix by which the sequence enters. system: λ, γ, B and C, as real pairs."""
    rows, times, channels = sequence.shape
    states = start.shape[1]
    plan = kernels.plan(rows, channels, states, gradient=False)
    tiles = plan.tiles(times)
    sequence = sequence.contiguous()
    # Blocks of states add to the result one after the other, and a half would round each time.
    summed = torch.float32 if plan.blocks(states) > 1 else sequence.dtype
    result, final = torch.empty_like(sequence, dtype=summed), torch.empty_like(start)
    carries = start.new_empty(plan.carries(times), rows, states)
    entries = channels * products.parts(states)
    into, out_of = through.new_empty(2, 2, entries, dtype=torch.float32)
    lasting = into.new_empty(2, 1 + plan.WINDOW, states)
    slots = torch.zeros(plan.slots(times, rows * states), dtype=torch.int32, device=sequence.device)
    with torch.cuda.device_of(sequence):
        preparation.prepare[(preparation.programs(entries),)](
            *system, channels, states, lasting, into, out_of,
            REVERSE=reverse, STEPS=plan.lane(), WINDOW=plan.WINDOW, BLOCK=preparation.ENTRIES,
        )  # fmt: skip
        kernels.response[(tiles * rows,)](
            sequence, into, system[0], lasting, out_of, through.contiguous(), _reals(start),
            times, rows, tiles, channels, states, slots, result, _reals(carries), _reals(final),
            REVERSE=reverse, EXACT=sequence.dtype != torch.float32, maxnreg=plan.registers(), **plan._asdict(),
        )  # fmt: skip
    return result.to(sequence.dtype), final, carries, into


def _reals(x: Tensor) -> Tensor:
    return torch.view_as_real(x.resolve_conj().contiguous())
