"""The pre-norm transformer block and its loss, from JAX's own parts.

x (…, T, M); weights act from the right. float16, bfloat16, float32 or float64, one dtype a call; `TypeError` for other
types and `ValueError` for shapes and options that do not fit, naming the argument. Products keep the precision of the
data on every device, statistics and losses of halves are formed in float32.
Sources: Ba et al., Layer Normalization, 2016; Hendrycks, Gimpel, Gaussian Error Linear Units, 2016; Xiong et al., On
Layer Normalization in the Transformer Architecture, 2020.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from impl.jax.attention import multi_head
from impl.jax.attention_arguments import check_alike, require
from impl.jax.products import check_precision, product

__all__ = ["block", "cross_entropy", "feed_forward", "layer_norm"]

EPSILON = 1e-5  # added to the variance: flax's and PyTorch's default
ACTIVATIONS: dict[str, Callable] = {"gelu": partial(jax.nn.gelu, approximate=False), "tanh": jnp.tanh}


def layer_norm(x: Array, gamma: Array, beta: Array, *, epsilon: float = EPSILON) -> Array:
    """γ (x − mean x)/√(var x + ε) + β over the last axis; gamma and beta (M)."""
    check_alike(x=x, gamma=gamma, beta=beta)
    require("x", x.ndim > 0, "(…, M)", x)
    for name, weight in (("gamma", gamma), ("beta", beta)):
        require(name, weight.shape == x.shape[-1:], f"({x.shape[-1]})", weight)
    if not x.size:
        return x * gamma + beta
    wide, weight, offset = (array.astype(_inside(x)) for array in (x, gamma, beta))
    centred = wide - wide.mean(-1, keepdims=True)
    normal = centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + epsilon)
    return (weight * normal + offset).astype(x.dtype)


def feed_forward(
    x: Array, w_1: Array, b_1: Array, w_2: Array, b_2: Array, *, activation: str = "gelu", precision: str | None = None
) -> Array:
    """φ(x W₁ + b₁) W₂ + b₂, φ the exact "gelu" or "tanh".

    **Arguments**: x (…, M), w_1 (M, F), b_1 (F), w_2 (F, M), b_2 (M); precision="tf32" lets a GPU round float32
    operands of the products. **Returns**: (…, M).
    """
    check_alike(x=x, w_1=w_1, b_1=b_1, w_2=w_2, b_2=b_2)
    check_precision(precision)
    require("x", x.ndim > 0, "(…, M)", x)
    channels = x.shape[-1]
    require("w_1", w_1.ndim == 2 and w_1.shape[0] == channels, f"({channels}, F)", w_1)
    hidden = w_1.shape[1]
    require("b_1", b_1.shape == (hidden,), f"({hidden})", b_1)
    require("w_2", w_2.shape == (hidden, channels), f"({hidden}, {channels})", w_2)
    require("b_2", b_2.shape == (channels,), f"({channels})", b_2)
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    return product(ACTIVATIONS[activation](product(x, w_1, precision) + b_1), w_2, precision) + b_2


def block(
    x: Array, w_q: Array, w_k: Array, w_v: Array, w_o: Array, w_1: Array, b_1: Array, w_2: Array, b_2: Array,
    gamma_1: Array, beta_1: Array, gamma_2: Array, beta_2: Array,
    *, heads: int, causal: bool = False, activation: str = "gelu", epsilon: float = EPSILON,
    precision: str | None = None,
) -> Array:  # fmt: skip
    """h = x + multi_head(layer_norm(x; γ₁, β₁)), and h + feed_forward(layer_norm(h; γ₂, β₂)).

    **Arguments**: x (…, T, M), w_q … w_o (M, M), w_1 (M, F), b_1 (F), w_2 (F, M), b_2 (M), the others (M); heads
    divides M; precision="tf32" lets a GPU round float32 operands of the products. **Returns**: (…, T, M).
    """
    first = layer_norm(x, gamma_1, beta_1, epsilon=epsilon)
    middle = x + multi_head(first, w_q, w_k, w_v, w_o, heads=heads, causal=causal, precision=precision)
    second = layer_norm(middle, gamma_2, beta_2, epsilon=epsilon)
    return middle + feed_forward(second, w_1, b_1, w_2, b_2, activation=activation, precision=precision)


def cross_entropy(logits: Array, targets: Array) -> Array:
    """The mean of log Σ_c exp(logits_c) − logits_target, in nats; 0 without targets. Constant logits give ln V.

    **Arguments**: logits (…, V); targets (…) integers in [0, V). **Returns**: (). Halves are summed in float32.
    """
    check_alike(logits=logits)
    require("logits", logits.ndim > 0 and logits.shape[-1] > 0, "(…, V)", logits)
    if not (hasattr(targets, "dtype") and jnp.issubdtype(targets.dtype, jnp.integer)):
        raise TypeError(f"targets: expected an array of integers, got {getattr(targets, 'dtype', type(targets))}")
    require("targets", targets.shape == logits.shape[:-1], f"{logits.shape[:-1]}", targets)
    wide = logits.astype(_inside(logits))
    chosen = jnp.take_along_axis(wide, targets[..., None], axis=-1)
    total = jnp.sum(jax.nn.logsumexp(wide, axis=-1, keepdims=True) - chosen)
    return (total / max(targets.size, 1)).astype(logits.dtype)


def _inside(x: Array) -> jnp.dtype:
    return jnp.promote_types(x.dtype, jnp.float32)
