"""Functions that only move elements: exact, each error moves with its value."""

from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, lift, model_of, rule

# Each element of the result is another element of the argument.
REARRANGEMENTS: tuple[Any, ...] = (
    np.reshape,
    np.ravel,
    np.transpose,
    np.swapaxes,
    np.moveaxis,
    np.rollaxis,
    np.squeeze,
    np.expand_dims,
    np.atleast_1d,
    np.diagonal,
    np.diag,
    np.diagflat,
    np.flip,
    np.fliplr,
    np.flipud,
    np.roll,
    np.rot90,
    np.tril,
    np.triu,
    np.copy,
    np.linalg.diagonal,
    np.linalg.matrix_transpose,
    np.matrix_transpose,
    np.permute_dims,
)
# An element may appear several times, and then with the same error.
REPETITIONS: tuple[Any, ...] = (np.broadcast_to, np.repeat, np.tile, np.take, np.take_along_axis)
JOININGS: tuple[Any, ...] = (np.stack, np.concatenate, np.vstack, np.hstack, np.column_stack, np.dstack)
SPLITTINGS: tuple[Any, ...] = (np.split, np.array_split)


def _declare_moves() -> None:
    def moving(function: Any, repeats: bool) -> Any:
        return lambda x, *args, **options: x.map(lambda part: function(part, *args, **options), repeats)

    def joining(function: Any) -> Any:
        def join(arrays: Any, *args: Any, **options: Any) -> Bounded:
            model = model_of(arrays)
            arrays = [lift(array, model) for array in arrays]
            value = function([array.value for array in arrays], *args, **options)
            # Whether the pieces are independent of each other is not known.
            error = function([array.error for array in arrays], *args, **options)
            return Bounded(value, error, np.zeros_like(error), model)

        return join

    def splitting(function: Any) -> Any:
        def split(x: Bounded, *args: Any, **options: Any) -> list[Bounded]:
            pieces = zip(*(function(part, *args, **options) for part in (x.value, x.coherent, x.fresh)), strict=True)
            return [Bounded(value, coherent, fresh, x.model) for value, coherent, fresh in pieces]

        return split

    for function in REARRANGEMENTS:
        rule(function)(moving(function, repeats=False))
    for function in REPETITIONS:
        rule(function)(moving(function, repeats=True))
    for function in JOININGS:
        rule(function)(joining(function))
    for function in SPLITTINGS:
        rule(function)(splitting(function))


_declare_moves()


@rule(np.pad)
def pad(x: Bounded, width: Any, mode: str = "constant", constant_values: Any = 0) -> Bounded:
    if mode != "constant":
        return x.map(lambda part: np.pad(part, width, mode), repeats=True)  # type: ignore[call-overload]
    padded = x.map(lambda part: np.pad(part, width))
    padded.value = np.pad(x.value, width, constant_values=constant_values)
    return padded


@rule(np.real)
def real(x: Bounded) -> Bounded:
    return Bounded(x.value.real, x.coherent, x.fresh, x.model)


@rule(np.imag)
def imag(x: Bounded) -> Bounded:
    if not np.iscomplexobj(x.value):
        zeros = np.zeros(x.shape)
        return Bounded(zeros, zeros, zeros, x.model)
    return Bounded(x.value.imag, x.coherent, x.fresh, x.model)


@rule(np.zeros_like, np.empty_like)
def zeros_like(x: Bounded, **options: Any) -> np.ndarray:
    return np.zeros_like(x.value, **options)


@rule(np.ones_like)
def ones_like(x: Bounded, **options: Any) -> np.ndarray:
    return np.ones_like(x.value, **options)


@rule(np.full_like)
def full_like(x: Bounded, fill: Any, **options: Any) -> np.ndarray:
    return np.full_like(x.value, fill, **options)


@rule(np.shape)
def shape(x: Bounded) -> tuple[int, ...]:
    return x.shape


@rule(np.ndim)
def ndim(x: Bounded) -> int:
    return x.ndim


@rule(np.size)
def size(x: Bounded, axis: int | None = None) -> int:
    return x.size if axis is None else x.shape[axis]


@rule(np.iscomplexobj)
def iscomplexobj(x: Bounded) -> bool:
    return np.iscomplexobj(x.value)


@rule(np.isrealobj)
def isrealobj(x: Bounded) -> bool:
    return np.isrealobj(x.value)


@rule(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
    return tuple(array if np.shape(array) == shape else np.broadcast_to(array, shape) for array in arrays)
