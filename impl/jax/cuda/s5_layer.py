"""A whole S5 layer on CUDA through jax-triton, its states on chip in the forward pass and in the gradient."""

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.cuda.calls import triton_call
from impl.triton import s5_layer as kernels
from impl.triton import s5_products as products
from impl.triton.s5_correlations import correlations
from impl.triton.s5_tiles import decays

__all__ = ["gradients", "layer"]


def layer(
    decay: Array, discrete: Array, output_matrix: Array, feedthrough: Array, u: Array, initial: Array
) -> tuple[Array, Array]:
    """y = 2 Re(C x) + D u (B, T, H) in the dtype of u, and the last state (B, P), of x_t = λ x_{t−1} + B̄ u_t.

    λ (P), B̄ (P, H), C (H, P) complex64, D (H) real, u (B, T, H), x_{−1} (B, P) complex64; nothing is empty.
    """
    return _forward(decay, discrete, output_matrix, feedthrough, u, initial)[:2]


def gradients(
    decay: Array, discrete: Array, output_matrix: Array, feedthrough: Array, u: Array, initial: Array,
    by_y: Array, by_final: Array,
) -> tuple[Array, ...]:  # fmt: skip
    """Those of all arrays, bilinear as everywhere in JAX. The states are found anew."""
    *_, carries = _forward(decay, discrete, output_matrix, feedthrough, u, initial)
    driving, returning, end = _by_state(discrete), _by_state(_reading(output_matrix).T), jnp.conj(by_final)
    by_u, first, adjoints = _response(by_y, returning, decay, _by_channel(discrete.T), feedthrough, end, True)
    rows, times, channels = u.shape
    states = decay.size
    plan = kernels.plan(channels, states, gradient=True)
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


def _forward(decay, discrete, output_matrix, feedthrough, u, initial) -> tuple[Array, Array, Array]:
    into, out_of = _by_state(discrete), _by_channel(_reading(output_matrix))
    return _response(u, into, decay, out_of, feedthrough, initial, False)


def _response(sequence, into, decay, out_of, through, start, reverse: bool) -> tuple[Array, Array, Array]:
    """The response to a sequence, the last position's state, and those that enter the slabs, (…, B, P)."""
    rows, times, channels = sequence.shape
    states = decay.size
    plan = kernels.plan(channels, states, gradient=False)
    tiles = plan.tiles(times)
    slots = jax.ShapeDtypeStruct((plan.slots(times, rows * states),), jnp.int32)
    # Blocks of states add to the result one after the other, and a half would round each time.
    summed = jnp.float32 if plan.blocks(states) > 1 else sequence.dtype
    result = jax.ShapeDtypeStruct(sequence.shape, summed)
    (lasting,) = triton_call(
        decay, states, kernel=decays, grid=products.blocks(states), out_shape=[_complex(2, states)],
        EXPONENT=plan.lane(), BLOCK=products.ENTRIES,
    )  # fmt: skip
    _, result, carries, final = triton_call(
        sequence, into, decay, lasting, out_of, through, start, times, rows, tiles, channels, states,
        kernel=kernels.response, grid=tiles * rows, zeroed_outputs=(0,),
        out_shape=[slots, result, _complex(plan.carries(times), rows, states), _complex(rows, states)],
        REVERSE=reverse, EXACT=sequence.dtype != jnp.float32, **plan._asdict(),
    )  # fmt: skip
    return result.astype(sequence.dtype), final, carries


def _complex(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.complex64)


def _reading(output_matrix: Array) -> Array:
    """What the parts of the states are read by: 2 Re(C x) = 2 Re C Re x − 2 Im C Im x."""
    return 2 * jnp.conj(output_matrix)


def _by_state(matrix: Array) -> Array:
    """A matrix (P, H) as `products.table` lays it out by state."""
    return _table(_in_parts(matrix.T).T)


def _by_channel(matrix: Array) -> Array:
    """A matrix (H, P) as `products.table` lays it out by channel."""
    return _table(_in_parts(matrix))


def _in_parts(matrix: Array) -> Array:
    """(H, P) as (H, parts)."""
    channels, states = matrix.shape
    padded = jnp.pad(matrix, ((0, 0), (0, -states % products.GROUP))).reshape(channels, -1, products.GROUP)
    return jnp.stack([padded.real, padded.imag], 2).reshape(channels, products.parts(states))


def _table(matrix: Array) -> Array:
    """Two planes of 11 bits each, as the tensor cores multiply them, that add up to the matrix."""
    high = _rounded(matrix)
    return jnp.stack([high, _rounded(matrix - high)])


def _rounded(x: Array) -> Array:
    bits = (jax.lax.bitcast_convert_type(x, jnp.int32) + 0x1000) & -0x2000
    return jax.lax.bitcast_convert_type(bits, jnp.float32)
