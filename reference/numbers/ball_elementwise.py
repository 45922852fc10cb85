"""What NumPy's elementwise functions and comparisons do to single balls."""

from collections.abc import Callable
from typing import Any

from reference.numbers.balls import Undecided, acb, arb


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
