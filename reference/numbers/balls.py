"""Certificates: references run in Arb balls (F. Johansson 2017) and return rigorous enclosures of their exact values.

The only file that imports python-flint: `pip install gaugeblock[certify]`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np

from reference.numbers.bounded import Tracked
from reference.numbers.gauge import flatten

try:
    import flint
    from flint import acb, acb_mat, arb, arb_mat
except ImportError as missing:
    raise ImportError("certificates need python-flint: pip install 'gaugeblock[certify]'") from missing

Array = np.ndarray
FIRST_BITS, LAST_BITS = 128, 8192
NEGLIGIBLE = 2.0**-10  # of the tolerance: a wider ball calls for more bits


class Undecided(ArithmeticError):
    """A comparison whose balls overlap: more bits, or another input."""


class Ball(Tracked):
    """An array of balls: each holds the exact value. Elements are flint.arb if real, flint.acb if complex."""

    __slots__ = ("dtype", "elements")

    def __init__(self, elements: Any, dtype: Any) -> None:
        self.elements, self.dtype = np.asarray(elements, object), np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.elements.shape

    @property
    def mid(self) -> Array:
        """Midpoints, rounded to float64 or complex128."""
        if self.dtype.kind == "c":
            return _floats(lambda z: float(z.real.mid()), self) + 1j * _floats(lambda z: float(z.imag.mid()), self)
        return _floats(lambda z: float(z.mid()), self)

    @property
    def radius(self) -> Array:
        """Upper bounds of |exact value − mid|: the ball's radius and the rounding of its midpoint."""
        return self.distance(self.mid)

    @property
    def width(self) -> Array:
        """Upper bounds of the radii of the balls themselves."""
        if self.dtype.kind == "c":
            return _floats(lambda z: _upward(z.real.rad() + z.imag.rad()), self)
        return _floats(lambda z: _upward(z.rad()), self)

    def contains(self, exact: Any) -> Array:
        """Whether each ball holds the number (floats, or an object array of fractions.Fraction for real balls)."""
        with _precision(LAST_BITS):  # a fraction is itself a ball: of this radius, not that of a double
            return np.asarray(np.frompyfunc(_contains, 2, 1)(self.elements, np.asarray(exact)), bool)

    def distance(self, other: Any, scale: Any = 1.0) -> Array:
        """Upper bounds of |exact value − other| / scale, formed in balls: nothing is lost to float64. scale ≥ 0."""
        scale = np.broadcast_to(
            np.asarray(scale, float), np.broadcast_shapes(self.shape, np.shape(other), np.shape(scale))
        )
        return np.asarray(np.frompyfunc(_distance, 3, 1)(self.elements, np.asarray(other), scale), float)

    def map(self, move: Callable[[Array], Any], repeats: bool = False) -> "Ball":
        return Ball(elements_of(move(self.elements), self.dtype), self.dtype)

    @classmethod
    def lift(cls, exact: Any) -> "Ball":
        """Floats, integers and fractions enter as the exact numbers that they are."""
        if isinstance(exact, Ball):
            return exact
        array = np.asarray(exact)
        dtype = np.dtype(complex if array.dtype.kind == "c" else float)
        return cls(elements_of(array, dtype), dtype)

    def __getitem__(self, index: Any) -> "Ball":
        return Ball(self.elements[index], self.dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        from reference.numbers.ball_elementwise import COMPARISONS, ELEMENTWISE
        from reference.numbers.ball_linear_algebra import matmul
        from reference.numbers.ball_reductions import REDUCTIONS

        if "out" in options:
            raise TypeError(f"{ufunc.__name__} in place: a reference may not write into an array")
        reduction = REDUCTIONS.get((ufunc.__name__, method))
        if reduction is not None:
            return reduction(*operands, **{"axis": 0, **options})
        if method != "__call__" or options:
            raise TypeError(f"{ufunc.__name__}.{method} has no rule for balls")
        balls = [Ball.lift(operand) for operand in operands]
        kind = np.result_type(*(ball.dtype for ball in balls))
        if ufunc.__name__ in COMPARISONS:
            outcome = np.frompyfunc(COMPARISONS[ufunc.__name__], 2, 1)(*(ball.elements for ball in balls))
            return np.asarray(outcome, bool)
        if ufunc.__name__ == "matmul":
            return matmul(*balls)
        function = ELEMENTWISE.get(ufunc.__name__)
        if function is None:
            raise TypeError(f"{ufunc.__name__} has no rule for balls")
        promoted = [elements_of(ball.elements, kind) for ball in balls]
        return Ball(np.frompyfunc(function, len(balls), 1)(*promoted), float if ufunc.__name__ == "absolute" else kind)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        from reference.numbers.ball_functions import FUNCTIONS

        implementation = FUNCTIONS.get(function)
        if implementation is None:
            raise TypeError(f"{function.__module__}.{function.__name__} has no rule for balls")
        return implementation(*arguments, **options)


@contextmanager
def _precision(bits: int) -> Iterator[None]:
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def enclose(function: Callable[..., Any], *inputs: Any, bits: int = FIRST_BITS, **options: Any) -> tuple[Ball, ...]:
    """Runs a reference in balls of `bits` bits; the inputs, arrays or nested lists of them, are exact.

    Returns one Ball array for each array of the result, lists and tuples flattened. Raises Undecided where a comparison
    needs more bits, TypeError for a function without a rule.
    """
    with _precision(bits):
        return tuple(Ball.lift(result) for result in flatten(function(*map(_enter, inputs), **options)))


def enclose_within(
    function: Callable[..., Any], *inputs: Any, tolerances: list[Array], **options: Any
) -> tuple[Ball, ...]:
    """`enclose` with twice the bits until every ball is negligible beside its tolerance, if that can be had."""
    bits = FIRST_BITS
    while True:
        try:
            balls = enclose(function, *inputs, bits=bits, **options)
        except Undecided:
            if bits >= LAST_BITS:
                raise
        else:
            narrow = (ball.width <= NEGLIGIBLE * tolerance for ball, tolerance in zip(balls, tolerances, strict=True))
            if bits >= LAST_BITS or all(np.all(one) for one in narrow):
                return balls
        bits *= 2


def _enter(x: Any) -> Any:
    if x is None:
        return None
    if isinstance(x, dict):
        return {name: _enter(part) for name, part in x.items()}
    if isinstance(x, list | tuple):
        return type(x)(_enter(part) for part in x)
    array = np.asarray(x)
    return Ball.lift(array) if array.dtype.kind in "fcO" else array


def to_real(x: Any) -> Any:
    if isinstance(x, arb):
        return x
    if isinstance(x, Fraction):
        return arb(flint.fmpq(x.numerator, x.denominator))
    return arb(int(x)) if isinstance(x, int | np.integer | np.bool_) else arb(float(x))


def to_complex(x: Any) -> Any:
    if isinstance(x, acb):
        return x
    if isinstance(x, complex | np.complexfloating):
        return acb(float(x.real), float(x.imag))
    return acb(to_real(x))


def elements_of(array: Any, dtype: Any) -> Array:
    return np.asarray(np.frompyfunc(to_complex if np.dtype(dtype).kind == "c" else to_real, 1, 1)(array), object)


def _floats(part: Callable[[Any], float], ball: Ball) -> Array:
    return np.asarray(np.frompyfunc(part, 1, 1)(ball.elements), float)


def _upward(x: Any) -> float:
    """No less than the upper end of a real ball."""
    bound = float(x.upper())
    return np.inf if np.isnan(bound) else float(np.nextafter(bound, np.inf)) if bound else 0.0


def _contains(ball: Any, exact: Any) -> bool:
    return bool(ball.contains(to_complex(exact) if isinstance(ball, acb) else to_real(exact)))


def _distance(ball: Any, other: Any, scale: float) -> float:
    apart = abs(ball - (to_complex(other) if isinstance(other, complex) else to_real(other)))
    if scale == 0:
        return 0.0 if apart.is_zero() else np.inf
    return _upward(apart / arb(float(scale)))


__all__ = ["Ball", "Undecided", "acb", "acb_mat", "arb", "arb_mat", "enclose", "enclose_within"]
