"""The pre-norm transformer block and its loss.

x (…, T, M); weights act from the right. Sources: J. L. Ba et al., Layer Normalization, 2016; D. Hendrycks, K. Gimpel,
Gaussian Error Linear Units, 2016; R. Xiong et al., On Layer Normalization in the Transformer Architecture, 2020.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import erf

from reference.attention import by_weight, multi_head, multi_head_vjp
from reference.numbers import free, like
from reference.pullback import like_input
from reference.shapes import require_shape

__all__ = [
    "block",
    "block_vjp",
    "cross_entropy",
    "cross_entropy_vjp",
    "feed_forward",
    "feed_forward_vjp",
    "layer_norm",
    "layer_norm_vjp",
]

EPSILON = 1e-5  # added to the variance: what the frameworks add


def layer_norm(x, gamma, beta, *, epsilon=EPSILON):
    """γ (x − mean x)/√(mean (x − mean x)² + ε) + β over the last axis.

    x (…, M), gamma and beta (M) → (…, M). Raises ValueError for shapes that do not fit.
    """
    _check_norm(x, gamma=gamma, beta=beta)
    return gamma * _normal(x, epsilon)[0] + beta


def layer_norm_vjp(x, gamma, beta, cotangent, *, epsilon=EPSILON):
    """Gradients of x, gamma and beta: with x̂ normalised and h = γ·cotangent, ∂x = (h − mean h − x̂ mean(h x̂))/σ."""
    normal, deviation = _normal(x, epsilon)
    weighted = gamma * cotangent
    by_x = (weighted - _mean(weighted) - normal * _mean(weighted * normal)) / deviation
    return by_x, like_input(cotangent * normal, gamma), like_input(cotangent, beta)


def feed_forward(x, w_1, b_1, w_2, b_2, *, activation="gelu"):
    """φ(x W₁ + b₁) W₂ + b₂, φ the exact gelu z Φ(z) or tanh.

    x (…, M), w_1 (M, F), b_1 (F), w_2 (F, M), b_2 (M) → (…, M). Raises ValueError for what does not fit.
    """
    _check_layers(x, w_1, b_1, w_2, b_2, activation)
    return ACTIVATIONS[activation][0](x @ w_1 + b_1) @ w_2 + b_2


def feed_forward_vjp(x, w_1, b_1, w_2, b_2, cotangent, *, activation="gelu"):
    """Gradients of x, w_1, b_1, w_2 and b_2."""
    function, slope = ACTIVATIONS[activation]
    z = x @ w_1 + b_1
    by_z = slope(z) * (cotangent @ np.swapaxes(w_2, -1, -2))
    return (
        by_z @ np.swapaxes(w_1, -1, -2),
        by_weight(x, by_z),
        like_input(by_z, b_1),
        by_weight(function(z), cotangent),
        like_input(cotangent, b_2),
    )


def block(
    x, w_q, w_k, w_v, w_o, w_1, b_1, w_2, b_2, gamma_1, beta_1, gamma_2, beta_2,
    *, heads, causal=False, activation="gelu", epsilon=EPSILON,
):  # fmt: skip
    """h = x + multi_head(layer_norm(x; γ₁, β₁)), and h + feed_forward(layer_norm(h; γ₂, β₂)) → (…, T, M)."""
    middle = x + multi_head(
        layer_norm(x, gamma_1, beta_1, epsilon=epsilon), w_q, w_k, w_v, w_o, heads=heads, causal=causal
    )
    normal = layer_norm(middle, gamma_2, beta_2, epsilon=epsilon)
    return middle + feed_forward(normal, w_1, b_1, w_2, b_2, activation=activation)


def block_vjp(
    x, w_q, w_k, w_v, w_o, w_1, b_1, w_2, b_2, gamma_1, beta_1, gamma_2, beta_2, cotangent,
    *, heads, causal=False, activation="gelu", epsilon=EPSILON,
):  # fmt: skip
    """Gradients of the thirteen arrays of `block`, through both residuals."""
    projections, layers = (w_q, w_k, w_v, w_o), (w_1, b_1, w_2, b_2)
    first = layer_norm(x, gamma_1, beta_1, epsilon=epsilon)
    middle = x + multi_head(first, *projections, heads=heads, causal=causal)
    second = layer_norm(middle, gamma_2, beta_2, epsilon=epsilon)
    by_second, *by_layers = feed_forward_vjp(second, *layers, cotangent, activation=activation)
    through, by_gamma_2, by_beta_2 = layer_norm_vjp(middle, gamma_2, beta_2, by_second, epsilon=epsilon)
    by_middle = cotangent + through
    by_first, *by_projections = multi_head_vjp(first, *projections, by_middle, heads=heads, causal=causal)
    through, by_gamma_1, by_beta_1 = layer_norm_vjp(x, gamma_1, beta_1, by_first, epsilon=epsilon)
    return by_middle + through, *by_projections, *by_layers, by_gamma_1, by_beta_1, by_gamma_2, by_beta_2


def cross_entropy(logits, targets):
    """The mean of log Σ_c exp(logits_c) − logits_target, in nats; 0 without targets.

    logits (…, V), targets (…) integers in [0, V) → (). Constant logits give ln V. Raises ValueError for shapes that do
    not fit.
    """
    shifted, total, _ = _exponentials(logits, targets)
    chosen = np.take_along_axis(shifted, np.asarray(targets)[..., None], axis=-1)
    return np.sum(np.log(total) - chosen) / max(np.size(targets), 1)


def cross_entropy_vjp(logits, targets, cotangent):
    """The gradient of the logits, cotangent·(softmax − one-hot)/count, and zeros for the targets."""
    _, total, exponentials = _exponentials(logits, targets)
    one_hot = np.arange(np.shape(logits)[-1]) == np.asarray(targets)[..., None]
    gradient = cotangent * (exponentials / total - one_hot * 1.0) / max(np.size(targets), 1)
    return gradient, np.zeros(np.shape(targets))


def _normal(x, epsilon):
    """(x − mean)/σ and σ."""
    centred = x - _mean(x)
    deviation = np.sqrt(_mean(centred * centred) + epsilon)
    return centred / deviation, deviation


def _mean(x):
    return np.sum(x, axis=-1, keepdims=True) / max(np.shape(x)[-1], 1)


def _exponentials(logits, targets):
    """logits − max, Σ exp of them, and exp of them; the maximum is a free choice."""
    require_shape("logits", np.ndim(logits) >= 1 and np.shape(logits)[-1] > 0, "(…, V)", logits)
    require_shape("targets", np.shape(targets) == np.shape(logits)[:-1], f"{np.shape(logits)[:-1]}", targets)
    shifted = logits - np.max(free(logits), axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return shifted, np.sum(exponentials, axis=-1, keepdims=True), exponentials


def _gelu(z):
    """z Φ(z)"""
    return z * ((1 + erf(z / np.sqrt(like(z, 2.0)))) / 2)


def _gelu_slope(z):
    """Φ(z) + z φ(z), with π = 4 arctan 1 in the number system of z."""
    density = np.exp(-z * z / 2) / np.sqrt(8 * np.arctan(like(z, 1.0)))
    return (1 + erf(z / np.sqrt(like(z, 2.0)))) / 2 + z * density


def _tanh_slope(z):
    return 1 - np.tanh(z) ** 2


ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {"gelu": (_gelu, _gelu_slope), "tanh": (np.tanh, _tanh_slope)}


def _check_norm(x, **weights) -> None:
    require_shape("x", np.ndim(x) >= 1, "(…, M)", x)
    for name, weight in weights.items():
        require_shape(name, np.shape(weight) == np.shape(x)[-1:], f"({np.shape(x)[-1]})", weight)


def _check_layers(x, w_1, b_1, w_2, b_2, activation) -> None:
    require_shape("x", np.ndim(x) >= 1, "(…, M)", x)
    channels = np.shape(x)[-1]
    require_shape("w_1", np.ndim(w_1) == 2 and np.shape(w_1)[0] == channels, f"({channels}, F)", w_1)
    hidden = np.shape(w_1)[1]
    require_shape("b_1", np.shape(b_1) == (hidden,), f"({hidden})", b_1)
    require_shape("w_2", np.shape(w_2) == (hidden, channels), f"({hidden}, {channels})", w_2)
    require_shape("b_2", np.shape(b_2) == (channels,), f"({channels})", b_2)
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
