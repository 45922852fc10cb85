"""The forward mode of functions whose kernels have a backward mode alone."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["pushed_forward"]


def pushed_forward(
    plain: Callable[..., tuple[Tensor, ...]], arrays: Sequence[Tensor], tangents: Sequence[Tensor | None]
) -> tuple[Tensor, ...]:
    """The derivative of a plain function along tangents, None for zero, as the transpose of its transpose.

    `torch.func.jvp` would do the same but inside a forward mode, in which PyTorch nests no other.
    """
    along = [torch.zeros_like(x) if t is None else t for x, t in zip(arrays, tangents, strict=True)]
    output, transposed = torch.func.vjp(plain, *arrays)
    nothing = tuple(torch.zeros_like(x) for x in output)
    return torch.func.vjp(transposed, nothing)[1](tuple(along))[0]
