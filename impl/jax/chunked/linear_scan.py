"""The first-order linear recurrence y_i = f_i + r_i y_{i−1}, chunk-parallel, linear in f and transposable."""

import jax.numpy as jnp
from jax import Array, lax

from impl.jax.chunked.continuants import by_chain, by_position, chunk_length


def linear_scan(source: Array, ratio: Array) -> Array:
    """y_i = f_i + r_i y_{i−1} from y_{−1} = 0, along the last axis.

    Every chunk first runs from zero; what enters a chunk then adds itself times the running product of the ratios.

    **Arguments**: source f and ratio r, both (chains, N), one dtype. **Returns**: y (chains, N).
    """
    sites = source.shape[1]
    length = chunk_length(sites)
    chunks = -(-sites // length)
    source, ratio = by_position(source, chunks, length, 0), by_position(ratio, chunks, length, 0)
    rows = _serial(source, ratio)
    if chunks > 1:
        reach = _running_product(ratio)
        ends, reaches = (jnp.moveaxis(x[-1, :, :-1], 1, 0) for x in (rows, reach))
        carries = jnp.moveaxis(_serial(ends, reaches), 0, 1)
        rows = rows.at[:, :, 1:].add(reach[:, :, 1:] * carries)
    return by_chain(rows, sites)


def _serial(source: Array, ratio: Array) -> Array:
    def step(y, entries):
        y = entries[0] + entries[1] * y
        return y, y

    return lax.scan(step, jnp.zeros_like(source[0]), (source, ratio))[1]


def _running_product(ratio: Array) -> Array:
    def step(product, factor):
        product = product * factor
        return product, product

    return lax.scan(step, jnp.ones_like(ratio[0]), ratio)[1]
