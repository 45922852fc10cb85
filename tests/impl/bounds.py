"""Triton's interpreter, watched: importing this lets no kernel read or write beyond the arrays that it is given."""

import numpy as np
import torch
from triton.runtime import interpreter

_given: list[tuple[int, int]] = []  # first and last address of each array of the kernel that runs


def _extent(array: torch.Tensor) -> tuple[int, int]:
    places = sum((size - 1) * stride for size, stride in zip(array.shape, array.stride(), strict=True)) + 1
    return array.data_ptr(), array.data_ptr() + (places if array.numel() else 0) * array.element_size()


def _arrays(argument: object):
    if isinstance(argument, tuple):
        for part in argument:
            yield from _arrays(part)
    elif isinstance(argument, torch.Tensor):
        yield argument


def _check(pointers, mask, what: str) -> None:
    addresses = np.asarray(pointers.data)[np.asarray(mask.data, bool)].astype(np.uint64)
    size = pointers.get_element_ty().primitive_bitwidth // 8 or 1
    if not addresses.size or any(f <= addresses.min() and addresses.max() + size <= last for f, last in _given):
        return
    inside = np.zeros(addresses.shape, bool)
    for first, last in _given:
        inside |= (addresses >= first) & (addresses + size <= last)
    if not inside.all():
        stray = int(addresses[~inside][0])
        first, last = min(_given, key=lambda extent: min(abs(stray - extent[0]), abs(stray - extent[1])))
        outside = f"{(~inside).sum()} places outside all arrays, one at byte {stray - first} of {last - first}"
        raise IndexError(f"{what} of {outside}")


def _watched(name: str, what: str):
    plain = getattr(interpreter.InterpreterBuilder, name)

    def method(self, pointers, *others):
        mask = others[0] if what == "a read" else others[1]
        _check(pointers, mask, what)
        return plain(self, pointers, *others)

    setattr(interpreter.InterpreterBuilder, name, method)


def _begun(self, args, kwargs, *others):
    found = _plain_begin(self, args, kwargs, *others)
    _given[:] = [_extent(array) for argument in (*found[0], *found[1].values()) for array in _arrays(argument)]
    return found


_plain_begin = interpreter.GridExecutor._init_args_hst
interpreter.GridExecutor._init_args_hst = _begun
_watched("create_masked_load", "a read")
_watched("create_masked_store", "a write")
