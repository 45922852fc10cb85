"""The tiles of the flat kernels of attention, their options, and arrays that fill them."""

from typing import Any

import jax
import jax.numpy as jnp
import triton.language as tl
from jax import Array

from impl.triton.tiles import ROOMY, Tiling, tiling

SUM = jnp.float32


def tiling_of(q: Array, v: Array, held: str) -> Tiling:
    return tiling(q.shape[-1], v.shape[-1], q.dtype.itemsize, held, _capability() in ROOMY)


def options(tiles: Tiling, causal: bool, scale: float) -> dict[str, Any]:
    return {"SCALE": float(scale), "CAUSAL": bool(causal), "SUM": tl.float32, **tiles._asdict()}


def _capability() -> tuple[int, ...]:
    found = getattr(jax.devices()[0], "compute_capability", "")
    return tuple(int(part) for part in str(found).split(".") if part.isdigit())


def filled(tiles: Tiling, *arrays: Array) -> tuple[Array, ...]:
    """With zeros for the channels that a tile has beyond the arrays'."""
    return tuple(jnp.pad(x, [(0, 0), (0, 0), (0, tiles.WIDTH - x.shape[-1])]) for x in arrays)
