"""PyTorch, on the CPU or CUDA. Its gradient convention is this project's own: ∂L/∂a + i ∂L/∂b."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from properties.frameworks import as_outputs
from properties.law import NotClaimed

_REAL = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_COMPLEX = {"float64": torch.complex128}  # single precision beside halves: there are no complex halves to compute with


class TorchAdapter:
    name = "torch"

    def versions(self) -> dict[str, str]:
        found = {"torch": str(torch.__version__)}
        if importlib.util.find_spec("triton"):
            import triton

            found["triton"] = triton.__version__
        if torch.cuda.is_available():
            found["device"] = torch.cuda.get_device_name()
        return found

    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def working(self, double: bool) -> AbstractContextManager:
        return nullcontext()

    def array(self, value: np.ndarray, dtype: str, device: str) -> torch.Tensor:
        tensor = torch.from_numpy(np.array(value))
        if tensor.is_complex():
            tensor = tensor.to(_COMPLEX.get(dtype, torch.complex64))
        elif tensor.is_floating_point():
            tensor = tensor.to(_REAL[dtype])
        return tensor.to(device)

    def strided(self, array: torch.Tensor) -> torch.Tensor:
        if array.ndim == 0:
            return array
        spaced = array.new_zeros((*array.shape[:-1], 2 * array.shape[-1]))
        spaced[..., ::2] = array
        return spaced[..., ::2]

    def numpy(self, array: torch.Tensor) -> np.ndarray:
        if not isinstance(array, torch.Tensor):
            raise TypeError(f"expected a torch.Tensor as result, got {type(array).__name__}")
        tensor = array.detach().resolve_conj().resolve_neg().cpu()
        if tensor.is_complex():
            return tensor.to(torch.complex128).numpy()
        return (tensor.to(torch.float64) if tensor.is_floating_point() else tensor).numpy()

    def dtype_of(self, array: torch.Tensor) -> str:
        return str(array.dtype).removeprefix("torch.")

    def call(self, function: Callable, arrays: Sequence, options: Mapping) -> tuple:
        return as_outputs(function(*arrays, **options))

    def vjp(self, function: Callable, arrays: Sequence, cotangents: Sequence, options: Mapping) -> tuple:
        inputs = [array.detach().requires_grad_(_differentiable(array)) for array in arrays]
        outputs = [o for o in as_outputs(function(*inputs, **options)) if _differentiable(o)]
        wanted = [array for array in inputs if array.requires_grad]
        pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
        if not pairs:
            return (None,) * len(inputs)
        followed, fed = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(followed, wanted, fed, allow_unused=True))
        return tuple(next(found) if array.requires_grad else None for array in inputs)

    def jvp(self, function: Callable, arrays: Sequence, tangents: Sequence, options: Mapping) -> tuple:
        moving = [place for place, array in enumerate(arrays) if _differentiable(array)]

        def call(*moved: torch.Tensor) -> tuple:
            inputs = list(arrays)
            for place, array in zip(moving, moved, strict=True):
                inputs[place] = array
            return tuple(o for o in as_outputs(function(*inputs, **options)) if _differentiable(o))

        try:
            return torch.func.jvp(call, tuple(arrays[p] for p in moving), tuple(tangents[p] for p in moving))[1]
        except (NotImplementedError, RuntimeError) as error:
            raise NotClaimed(f"no forward mode: {str(error).strip().splitlines()[0]}") from error

    def compilations(self) -> int | None:
        return _TRITON.count if torch.cuda.is_available() and _TRITON is not None else None


class _TritonCompilations:
    """Counts what Triton compiles from now on."""

    def __init__(self, knobs) -> None:
        self.count = 0
        knobs.runtime.jit_post_compile_hook = self

    def __call__(self, *_, **__) -> None:
        self.count += 1


def _watch_triton() -> _TritonCompilations | None:
    if not importlib.util.find_spec("triton"):
        return None
    from triton import knobs

    return _TritonCompilations(knobs)


def _differentiable(array: object) -> bool:
    return isinstance(array, torch.Tensor) and (array.is_floating_point() or array.is_complex())


_TRITON = _watch_triton()
ADAPTER = TorchAdapter()
