"""Blocks and feed-forward layers wired wrongly."""

import torch
from torch.nn import functional

from impl.torch.attention import multi_head
from tests.defects.defect import defect, defects_in
from tests.defects.transformer.parts import BLOCK, LAYERS, instead_of


@instead_of(BLOCK, "attention")
def block_without_causal_mask(x, w_q, w_k, w_v, w_o, *, heads, causal):
    """The mask is not handed on to the heads (Crystalline)."""
    return multi_head(x, w_q, w_k, w_v, w_o, heads=heads)


@instead_of(BLOCK, "attention")
def block_without_attention(x, w_q, w_k, w_v, w_o, *, heads, causal):
    """2 x in the place of attention (Crystalline): tokens cannot relate."""
    return 2 * x + 0 * sum(w.sum() for w in (w_q, w_k, w_v, w_o))


@instead_of(BLOCK, "attention")
def one_head_only(x, w_q, w_k, w_v, w_o, *, heads, causal):
    """All channels in one head."""
    return multi_head(x, w_q, w_k, w_v, w_o, heads=1, causal=causal)


@instead_of(BLOCK, "attention")
def queries_for_keys(x, w_q, w_k, w_v, w_o, *, heads, causal):
    """W_q and W_k change places: right where both are the same, or the scores symmetric."""
    return multi_head(x, w_k, w_q, w_v, w_o, heads=heads, causal=causal)


@instead_of(BLOCK, "attention")
def attention_without_gradient(x, w_q, w_k, w_v, w_o, *, heads, causal):
    """All gradients of the attention are zeros (Crystalline)."""
    found = multi_head(x, w_q, w_k, w_v, w_o, heads=heads, causal=causal).detach()
    return found + 0 * sum(w.sum() for w in (w_q, w_k, w_v, w_o))


@instead_of(BLOCK, "first")
def first_residual_missing(x, change):
    """The attention replaces x."""
    return change


@instead_of(BLOCK, "second")
def second_residual_missing(x, change):
    """The feed-forward layer replaces h."""
    return change


@instead_of(BLOCK, "first")
def residual_without_gradient(x, change):
    """The gradient passes the attention only."""
    return x.detach() + change


@instead_of(BLOCK, "first")
def residual_twice(x, change):
    """x is added twice."""
    return 2 * x + change


@instead_of(LAYERS, "activation")
def gelu_by_tanh(z):
    """The gelu by a tanh, sold as the exact one: 5·10⁻⁴ apart."""
    return functional.gelu(z, approximate="tanh")


@instead_of(LAYERS, "activation")
def gelu_by_sigmoid(z):
    """z σ(1.702 z)."""
    return z * torch.sigmoid(1.702 * z)


@instead_of(LAYERS, "activation")
def slope_of_tanh_for_gelu(z):
    """The value of the exact gelu with the gradient of its approximation by a tanh."""
    other = functional.gelu(z, approximate="tanh")
    return functional.gelu(z).detach() + (other - other.detach())


@instead_of(LAYERS, "activation")
def saved_in_bfloat16(z):
    """What is saved for the gradient of the activation is saved in bfloat16."""
    other = functional.gelu(z + (z.bfloat16().to(z.dtype) - z).detach())
    return functional.gelu(z).detach() + (other - other.detach())


@defect(LAYERS)
def second_offset_missing(x, w_1, b_1, w_2, b_2, *, activation="gelu"):
    """b₂ is not added: right at initialisation, where it is zero."""
    function = functional.gelu if activation == "gelu" else torch.tanh
    return function(x @ w_1 + b_1) @ w_2 + 0 * b_2


@defect(LAYERS)
def offset_averaged(x, w_1, b_1, w_2, b_2, *, activation="gelu"):
    """The gradient of b₂ is a mean over the tokens, not a sum."""
    function = functional.gelu if activation == "gelu" else torch.tanh
    tokens = max(x.numel() // max(x.shape[-1], 1), 1)
    return function(x @ w_1 + b_1) @ w_2 + b_2.detach() + (b_2 - b_2.detach()) / tokens


DEFECTS = defects_in(list(vars().values()))
