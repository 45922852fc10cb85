"""A whole S5 layer on CUDA whose states stay on chip, in the forward pass and in the gradient."""

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import Function

from impl.triton import s5_layer as kernels
from impl.triton import s5_products as products
from impl.triton.s5_correlations import correlations
from impl.triton.s5_tiles import decays

__all__ = ["apply", "fits"]

_SEQUENCES = (torch.float32, torch.bfloat16, torch.float16)


def fits(decay: Tensor, discrete: Tensor, output_matrix: Tensor, u: Tensor) -> bool:
    single = all(x.dtype == torch.complex64 for x in (decay, discrete, output_matrix))
    return single and u.dtype in _SEQUENCES and u.shape[-1] <= kernels.WIDEST


def apply(plain: Callable, *arrays: Tensor) -> tuple[Tensor, Tensor]:
    """y = 2 Re(C x) + D u (B, T, H) in the dtype of u, and the last state (B, P), of x_t = λ x_{t−1} + B̄ u_t.

    **Arguments**: λ (P), B̄ (P, H), C (H, P) complex64, D (H) float32, u (B, T, H), x_{−1} (B, P) complex64; nothing is
    empty. `plain` is the same function, differentiable to any order in any mode: for all but values and gradients.
    """
    return _Layer.apply(plain, *arrays)[:2]


class _Layer(Function):
    @staticmethod
    def forward(plain, decay, discrete, output_matrix, feedthrough, u, initial):
        into = _table(discrete.mT, by_state=True)
        out_of = _table(output_matrix, by_state=False, real=2.0, imaginary=-2.0)
        return _launched(u, into, decay, out_of, feedthrough, initial.resolve_conj().contiguous(), reverse=False)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.plain, *arrays = inputs
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(*arrays, output[2])
        ctx.save_for_forward(*arrays)

    @staticmethod
    def backward(ctx, by_y, by_final, _):
        *arrays, carries = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *torch.func.vjp(ctx.plain, *arrays)[1]((by_y, by_final))
        return None, *_gradients(arrays, carries, by_y, by_final)

    @staticmethod
    def jvp(ctx, _, *tangents):
        arrays = ctx.saved_tensors[:6]
        along = [torch.zeros_like(x) if t is None else t for x, t in zip(arrays, tangents, strict=True)]
        output, transposed = torch.func.vjp(ctx.plain, *arrays)
        # The transpose of the transpose: PyTorch nests no forward mode in another.
        nothing = tuple(torch.zeros_like(x) for x in output)
        return *torch.func.vjp(transposed, nothing)[1](tuple(along))[0], None

    @staticmethod
    def vmap(info, in_dims, plain, *arrays):
        y, final = torch.vmap(plain, in_dims[1:])(*arrays)
        return (y, final, y.new_empty(0)), (0, 0, None)


# PyTorch asks for it in every call, and working it out takes as long as ten operations.
_Layer.forward.__signature__ = inspect.signature(_Layer.forward)  # type: ignore[attr-defined]


def _gradients(arrays: Sequence[Tensor], carries: Tensor, by_y: Tensor, by_final: Tensor) -> tuple[Tensor, ...]:
    """Those of all arrays, in their order. carries: the states that enter the slabs, the initial one first."""
    decay, discrete, output_matrix, feedthrough, u, _ = arrays
    returning = _table(output_matrix, by_state=True, real=2.0, imaginary=-2.0)
    back = _table(discrete.mT, by_state=False)
    by_y, end, u = by_y.contiguous(), by_final.resolve_conj().contiguous(), u.contiguous()
    by_u, first, adjoints = _launched(by_y, returning, decay, back, feedthrough, end, reverse=True)
    rows, times, channels = u.shape
    states = decay.shape[0]
    plan = kernels.plan(channels, states, gradient=True)
    tiles = plan.tiles(times)
    shares = plan.shares(tiles * rows, states)
    on_matrices = carries.new_empty(shares, 2, channels, states)
    on_decay = carries.new_empty(shares, states)
    on_through = torch.empty(shares, channels, dtype=torch.float32, device=u.device)
    driving = _table(discrete.mT, by_state=True)
    with torch.cuda.device_of(u):
        for with_u, with_y in plan.passes():
            correlations[(shares * plan.blocks(states),)](
                u, by_y, driving, _reals(decay), returning, _reals(end), _reals(carries), _reals(adjoints),
                times, rows, tiles, shares, channels, states, _reals(on_matrices), _reals(on_decay), on_through,
                EXACT=u.dtype != torch.float32, WITH_U=with_u, WITH_Y=with_y, **plan._asdict(),
            )  # fmt: skip
    with_u, with_y = on_matrices.sum(0)
    return (
        on_decay.sum(0),
        with_u.mT,
        2 * with_y.conj(),
        on_through.sum(0).to(feedthrough.dtype),
        by_u,
        first * decay.conj(),
    )


def _launched(sequence, into, decay, out_of, through, start, *, reverse) -> tuple[Tensor, Tensor, Tensor]:
    """The response to a sequence, the last position's state, and the states that enter the slabs, (…, B, P)."""
    rows, times, channels = sequence.shape
    states = decay.shape[0]
    plan = kernels.plan(channels, states, gradient=False)
    tiles = plan.tiles(times)
    sequence = sequence.contiguous()
    # Blocks of states add to the result one after the other, and a half would round each time.
    summed = torch.float32 if plan.blocks(states) > 1 else sequence.dtype
    result, final = torch.empty_like(sequence, dtype=summed), torch.empty_like(start)
    carries, lasting = start.new_empty(plan.carries(times), rows, states), decay.new_empty(2, states)
    slots = torch.zeros(plan.slots(times, rows * states), dtype=torch.int32, device=sequence.device)
    with torch.cuda.device_of(sequence):
        decays[(products.blocks(states),)](
            _reals(decay), states, _reals(lasting), EXPONENT=plan.lane(), BLOCK=products.ENTRIES
        )
        kernels.response[(tiles * rows,)](
            sequence, into, _reals(decay), _reals(lasting), out_of, through.contiguous(), _reals(start),
            times, rows, tiles, channels, states, slots, result, _reals(carries), _reals(final),
            REVERSE=reverse, EXACT=sequence.dtype != torch.float32, maxnreg=plan.registers(), **plan._asdict(),
        )  # fmt: skip
    return result.to(sequence.dtype), final, carries


def _table(matrix: Tensor, *, by_state: bool, real: float = 1.0, imaginary: float = 1.0) -> Tensor:
    """A matrix (H, P) as `products.table` lays it out."""
    matrix = matrix.resolve_conj()
    (channels, states), (across, along) = matrix.shape, matrix.stride()
    result = torch.empty(2, channels * products.parts(states), dtype=torch.float32, device=matrix.device)
    with torch.cuda.device_of(matrix):
        products.table[(products.blocks(result[0].numel()),)](
            torch.view_as_real(matrix), result, along, across, real, imaginary, channels, states,
            BY_STATE=by_state, BLOCK=products.ENTRIES,
        )  # fmt: skip
    return result


def _reals(x: Tensor) -> Tensor:
    return torch.view_as_real(x.resolve_conj())
