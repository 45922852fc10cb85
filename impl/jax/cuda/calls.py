"""jax-triton's `triton_call` with complex buffers, which kernels see as their parts, (re, im), one pair after another.

Importing jax-triton empties TRITON_CACHE_DIR, and PyTorch's Triton kernels of the same process would find no cache; the
variable is put back.
"""

import os

import jax.numpy as jnp

_CACHE = "TRITON_CACHE_DIR"
_before = os.environ.get(_CACHE)
try:
    from jax_triton import triton_call, triton_lib
finally:
    os.environ.pop(_CACHE, None)
    if _before is not None:
        os.environ[_CACHE] = _before

__all__ = ["triton_call"]

_types = getattr(triton_lib, "_JAX_TO_TRITON_TYPE_MAP", None)
if _types is None:
    raise ImportError("jax-triton: expected a release that names Triton's types as 0.3.1 does, got another")
_types.update({jnp.dtype("complex64"): "fp32", jnp.dtype("complex128"): "fp64"})
