"""Refusing arguments of the S5 functions that do not fit: types, precisions, shapes, options."""

import jax.numpy as jnp
from jax import Array


def at_rest(name: str, like: Array, initial: Array | None) -> Array:
    """`initial`, or zeros (P) for the last axis of `like`."""
    if initial is not None:
        return initial
    (like,) = alike(**{name: like})
    return jnp.zeros(like.shape[-1:], like.dtype)


HALVES = (jnp.float16, jnp.bfloat16)
IN_HALF = ("step", "feedthrough", "u")  # may come in half precision beside arrays in single


def alike(**arrays: Array) -> tuple[Array, ...]:
    """The arrays, all of one precision; `step`, `u` and `target` are real, in half precision too beside single."""
    (expected, model), *_ = arrays.items()
    for name, array in arrays.items():
        if not (hasattr(array, "dtype") and hasattr(array, "shape")):
            raise TypeError(f"{name}: expected an array, got {type(array).__name__}")
        if array.dtype in HALVES and name in IN_HALF and jnp.finfo(model.dtype).dtype == jnp.float32:
            continue
        if array.dtype not in (jnp.float32, jnp.float64, jnp.complex64, jnp.complex128):
            raise TypeError(f"{name}: expected float32, float64, complex64 or complex128, got {array.dtype}")
        if jnp.finfo(array.dtype).dtype != jnp.finfo(model.dtype).dtype:
            raise TypeError(f"{name}: expected the precision of {expected} ({model.dtype}), got {array.dtype}")
        if name in ("step", "u", "target") and jnp.iscomplexobj(array):
            raise TypeError(f"{name}: expected a real array, got {array.dtype}")
    return tuple(map(jnp.asarray, arrays.values()))


def require(name: str, holds: bool, expected: str, array: Array) -> None:
    if not holds:
        raise ValueError(f"{name}: expected shape {expected}, got {array.shape}")


def check_set(
    eigenvalues: Array, input_matrix: Array, step: Array | None = None, *, name: str = "eigenvalues"
) -> None:  # fmt: skip
    require(name, eigenvalues.ndim == 1, "(P)", eigenvalues)
    size = eigenvalues.shape[0]
    require("input_matrix", input_matrix.ndim == 2 and input_matrix.shape[0] == size, f"({size}, H)", input_matrix)
    if step is not None:
        require("step", step.shape == eigenvalues.shape, f"({size})", step)


def check_reading(input_matrix: Array, output_matrix: Array, feedthrough: Array, u: Array, pairs: str) -> None:
    size, channels = input_matrix.shape
    require("output_matrix", output_matrix.shape == (channels, size), f"({channels}, {size})", output_matrix)
    require("feedthrough", feedthrough.shape == (channels,), f"({channels})", feedthrough)
    require("u", u.shape[-1:] == (channels,), f"(…, {channels})", u)
    if pairs not in ("half", "full"):
        raise ValueError(f"pairs: expected 'half' or 'full', got {pairs!r}")
    if pairs == "half" and jnp.iscomplexobj(feedthrough):
        raise TypeError(f"feedthrough: expected a real array beside pairs='half', got {feedthrough.dtype}")


def check_scan(decay: Array, drive: Array, initial: Array) -> tuple[int, ...]:
    """The batch shape."""
    require("drive", drive.ndim > 1, "(…, T, P)", drive)
    times, size = drive.shape[-2:]
    fits = decay.shape[-2:] == drive.shape[-2:] or decay.shape == (size,)
    require("decay", fits, f"({size}) or (…, {times}, {size})", decay)
    require("initial", initial.shape[-1:] == (size,), f"(…, {size})", initial)
    return joined("initial", joined("decay", drive.shape[:-2], decay.shape[:-2]), initial.shape[:-1])


def joined(name: str, batch: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return jnp.broadcast_shapes(batch, own)
    except ValueError:
        raise ValueError(f"{name}: expected batch axes that broadcast with {batch}, got {own}") from None


def check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"{name}: expected a whole number ≥ 1, got {type(size).__name__}")
        if size < 1:
            raise ValueError(f"{name}: expected a whole number ≥ 1, got {size}")


def check_choice(name: str, chosen: str, there: tuple[str, ...]) -> None:
    if chosen not in there:
        raise ValueError(f"{name}: expected one of {', '.join(there)}, got {chosen!r}")
