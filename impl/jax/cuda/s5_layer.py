"""A whole S5 layer on CUDA through jax-triton, its states on chip in the forward pass and in the gradient."""

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.cuda.calls import triton_call
from impl.triton import s5_layer as kernels
from impl.triton import s5_preparation as preparation
from impl.triton import s5_products as products
from impl.triton.s5_correlations import correlations

__all__ = ["gradients", "layer"]


def layer(
    decay: Array, discrete: Array, output_matrix: Array, feedthrough: Array, u: Array, initial: Array
) -> tuple[Array, Array]:
    """y = 2 Re(C x) + D u (B, T, H) in the dtype of u, and the last state (B, P), of x_t = λ x_{t−1} + B̄ u_t.

    λ (P), B̄ (P, H), C (H, P) complex64, D (H) real, u (B, T, H), x_{−1} (B, P) complex64; nothing is empty.
    """
    return _response(u, (decay, discrete, output_matrix), feedthrough, initial, False)[:2]


def gradients(
    decay: Array, discrete: Array, output_matrix: Array, feedthrough: Array, u: Array, initial: Array,
    by_y: Array, by_final: Array,
) -> tuple[Array, ...]:  # fmt: skip
    """Those of all arrays, bilinear as everywhere in JAX. The states are found anew."""
    system, end = (decay, discrete, output_matrix), jnp.conj(by_final)
    *_, carries, driving = _response(u, system, feedthrough, initial, False)
    by_u, first, adjoints, returning = _response(by_y, system, feedthrough, end, True)
    rows, times, channels = u.shape
    states = decay.size
    plan = kernels.plan(rows, channels, states, gradient=True)
    tiles = plan.tiles(times)
    shares = plan.shares(tiles * rows, states)

    def summed(with_u, with_y):
        return triton_call(
            u, by_y, driving, decay, returning, end, carries, adjoints,
            times, rows, tiles, shares, channels, states,
            kernel=correlations, grid=shares * plan.blocks(states),
            out_shape=[
                _complex(shares, 2, channels, states), _complex(shares, states),
                jax.ShapeDtypeStruct((shares, channels), jnp.float32),
            ],
            EXACT=u.dtype != jnp.float32, WITH_U=with_u, WITH_Y=with_y, **plan._asdict(),
        )  # fmt: skip

    found = [summed(*which) for which in plan.passes()]
    (on_matrices, _, on_through), (others, on_decay, _) = found[0], found[-1]
    with_u, with_y = on_matrices[:, 0].sum(0), others[:, 1].sum(0)
    return (
        jnp.conj(on_decay.sum(0)),
        jnp.conj(with_u).T,
        2 * with_y,
        on_through.sum(0).astype(feedthrough.dtype),
        by_u,
        jnp.conj(first) * decay,
    )


def _response(sequence, system, through, start, reverse: bool) -> tuple[Array, Array, Array, Array]:
    """The response to a sequence, the last position's state, those that enter the slabs, (…, B, P), and the table of
    the matrix by which the sequence enters. system: λ, B̄ and C."""
    rows, times, channels = sequence.shape
    decay, discrete, output_matrix = system
    states = decay.size
    plan = kernels.plan(rows, channels, states, gradient=False)
    tiles = plan.tiles(times)
    slots = jax.ShapeDtypeStruct((plan.slots(times, rows * states),), jnp.int32)
    # Blocks of states add to the result one after the other, and a half would round each time.
    summed = jnp.float32 if plan.blocks(states) > 1 else sequence.dtype
    result = jax.ShapeDtypeStruct(sequence.shape, summed)
    entries = channels * products.parts(states)
    powers, table = (jax.ShapeDtypeStruct((2, size), jnp.float32) for size in ((1 + plan.WINDOW) * states, entries))
    lasting, into, out_of = triton_call(
        decay, jnp.ones_like(decay), discrete, output_matrix, channels, states,
        kernel=preparation.prepare, grid=preparation.programs(entries),
        out_shape=[powers, table, table],
        REVERSE=reverse, STEPS=plan.lane(), WINDOW=plan.WINDOW, BLOCK=preparation.ENTRIES,
    )  # fmt: skip
    _, result, carries, final = triton_call(
        sequence, into, decay, lasting, out_of, through, start, times, rows, tiles, channels, states,
        kernel=kernels.response, grid=tiles * rows, zeroed_outputs=(0,),
        out_shape=[slots, result, _complex(plan.carries(times), rows, states), _complex(rows, states)],
        REVERSE=reverse, EXACT=sequence.dtype != jnp.float32, **plan._asdict(),
    )  # fmt: skip
    return result.astype(sequence.dtype), final, carries, into


def _complex(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.complex64)
