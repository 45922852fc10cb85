"""Matrix products of a declared precision, in the gradient too, whatever PyTorch's global switch says."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

PRECISIONS = (None, "tf32")


def check_precision(precision: str | None) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected None or 'tf32', got {precision!r}")


def product(a: Tensor, b: Tensor, precision: str | None = None) -> Tensor:
    """a @ b; "tf32" lets a GPU round float32 operands to 11 bits. None leaves it to PyTorch: IEEE by default."""
    return a @ b if precision is None else _Rounded.apply(a, b)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(a, b):
        with _tf32():
            return a @ b

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, cotangent):
        a, b = ctx.saved_tensors
        with _tf32():
            return (cotangent @ b.mT).sum_to_size(a.shape), (a.mT @ cotangent).sum_to_size(b.shape)

    @staticmethod
    def jvp(ctx, along_a, along_b):
        a, b = ctx.saved_tensors
        with _tf32():
            return along_a @ b + a @ along_b


@contextmanager
def _tf32() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
