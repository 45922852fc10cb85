"""Other libraries' gradient clipping, behind the contracts of the clipping row."""


def torch_clip_grad_norm_foreach(gradients, *, max_norm):
    """`torch.nn.utils.clip_grad_norm_` with one launch for many tensors."""
    return _torch_clip(gradients, max_norm, foreach=True)


def torch_clip_grad_norm_one_by_one(gradients, *, max_norm):
    return _torch_clip(gradients, max_norm, foreach=False)


def _torch_clip(gradients, max_norm, foreach):
    """It writes into the gradients of parameters; copies of both are made for it."""
    import torch

    parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.detach().clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=foreach)
    return [parameter.grad for parameter in parameters], norm


def torch_get_total_norm(gradients):
    import torch

    return torch.nn.utils.get_total_norm(gradients)


def optax_global_norm(gradients):
    import optax

    return optax.global_norm(gradients)


def optax_clip_by_global_norm(gradients, *, max_norm):
    """It does not tell the norm; `optax.global_norm`, which it uses, does."""
    import optax

    clipped, _ = optax.clip_by_global_norm(max_norm).update(gradients, optax.EmptyState())
    return clipped, optax.global_norm(gradients)


def optax_adaptive_grad_clip(gradient, *, max_norm):
    """It clips units to a share of the norm of their parameters: here one unit, of parameters of norm 1."""
    import jax.numpy as jnp
    import optax

    unit = gradient.reshape(-1)
    parameters = jnp.zeros_like(unit).at[:1].set(1)
    clipped, _ = optax.adaptive_grad_clip(max_norm).update(unit, optax.EmptyState(), parameters)
    return clipped.reshape(gradient.shape), optax.global_norm(unit)


def optax_zero_nans(gradients):
    """It tells which arrays held a NaN; the elements that it changed are counted here."""
    import jax.numpy as jnp
    import optax

    rule = optax.zero_nans()
    clean, _ = rule.update(gradients, rule.init(gradients))
    changed = (jnp.sum(~((c == g) | (jnp.isinf(g) & jnp.isinf(c)))) for c, g in zip(clean, gradients, strict=True))
    return clean, sum(changed, jnp.zeros((), int))
