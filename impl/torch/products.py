"""Matrix products of a declared precision, in the gradient too, whatever PyTorch's global switch says."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

PRECISIONS = (None, "tf32")


def check_precision(precision: str | None) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected None or 'tf32', got {precision!r}")


def as_declared(precision: str | None) -> AbstractContextManager:
    """Where a GPU may round float32 operands if `precision` says so."""
    return nullcontext() if precision is None else _tf32()


def product(a: Tensor, b: Tensor, precision: str | None = None) -> Tensor:
    """a @ b; "tf32" lets a GPU round float32 operands to 11 bits. None leaves it to PyTorch: IEEE by default."""
    if precision is None:
        return a @ b
    if b.ndim == 2 and a.ndim > 2:  # one product of all rows, whose gradient needs no sum over them
        return _Rounded.apply(a.flatten(0, -2), b).unflatten(0, a.shape[:-1])
    return _Rounded.apply(a, b)


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
