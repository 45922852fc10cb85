"""What NumPy's functions do to arrays of balls."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from reference.numbers.balls import Ball, Undecided, acb, acb_mat, arb, arb_mat, elements_of, to_complex
from reference.numbers.shapes import JOININGS, REARRANGEMENTS, REPETITIONS

Array = np.ndarray


def _nonnegative_root(z: Any) -> Any:
    """A real square root of a ball that rounding pushed across zero is that of its nonnegative part."""
    return z.nonnegative_part().sqrt() if isinstance(z, arb) and z.contains(0) else z.sqrt()


def _method(name: str) -> Callable[[Any], Any]:
    return lambda z: getattr(z, name)()


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "negative": lambda a: -a,
    "positive": lambda a: a,
    "absolute": abs,
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a,
    "conjugate": lambda a: a.conjugate() if isinstance(a, acb) else a,
    "sqrt": _nonnegative_root,
    "exp2": lambda a: (a * arb(2).log()).exp(),
    "log2": lambda a: a.log() / arb(2).log(),
    "hypot": lambda a, b: _nonnegative_root(a * a + b * b),
    "logaddexp": lambda a, b: (a.exp() + b.exp()).log(),
    "arctan2": lambda a, b: arb.atan2(a, b),
    "arctan": _method("atan"),
    "arcsin": _method("asin"),
    "arccos": _method("acos"),
    "maximum": lambda a, b: a.max(b),
    "minimum": lambda a, b: a.min(b),
    **{
        name: _method(name)
        for name in ("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf")
    },
}


def _decided(
    holds: Callable[[Any, Any], bool], fails: Callable[[Any, Any], bool], sign: str
) -> Callable[[Any, Any], bool]:
    def compare(a: Any, b: Any) -> bool:
        if holds(a, b):
            return True
        if fails(a, b):
            return False
        raise Undecided(f"{a} {sign} {b} cannot be decided: raise the bits, or exclude the input")

    return compare


def _equal(a: Any, b: Any) -> bool:
    """Certain only of exact numbers; flint's own == of overlapping balls is False."""
    return bool(a == b)


COMPARISONS = {
    "greater": _decided(lambda a, b: a > b, lambda a, b: a <= b, ">"),
    "greater_equal": _decided(lambda a, b: a >= b, lambda a, b: a < b, "≥"),
    "less": _decided(lambda a, b: a < b, lambda a, b: a >= b, "<"),
    "less_equal": _decided(lambda a, b: a <= b, lambda a, b: a > b, "≤"),
    "equal": _decided(_equal, lambda a, b: a != b, "="),
    "not_equal": _decided(lambda a, b: a != b, _equal, "≠"),
}


def matmul(a: Ball, b: Ball) -> Ball:
    kind = np.result_type(a.dtype, b.dtype)
    if a.shape[-1] == 0:
        return Ball.lift(np.matmul(np.zeros(a.shape, kind), np.zeros(b.shape, kind)))
    return Ball(np.matmul(a.elements, b.elements), kind)


def _sum(x: Ball, axis: Any = None, keepdims: bool = False) -> Ball:
    zero = elements_of(0, x.dtype)[()]
    add: Any = np.add
    return Ball(add.reduce(x.elements, axis=axis, keepdims=keepdims, initial=zero), x.dtype)


def _mean(x: Ball, axis: Any = None, keepdims: bool = False) -> Ball:
    total = _sum(x, axis, keepdims)
    return total / (x.size // max(total.size, 1))


def _fold(name: str) -> Callable[..., Ball]:
    pairwise = np.frompyfunc(ELEMENTWISE[name], 2, 1)

    def reduce(x: Ball, axis: Any = None, keepdims: bool = False) -> Ball:
        if axis is None:
            flat = pairwise.reduce(x.elements.reshape(-1))
            return Ball(np.reshape(np.asarray(flat, object), (1,) * x.ndim if keepdims else ()), x.dtype)
        return Ball(pairwise.reduce(x.elements, axis=axis, keepdims=keepdims), x.dtype)

    return reduce


def _cumsum(x: Ball, axis: int | None = None) -> Ball:
    return Ball(np.add.accumulate(x.elements.reshape(-1) if axis is None else x.elements, axis=axis or 0), x.dtype)


def _where(condition: Any, first: Any, second: Any) -> Ball:
    branches = [Ball.lift(first), Ball.lift(second)]
    kind = np.result_type(*(branch.dtype for branch in branches))
    return Ball(np.where(condition, *(elements_of(branch.elements, kind) for branch in branches)), kind)


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _component(part: str) -> Callable[[Ball], Ball]:
    return lambda z: Ball(elements_of(np.frompyfunc(lambda one: getattr(one, part), 1, 1)(z.elements), float), float)


def _angle(z: Ball) -> Ball:
    return Ball(np.frompyfunc(lambda one: to_complex(one).arg(), 1, 1)(z.elements), float)


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


def _inv(x: Ball) -> Ball:
    matrices = x.elements.reshape(int(np.prod(x.shape[:-2])), *x.shape[-2:])
    return _of_each_matrix(x, x.shape[-2:], lambda index: _matrix(matrices[index], x.dtype).inv().entries())


def _solve(a: Any, b: Any) -> Ball:
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


def _det(x: Ball) -> Ball:
    matrices = x.elements.reshape(int(np.prod(x.shape[:-2])), *x.shape[-2:])
    return _of_each_matrix(x, (), lambda index: [_matrix(matrices[index], x.dtype).det()])


def _slogdet(x: Ball) -> tuple[Ball, Ball]:
    determinant = _det(x)
    size = abs(determinant)
    return determinant / size, np.log(size)


def _eigvalsh(x: Ball, UPLO: str = "L") -> Ball:
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


def _norm(x: Ball, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2):
        raise TypeError(f"norm with ord={ord!r} has no rule for balls")
    squares = Ball(
        np.frompyfunc(lambda z: z * z if isinstance(z, arb) else z.real**2 + z.imag**2, 1, 1)(x.elements), float
    )
    return np.sqrt(_sum(squares, axis, keepdims))


def _einsum(subscripts: str, *operands: Any) -> Ball:
    balls = [Ball.lift(operand) for operand in operands]
    kind = np.result_type(*(ball.dtype for ball in balls))
    return Ball(elements_of(np.einsum(subscripts, *(elements_of(ball.elements, kind) for ball in balls)), kind), kind)


def _transform(inverse: bool, half: bool) -> Callable[..., Ball]:
    def transform(x: Ball, n: int | None = None, axis: int = -1) -> Ball:
        lanes = np.moveaxis(elements_of(x.elements, complex), axis, -1)
        length = lanes.shape[-1] if n is None else n
        short = max(length - lanes.shape[-1], 0)
        lanes = np.pad(lanes[..., :length], [(0, 0)] * (lanes.ndim - 1) + [(0, short)])
        rows = [acb.dft([to_complex(z) for z in row], inverse=inverse) for row in lanes.reshape(-1, length)]
        kept = np.array(rows, object).reshape(lanes.shape)[..., : length // 2 + 1 if half else length]
        return Ball(np.moveaxis(kept, -1, axis), complex)

    return transform


def _irfft(x: Any, n: int | None = None, axis: int = -1) -> Any:
    half: Any = np.moveaxis(x, axis, -1)
    length = 2 * (half.shape[-1] - 1) if n is None else n
    half = np.concatenate([np.real(half[..., :1]) + 0j, half[..., 1 : length // 2 + 1]], axis=-1)
    mirrored = np.conj(half[..., (length - 1) // 2 : 0 : -1])
    whole = np.concatenate([half, mirrored], axis=-1)
    return np.moveaxis(np.real(_transform(inverse=True, half=False)(whole)), -1, axis)


def _convolve(a: Any, b: Any, mode: str = "full") -> Ball:
    a, b = Ball.lift(a), Ball.lift(b)
    return Ball(np.convolve(a.elements, b.elements, mode), np.result_type(a.dtype, b.dtype))  # type: ignore[call-overload]


def _joining(function: Any) -> Callable[..., Ball]:
    def join(arrays: Any, *args: Any, **options: Any) -> Ball:
        balls = [Ball.lift(array) for array in arrays]
        kind = np.result_type(*(ball.dtype for ball in balls))
        return Ball(function([elements_of(ball.elements, kind) for ball in balls], *args, **options), kind)

    return join


def _moving(function: Any) -> Callable[..., Ball]:
    return lambda x, *args, **options: x.map(lambda part: function(part, *args, **options))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{function: _moving(function) for function in (*REARRANGEMENTS, *REPETITIONS, np.pad)},
    **{function: _joining(function) for function in JOININGS},
    np.sum: _sum,
    np.mean: _mean,
    np.cumsum: _cumsum,
    np.max: _fold("maximum"),
    np.min: _fold("minimum"),
    np.clip: _clip,
    np.where: _where,
    np.real: _component("real"),
    np.imag: _component("imag"),
    np.angle: _angle,
    np.linalg.inv: _inv,
    np.linalg.solve: _solve,
    np.linalg.det: _det,
    np.linalg.slogdet: _slogdet,
    np.linalg.eigvalsh: _eigvalsh,
    np.linalg.norm: _norm,
    np.einsum: _einsum,
    np.dot: np.matmul,
    np.convolve: _convolve,
    np.fft.fft: _transform(inverse=False, half=False),
    np.fft.rfft: _transform(inverse=False, half=True),
    np.fft.ifft: _transform(inverse=True, half=False),
    np.fft.irfft: _irfft,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
    np.zeros_like: lambda x: np.zeros(x.shape, x.dtype),
    np.ones_like: lambda x: np.ones(x.shape, x.dtype),
}
REDUCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("add", "reduce"): _sum,
    ("add", "accumulate"): _cumsum,
    ("maximum", "reduce"): _fold("maximum"),
    ("minimum", "reduce"): _fold("minimum"),
}
