"""Products, inverses, determinants, spectra, exponentials and norms of matrices of balls."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from reference.numbers.ball_reductions import sum_of
from reference.numbers.balls import Ball, Undecided, acb, acb_mat, arb, arb_mat, elements_of

Array = np.ndarray


def _matrix(elements: Array, dtype: Any) -> Any:
    matrix: Any = acb_mat if np.dtype(dtype).kind == "c" else arb_mat
    return matrix(*elements.shape, elements.reshape(-1).tolist())


def _everything(dtype: Any) -> Any:
    """The ball that knows nothing."""
    line = arb(0, float("inf"))
    return acb(line, line) if np.dtype(dtype).kind == "c" else line


def _of_each_matrix(x: Ball, shape: tuple[int, ...], function: Callable[[int], Any]) -> Ball:
    """function(index of a matrix in the flat batch) → its result as a list of elements."""
    batch = x.shape[:-2]
    results = np.empty((int(np.prod(batch)), int(np.prod(shape))), object)
    for index in range(len(results)):
        try:
            results[index] = function(index)
        except ZeroDivisionError:  # singular, or not known to be regular
            results[index] = [_everything(x.dtype)] * results.shape[1]
    return Ball(results.reshape((*batch, *shape)), x.dtype)


def matmul(a: Ball, b: Ball) -> Ball:
    kind = np.result_type(a.dtype, b.dtype)
    if a.shape[-1] == 0:
        return Ball.lift(np.matmul(np.zeros(a.shape, kind), np.zeros(b.shape, kind)))
    return Ball(np.matmul(a.elements, b.elements), kind)


def inv(x: Ball) -> Ball:
    matrices = x.elements.reshape(int(np.prod(x.shape[:-2])), *x.shape[-2:])
    return _of_each_matrix(x, x.shape[-2:], lambda index: _matrix(matrices[index], x.dtype).inv().entries())


def solve(a: Any, b: Any) -> Ball:
    a, b = Ball.lift(a), Ball.lift(b)
    kind = np.result_type(a.dtype, b.dtype)
    right = elements_of(b.elements[:, None] if b.ndim == 1 else b.elements, kind)
    batch = np.broadcast_shapes(a.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(elements_of(a.elements, kind), (*batch, *a.shape[-2:]))
    right = np.broadcast_to(right, (*batch, *right.shape[-2:]))
    lefts, rights = left.reshape(-1, *left.shape[-2:]), right.reshape(-1, *right.shape[-2:])
    solved = _of_each_matrix(
        Ball(left, kind),
        right.shape[-2:],
        lambda index: _matrix(lefts[index], kind).solve(_matrix(rights[index], kind)).entries(),
    )
    return solved[..., 0] if b.ndim == 1 else solved


def exponential_of_balls(x: Ball) -> Ball:
    matrices = x.elements.reshape(int(np.prod(x.shape[:-2])), *x.shape[-2:])
    return _of_each_matrix(x, x.shape[-2:], lambda index: _matrix(matrices[index], x.dtype).exp().entries())


def det(x: Ball) -> Ball:
    matrices = x.elements.reshape(int(np.prod(x.shape[:-2])), *x.shape[-2:])
    return _of_each_matrix(x, (), lambda index: [_matrix(matrices[index], x.dtype).det()])


def slogdet(x: Ball) -> tuple[Ball, Ball]:
    determinant = det(x)
    size = abs(determinant)
    return determinant / size, np.log(size)


def eigvalsh(x: Ball, UPLO: str = "L") -> Ball:
    """Simple eigenvalues of exactly Hermitian matrices, in increasing order."""
    matrices = x.elements.reshape(int(np.prod(x.shape[:-2])), *x.shape[-2:])
    return _of_each_matrix(Ball(x.elements, float), x.shape[-1:], lambda index: _spectrum(matrices[index]))


def _spectrum(matrix: Array) -> list[Any]:
    if not matrix.size:
        return []
    try:
        values = [value.real for value in _matrix(elements_of(matrix, complex), complex).eig()]
    except ValueError as unresolved:
        raise Undecided("the eigenvalues are not isolated: raise the bits, or exclude the input") from unresolved
    values.sort(key=lambda value: float(value.mid()))
    if not all(low < high for low, high in pairwise(values)):
        raise Undecided("the order of the eigenvalues cannot be decided: raise the bits")
    return values


def norm(x: Ball, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2):
        raise TypeError(f"norm with ord={ord!r} has no rule for balls")
    squares = Ball(
        np.frompyfunc(lambda z: z * z if isinstance(z, arb) else z.real**2 + z.imag**2, 1, 1)(x.elements), float
    )
    return np.sqrt(sum_of(squares, axis, keepdims))
