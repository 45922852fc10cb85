"""Operations that autograd does not record."""

from contextlib import AbstractContextManager

import torch

__all__ = ["unrecorded"]


def unrecorded() -> AbstractContextManager:
    """Inference mode, in which views cost least, or what `torch.compile` takes in its place."""
    return torch.no_grad() if torch.compiler.is_compiling() else torch.inference_mode()
