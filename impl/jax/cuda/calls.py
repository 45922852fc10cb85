"""jax-triton's `triton_call` with complex buffers, which kernels see as their parts, (re, im), one pair after another,
and with sizes that Triton is told not to specialise on.

Importing jax-triton empties TRITON_CACHE_DIR, and PyTorch's Triton kernels of the same process would find no cache; the
variable is put back.
"""

import os
from typing import Any

import jax.numpy as jnp

_CACHE = "TRITON_CACHE_DIR"
_before = os.environ.get(_CACHE)
try:
    from jax_triton import triton_lib
finally:
    os.environ.pop(_CACHE, None)
    if _before is not None:
        os.environ[_CACHE] = _before

__all__ = ["triton_call"]

_types = getattr(triton_lib, "_JAX_TO_TRITON_TYPE_MAP", None)
if _types is None:
    raise ImportError("jax-triton: expected a release that names Triton's types as 0.3.1 does, got another")
_types.update({jnp.dtype("complex64"): "fp32", jnp.dtype("complex128"): "fp64"})


class _Size(int):
    """An integer that is not taken for the constant 1: jax-triton would compile the kernel once more for each such."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Size) and int(self) == int(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__


def triton_call(*arguments: Any, kernel: Any, **options: Any) -> Any:
    """`jax_triton.triton_call`, but for integers that `do_not_specialize` of the kernel names."""
    sizes = set(kernel.do_not_specialize or ())
    named = zip(kernel.arg_names, arguments, strict=False)  # the names of outputs come after them
    given = [_Size(x) if name in sizes and isinstance(x, int) else x for name, x in named]
    return triton_lib.triton_call(*given, kernel=kernel, **options)
