"""Attention as users compute it with a library, in one call and without closing its gaps."""

import math


def torch_sdpa(q, k, v, lengths=None, *, causal=False, scale=None):
    """`scaled_dot_product_attention` with the kernel that PyTorch chooses; lengths and causality as one mask."""
    from torch.nn.functional import scaled_dot_product_attention

    mask, shape = None, _batch(q, k, v)
    if lengths is not None:
        import torch

        place = torch.arange(k.shape[-2], device=q.device)
        mask = place < lengths[..., None, None]
        if causal:
            mask = mask & (place <= torch.arange(q.shape[-2], device=q.device)[:, None])
        shape = torch.broadcast_shapes(shape, lengths.shape)
        mask = mask.expand(*shape, q.shape[-2], k.shape[-2])
    q, k, v = (x.expand(*shape, *x.shape[-2:]) for x in (q, k, v))
    return scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal and mask is None, scale=_scale(q, scale)
    )


def torch_sdpa_padded(q, k, v, lengths=None, query_lengths=None, **options):
    """The same, and zeros for padded queries."""
    found = torch_sdpa(q, k, v, lengths, **options)
    if query_lengths is None:
        return found
    import torch

    inside = torch.arange(q.shape[-2], device=q.device)[:, None] < query_lengths[..., None, None]
    return torch.where(inside, found, 0)


def torch_sdpa_math(q, k, v, lengths=None, **options):
    """The same by PyTorch's products and softmax, one after the other."""
    return _by_backend("MATH", q, k, v, lengths, options)


def torch_sdpa_flash(q, k, v, lengths=None, **options):
    """The same by flash attention, which takes no mask."""
    return _by_backend("FLASH_ATTENTION", q, k, v, lengths, options)


def torch_sdpa_cudnn(q, k, v, lengths=None, **options):
    """The same by cuDNN."""
    return _by_backend("CUDNN_ATTENTION", q, k, v, lengths, options)


def torch_sdpa_efficient(q, k, v, lengths=None, **options):
    """The same by the memory-efficient kernel."""
    return _by_backend("EFFICIENT_ATTENTION", q, k, v, lengths, options)


def torch_multi_head(x, w_q, w_k, w_v, w_o, *, heads, causal=False):
    """What `torch.nn.MultiheadAttention` calls, with its weights in their places and no offsets."""
    import torch
    from torch.nn.functional import multi_head_attention_forward

    times, channels = x.shape[-2:]
    rows = x.reshape(math.prod(x.shape[:-2]), times, channels).transpose(0, 1)
    projections = torch.cat([w_q, w_k, w_v], -1).mT
    mask = torch.ones(times, times, dtype=torch.bool, device=x.device).triu(1) if causal else None
    found, _ = multi_head_attention_forward(
        rows, rows, rows, channels, heads, projections, None, None, None, False, 0.0, w_o.mT, None,
        need_weights=False, attn_mask=mask,
    )  # fmt: skip
    return found.transpose(0, 1).reshape(x.shape)


def jax_dot_product_attention(q, k, v, lengths=None, query_lengths=None, *, causal=False, scale=None):
    """`jax.nn.dot_product_attention`, one head a row; missing channels filled with zeros, for it wants E = D."""
    import jax
    import jax.numpy as jnp

    ends = [None if x is None else x.astype(jnp.int32) for x in (lengths, query_lengths)]
    batch = jnp.broadcast_shapes(_batch(q, k, v), *(x.shape for x in ends if x is not None))
    width, channels = max(q.shape[-1], v.shape[-1]), v.shape[-1]
    scale = _scale(q, scale)

    def headed(x):
        whole = jnp.broadcast_to(x, (*batch, *x.shape[-2:])).reshape(math.prod(batch), x.shape[-2], 1, x.shape[-1])
        return jnp.pad(whole, [(0, 0)] * 3 + [(0, width - x.shape[-1])])

    keys, queries = (None if x is None else jnp.broadcast_to(x, batch).reshape(-1) for x in ends)
    found = jax.nn.dot_product_attention(
        *map(headed, (q, k, v)), scale=scale, is_causal=causal, key_value_seq_lengths=keys, query_seq_lengths=queries
    )
    return found[..., 0, :channels].reshape(*batch, q.shape[-2], channels)


def _by_backend(backend: str, q, k, v, lengths, options):
    import numpy as np
    from torch.nn.attention import SDPBackend, sdpa_kernel

    batch = np.broadcast_shapes(_batch(q, k, v), () if lengths is None else tuple(lengths.shape))
    headed = (math.prod(batch[:-1]), *(batch[-1:] or (1,)))  # the kernels want two batch axes
    q, k, v = (x.expand(*batch, *x.shape[-2:]).reshape(*headed, *x.shape[-2:]) for x in (q, k, v))
    given = None if lengths is None else lengths.expand(batch).reshape(headed)
    with sdpa_kernel(getattr(SDPBackend, backend)):
        found = torch_sdpa(q, k, v, given, **options)
    return found.reshape(*batch, *found.shape[-2:])


def _batch(q, k, v) -> tuple[int, ...]:
    """The batch axes of the three together."""
    import numpy as np

    return np.broadcast_shapes(*(tuple(x.shape[:-2]) for x in (q, k, v)))


def _scale(q, scale) -> float:
    return 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
