"""Refusing what is no gradient set, no bound, no quantile."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array


def check_set(gradients: Sequence[Array], name: str = "gradients") -> None:
    """Raises TypeError unless this is a list or tuple of floating or complex arrays."""
    if not isinstance(gradients, list | tuple):
        raise TypeError(f"{name}: expected a list of arrays, got {type(gradients).__name__}")
    for place, gradient in enumerate(gradients):
        if not hasattr(gradient, "dtype"):
            raise TypeError(f"{name}[{place}]: expected a jax.Array, got {type(gradient).__name__}")
        if not jnp.issubdtype(gradient.dtype, jnp.inexact):
            raise TypeError(f"{name}[{place}]: expected a floating or complex dtype, got {gradient.dtype}")


def check_bound(name: str, bound: float | Array) -> None:
    """Raises TypeError unless this is a number or a scalar array, ValueError unless a number is ≥ 0."""
    if isinstance(bound, bool) or not isinstance(bound, int | float | jax.Array):
        raise TypeError(f"{name}: expected a number ≥ 0, got {type(bound).__name__}")
    if isinstance(bound, int | float) and not bound >= 0:
        raise ValueError(f"{name}: expected a number ≥ 0, got {bound!r}")


def check_quantile(quantile: float) -> None:
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile: expected a number in [0, 1], got {quantile!r}")


def widest(gradients: Sequence[Array]) -> jnp.dtype:
    """The real dtype of the set's norm: the widest of its precisions, at least single."""
    return jnp.result_type(jnp.float32, *(real_dtype(g) for g in gradients))


def real_dtype(array: Array) -> jnp.dtype:
    return jnp.finfo(array.dtype).dtype
