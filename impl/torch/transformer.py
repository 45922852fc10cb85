"""The pre-norm transformer block and its loss, from PyTorch's own parts.

x (…, T, M); weights act from the right. float16, bfloat16, float32 or float64, one dtype and one device a call;
`TypeError` for other types and `ValueError` for shapes and options that do not fit, naming the argument.
Sources: Ba et al., Layer Normalization, 2016; Hendrycks, Gimpel, Gaussian Error Linear Units, 2016; Xiong et al., On
Layer Normalization in the Transformer Architecture, 2020.
"""

import torch
from torch import Tensor
from torch.nn import functional

from impl.torch.attention import multi_head
from impl.torch.attention_arguments import check_alike, require
from impl.torch.products import check_precision, product

__all__ = ["block", "cross_entropy", "feed_forward", "layer_norm"]

EPSILON = 1e-5  # added to the variance: PyTorch's default
ACTIVATIONS = {"gelu": functional.gelu, "tanh": torch.tanh}


def layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, epsilon: float = EPSILON) -> Tensor:
    """γ (x − mean x)/√(var x + ε) + β over the last axis; gamma and beta (M)."""
    check_alike(x=x, gamma=gamma, beta=beta)
    require("x", x.ndim > 0, "(…, M)", x)
    for name, weight in (("gamma", gamma), ("beta", beta)):
        require(name, weight.shape == x.shape[-1:], f"({x.shape[-1]})", weight)
    if not x.numel():
        return x * gamma + beta
    if x.is_cuda:
        return functional.layer_norm(x, x.shape[-1:], gamma, beta, epsilon)
    # On the CPU PyTorch keeps the statistics of halves in half precision for the gradient.
    wide, weight, offset = (array.to(torch.promote_types(x.dtype, torch.float32)) for array in (x, gamma, beta))
    return functional.layer_norm(wide, x.shape[-1:], weight, offset, epsilon).to(x.dtype)


def feed_forward(
    x: Tensor, w_1: Tensor, b_1: Tensor, w_2: Tensor, b_2: Tensor,
    *, activation: str = "gelu", precision: str | None = None,
) -> Tensor:  # fmt: skip
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
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, w_1: Tensor, b_1: Tensor, w_2: Tensor, b_2: Tensor,
    gamma_1: Tensor, beta_1: Tensor, gamma_2: Tensor, beta_2: Tensor,
    *, heads: int, causal: bool = False, activation: str = "gelu", epsilon: float = EPSILON,
    precision: str | None = None,
) -> Tensor:  # fmt: skip
    """h = x + multi_head(layer_norm(x; γ₁, β₁)), and h + feed_forward(layer_norm(h; γ₂, β₂)).

    **Arguments**: x (…, T, M), w_q … w_o (M, M), w_1 (M, F), b_1 (F), w_2 (F, M), b_2 (M), the others (M); heads
    divides M; precision="tf32" lets a GPU round float32 operands of the products. **Returns**: (…, T, M).
    """
    first = layer_norm(x, gamma_1, beta_1, epsilon=epsilon)
    middle = x + multi_head(first, w_q, w_k, w_v, w_o, heads=heads, causal=causal, precision=precision)
    second = layer_norm(middle, gamma_2, beta_2, epsilon=epsilon)
    return middle + feed_forward(second, w_1, b_1, w_2, b_2, activation=activation, precision=precision)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean of log Σ_c exp(logits_c) − logits_target, in nats; 0 without targets. Constant logits give ln V.

    **Arguments**: logits (…, V); targets (…) int64 in [0, V). **Returns**: (). Halves are summed in float32.
    """
    check_alike(logits=logits)
    require("logits", logits.ndim > 0 and logits.shape[-1] > 0, "(…, V)", logits)
    if not isinstance(targets, Tensor) or targets.dtype != torch.int64:
        raise TypeError(f"targets: expected a tensor of int64, got {getattr(targets, 'dtype', type(targets))}")
    require("targets", targets.shape == logits.shape[:-1], f"{tuple(logits.shape[:-1])}", targets)
    if not targets.numel():
        return logits.sum()
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return functional.cross_entropy(wide.reshape(-1, logits.shape[-1]), targets.reshape(-1)).to(logits.dtype)
