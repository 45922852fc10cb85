"""The resolvent of a tridiagonal matrix in O(N), differentiable in every argument.

H is N×N with H[i, i] = main[i], H[i, i+1] = upper[i], H[i+1, i] = lower[i], and G = (H − shift·I)⁻¹.
"""

import importlib.util
import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.chunked import tridiagonal as chunked

__all__ = ["log_determinant", "resolvent_diagonal"]


def resolvent_diagonal(
    main: Array, upper: Array, lower: Array, shift: Array | complex, *, precision: str | None = None
) -> Array:
    """Diagonal of the resolvent, G_ii = [(H − shift·I)⁻¹]_ii.

    **Arguments**: main (…, N), upper and lower (…, max(N−1, 0)), shift () or (…) or a Python number; leading axes
    broadcast. Real and complex mix; single and double precision do not. `precision="float64"` computes in double
    for data in single, and needs `jax_enable_x64`.
    **Returns**: (…, N), complex, in the precision of the data. Differentiable in reverse mode, bilinearly as everywhere
    in JAX (∂L/∂a − i ∂L/∂b), and in forward mode where no Triton kernel is installed.
    **Raises**: `TypeError` for what is no array, for dtypes other than float32, float64 and their complex partners, and
    for mixed precisions; `ValueError` for shapes that do not fit, an unknown precision and a double that JAX lacks.
    Source: Usmani, Inversion of a tridiagonal Jacobi matrix, 1994, with pivots in homogeneous form.
    """
    batch, arrays, internal = _flat(main, upper, lower, shift, precision)
    result = _nothing(*arrays) if arrays[0].size == 0 else _serve("resolvent_diagonal", arrays, internal)
    return result.astype(_complex(main)).reshape(*batch, main.shape[-1])


def log_determinant(
    main: Array, upper: Array, lower: Array, shift: Array | complex, *, precision: str | None = None
) -> Array:
    """log det(H − shift·I), the sum of the principal logarithms of the pivots of the elimination without interchanges.

    Arguments and errors as for `resolvent_diagonal`. **Returns**: (…), complex. ∂ log det/∂main = diag G.
    """
    batch, arrays, internal = _flat(main, upper, lower, shift, precision)
    result = _nothing(*arrays).sum(-1) if arrays[0].size == 0 else _serve("log_determinant", arrays, internal)
    return result.astype(_complex(main)).reshape(batch)


@partial(jax.jit, static_argnums=(0, 2))
def _serve(name: str, arrays: tuple[Array, ...], internal) -> Array:
    if importlib.util.find_spec("jax_triton") is None:
        return getattr(chunked, name)(*arrays, internal)
    return _by_platform(name, internal, *arrays)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _by_platform(name: str, internal, *arrays: Array) -> Array:
    return _by_platform_forward(name, internal, *arrays)[0]


def _by_platform_forward(name: str, internal, *arrays: Array):
    from impl.jax.cuda import tridiagonal as cuda

    def on_cuda(*arrays):
        return getattr(cuda, name)(*arrays, internal)

    # Every platform has to return the same shapes, so the others fill in zeros for what the kernel saves.
    _, saved = jax.eval_shape(on_cuda, *arrays)

    def elsewhere(*arrays):
        return getattr(chunked, name)(*arrays, internal), jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), saved)

    result, saved = jax.lax.platform_dependent(*arrays, cuda=on_cuda, default=elsewhere)
    return result, (arrays, saved)


def _by_platform_backward(name: str, internal, residuals, cotangent):
    from impl.jax.cuda import tridiagonal as cuda

    arrays, saved = residuals

    def on_cuda(cotangent, saved, *arrays):
        return tuple(getattr(cuda, f"{name}_vjp")(*arrays, saved, cotangent, internal))

    def elsewhere(cotangent, saved, *arrays):
        return jax.vjp(lambda *x: getattr(chunked, name)(*x, internal), *arrays)[1](cotangent)

    return jax.lax.platform_dependent(cotangent, saved, *arrays, cuda=on_cuda, default=elsewhere)


_by_platform.defvjp(_by_platform_forward, _by_platform_backward)


def _nothing(main: Array, upper: Array, lower: Array, shift: Array) -> Array:
    """The empty (B, N), connected to every input so that each has a gradient."""
    return main + upper.sum(-1, keepdims=True) + lower.sum(-1, keepdims=True) + shift[:, None]


def _complex(like: Array) -> jnp.dtype:
    return jnp.result_type(like.dtype, jnp.complex64)


def _flat(
    main: Array, upper: Array, lower: Array, shift: Array | complex, precision: str | None
) -> tuple[tuple[int, ...], tuple[Array, ...], jnp.dtype]:
    """The batch shape, the arrays as (B, N), (B, N−1), (B, N−1), (B), and the dtype to compute in.

    Where axes broadcast, they widen to the internal precision first: differentiation sums their gradients, and this
    sum, too, is then one in double.
    """
    named = {"main": _as_array("main", main), "upper": _as_array("upper", upper), "lower": _as_array("lower", lower)}
    named["shift"] = _as_shift(shift, named["main"])
    internal = _internal(named, precision)
    batch = _batch_shape(named)
    shapes = [batch if name == "shift" else (*batch, x.shape[-1]) for name, x in named.items()]
    arrays = list(named.values())
    if any(x.shape != shape for x, shape in zip(arrays, shapes, strict=True)):
        arrays = [x.astype(jnp.promote_types(x.dtype, internal)) for x in arrays]
    rows = math.prod(batch)
    flat = (jnp.broadcast_to(x, s).reshape(rows, *s[len(batch) :]) for x, s in zip(arrays, shapes, strict=True))
    return batch, tuple(flat), internal


def _as_array(name: str, array: Array | complex) -> Array:
    if not (hasattr(array, "dtype") and hasattr(array, "shape")):
        raise TypeError(f"{name}: expected an array, got {type(array).__name__}")
    _precision_of(name, array)
    return jnp.asarray(array)


def _as_shift(shift: Array | complex, main: Array) -> Array:
    if isinstance(shift, (int, float, complex)) and not isinstance(shift, bool) and not hasattr(shift, "dtype"):
        dtype = _precision_of("main", main)
        return jnp.asarray(shift, jnp.result_type(dtype, jnp.complex64) if isinstance(shift, complex) else dtype)
    return _as_array("shift", shift)


def _precision_of(name: str, array: Array) -> jnp.dtype:
    if array.dtype not in (jnp.float32, jnp.float64, jnp.complex64, jnp.complex128):
        raise TypeError(f"{name}: expected float32, float64, complex64 or complex128, got {array.dtype}")
    return jnp.finfo(array.dtype).dtype


def _internal(named: dict[str, Array], precision: str | None) -> jnp.dtype:
    """The real dtype to compute in; every array must agree with main in precision."""
    expected = _precision_of("main", named["main"])
    for name, array in named.items():
        if _precision_of(name, array) != expected:
            raise TypeError(f"{name}: expected the precision of main ({named['main'].dtype}), got {array.dtype}")
    if precision not in (None, "float64"):
        raise ValueError(f"precision: expected None or 'float64', got {precision!r}")
    if precision is not None and not jax.config.jax_enable_x64:
        raise ValueError("precision: expected None, because jax_enable_x64 is off, got 'float64'")
    return expected if precision is None else jnp.dtype(jnp.float64)


def _batch_shape(named: dict[str, Array]) -> tuple[int, ...]:
    for name in ("main", "upper", "lower"):
        if named[name].ndim == 0:
            raise ValueError(f"{name}: expected shape (…, sites), got a scalar")
    sites = named["main"].shape[-1]
    for name in ("upper", "lower"):
        if named[name].shape[-1] != max(sites - 1, 0):
            raise ValueError(
                f"{name}: expected shape (…, {max(sites - 1, 0)}) beside main of {sites} sites, got {named[name].shape}"
            )
    batch: tuple[int, ...] = ()
    for name, array in named.items():
        own = array.shape if name == "shift" else array.shape[:-1]
        try:
            batch = jnp.broadcast_shapes(batch, own)
        except ValueError:
            raise ValueError(f"{name}: expected batch axes that broadcast with {batch}, got {own}") from None
    return batch
