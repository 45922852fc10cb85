"""The recurrence x_t = λ_t x_{t−1} + d_t as a JAX primitive: chunk-parallel, transposable, and its own derivative."""

import importlib.util
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

# Every chunk has this many times, whatever T is: later times never change how earlier ones are computed.
CHUNK = 32


def recurrence(decay: Array, drive: Array, initial: Array, *, reverse: bool = False) -> Array:
    """States x_t = λ_t x_{t−1} + d_t from x_{−1} = initial; reversed, x_t = λ_t x_{t+1} + d_t from x_T = initial.

    **Arguments**: decay (D, P) or (D, T, P), drive (B, T, P), initial (B, P); D is 1 or B, nothing is empty, one dtype.
    **Returns**: (B, T, P). Differentiable to any order, in reverse and forward mode.
    """
    return recurrence_p.bind(decay, drive, initial, reverse=reverse)


def scan(decay: Array, drive: Array, initial: Array, *, reverse: bool, across: bool = False) -> Array:
    """What `recurrence` computes.

    Every chunk first runs from zero, for its end alone. The same recurrence over the ends, with the decays of whole
    chunks, gives what enters each chunk (`across`: in double where JAX has it), and from there it runs for good.
    """
    batch, times, channels = drive.shape
    length = min(times, CHUNK)
    chunks = -(-times // length)
    cells = _by_chunk(drive, chunks, length, reverse)
    factors = decay[:, None] if decay.ndim == 2 else _by_chunk(decay, chunks, length, reverse)

    def follow(position, states, cells):
        at = length - 1 - position if reverse else position
        factor = factors if decay.ndim == 2 else lax.dynamic_index_in_dim(factors, at, 2, keepdims=False)
        return at, factor, _step(factor, states, lax.dynamic_index_in_dim(cells, at, 2, keepdims=False), across)

    def to_end(position, carried):
        states, product = carried
        _, factor, states = follow(position, states, cells)
        return states, product if decay.ndim == 2 else product * factor

    def for_good(position, carried):
        states, rows = carried  # drives, until states take their place: one array fewer in memory
        at, _, states = follow(position, states, rows)
        return states, lax.dynamic_update_index_in_dim(rows, states, at, 2)

    entering = initial[:, None]
    if chunks > 1:
        rest = jnp.zeros((batch, chunks, channels), drive.dtype)
        whole = jnp.ones((decay.shape[0], chunks, channels), drive.dtype)
        ends, product = lax.fori_loop(0, length, to_end, (rest, whole))
        wide = jax.dtypes.canonicalize_dtype(jnp.promote_types(drive.dtype, jnp.float64))
        ends, start = ends.astype(wide), initial.astype(wide)
        decay_of_chunks = _power(decay.astype(wide), length) if decay.ndim == 2 else product.astype(wide)
        entering = delayed(scan(decay_of_chunks, ends, start, reverse=reverse, across=True), start, reverse)
    _, rows = lax.fori_loop(0, length, for_good, (entering.astype(drive.dtype), cells))
    states = rows.reshape(batch, chunks * length, channels)
    return states[:, chunks * length - times :] if reverse else states[:, :times]


def delayed(x: Array, first: Array, reverse: bool) -> Array:
    """x_{t−1}, or x_{t+1} reversed: (B, T, P) moved by one time in the order of the recurrence, `first` moving in."""
    first = jnp.broadcast_to(first[:, None], (x.shape[0], 1, x.shape[2]))
    return jnp.concatenate([x[:, 1:], first] if reverse else [first, x[:, :-1]], 1)


def _by_chunk(x: Array, chunks: int, length: int, reverse: bool) -> Array:
    """(B, T, P) → (B, chunks, length, P), zero behind the last time in the order of the recurrence."""
    new = chunks * length - x.shape[1]
    padded = jnp.pad(x, ((0, 0), (new, 0) if reverse else (0, new), (0, 0)))
    return padded.reshape(x.shape[0], chunks, length, x.shape[2])


def _step(factor: Array, states: Array, drive: Array, across: bool) -> Array:
    """λ x + d; the decay of whole chunks may be infinite, and nothing times that is nothing."""
    moved = factor * states
    return (jnp.where(states == 0, 0, moved) if across else moved) + drive


def _power(x: Array, exponent: int) -> Array:
    """x^exponent by repeated squaring."""
    result = jnp.ones_like(x)
    while exponent:
        result, exponent = (result * x if exponent % 2 else result), exponent // 2
        x = x * x
    return result


def _scan_on_cuda(decay: Array, drive: Array, initial: Array, *, reverse: bool) -> Array:
    if importlib.util.find_spec("jax_triton") is None:
        return scan(decay, drive, initial, reverse=reverse)
    from impl.jax.cuda import s5 as cuda

    return cuda.scan(decay, drive, initial, reverse=reverse)


recurrence_p = Primitive("linear_recurrence")
recurrence_p.def_impl(partial(jax.jit, static_argnames="reverse")(recurrence))
mlir.register_lowering(recurrence_p, mlir.lower_fun(scan, multiple_results=False))
mlir.register_lowering(recurrence_p, mlir.lower_fun(_scan_on_cuda, multiple_results=False), platform="cuda")


@recurrence_p.def_abstract_eval
def _abstract(decay, drive, initial, *, reverse):
    return jax.core.ShapedArray(drive.shape, drive.dtype)


def _pushed(primals, tangents, *, reverse):
    """The tangent δx follows the same recurrence, driven by δd_t + δλ_t x_{t−1} from δinitial."""
    decay, drive, initial = primals
    along_decay, along_drive, along_initial = tangents
    states = recurrence(decay, drive, initial, reverse=reverse)
    source = ad.instantiate_zeros(along_drive)
    if not isinstance(along_decay, ad.Zero):
        along_decay = along_decay[:, None] if decay.ndim == 2 else along_decay
        source = source + along_decay * delayed(states, initial, reverse)
    return states, recurrence(decay, source, ad.instantiate_zeros(along_initial), reverse=reverse)


def _pulled(cotangent, decay, drive, initial, *, reverse):
    """g_t = ḡ_t + λ_{t+1} g_{t+1}; ∂drive = g and ∂initial = λ_0 g_0, bilinear as everywhere in JAX."""
    if isinstance(cotangent, ad.Zero):
        return None, None, None
    constant, first = decay.ndim == 2, -1 if reverse else 0
    onward = decay if constant else delayed(decay, jnp.zeros_like(decay[:, 0]), not reverse)
    flow = recurrence(onward, cotangent, jnp.zeros_like(cotangent[:, 0]), reverse=not reverse)
    return None, flow, flow[:, first] * (decay if constant else decay[:, first])


def _batched(arrays, axes, *, reverse):
    """The mapped axis becomes the outer part of the batch; a decay that it does not reach stays one."""
    size = next(x.shape[axis] for x, axis in zip(arrays, axes, strict=True) if axis is not None)

    def in_front(x, axis):
        return jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)

    decay, drive, initial = arrays
    drive, initial = in_front(drive, axes[1]), in_front(initial, axes[2])
    if axes[0] is not None or decay.shape[0] > 1:
        decay = in_front(decay, axes[0])
        decay = jnp.broadcast_to(decay, (*drive.shape[:2], *decay.shape[2:])).reshape(-1, *decay.shape[2:])
    flat = (x.reshape(-1, *x.shape[2:]) for x in (drive, initial))
    return recurrence(decay, *flat, reverse=reverse).reshape(drive.shape), 0


ad.primitive_jvps[recurrence_p] = _pushed
ad.primitive_transposes[recurrence_p] = _pulled
batching.primitive_batchers[recurrence_p] = _batched
