"""Matrix products of a declared precision, in the gradient too: JAX's default on a GPU rounds single to 11 bits."""

import jax.numpy as jnp
from jax import Array, lax

PRECISIONS = {None: lax.Precision.HIGHEST, "tf32": lax.Precision.DEFAULT}


def check_precision(precision: str | None) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected None or 'tf32', got {precision!r}")


def product(a: Array, b: Array, precision: str | None = None) -> Array:
    """a @ b in the precision of the data; "tf32" lets a GPU round float32 operands to 11 bits."""
    return jnp.matmul(a, b, precision=PRECISIONS[precision])
