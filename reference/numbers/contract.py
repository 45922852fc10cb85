"""What a reference may say about its own arithmetic: a free choice, an exact constant, a Lipschitz contract."""

from collections.abc import Callable
from functools import wraps
from math import sqrt
from typing import Any

import numpy as np

from reference.numbers.bounded import Bounded, lift, representable, settle

# A norm-backward-stable algorithm: (STABLE + √n/4) u ‖x‖; worst case 4 n u ‖x‖. Calibrated on Procrustes distances.
STABLE = 2.0
STABLE_WALK = 1 / 4
STABLE_WORST = 4.0


def free(x: Any) -> np.ndarray:
    """x is a choice, not a quantity (the shift of a softmax, a branch): the result does not depend on it.

    So its error does not count. Returns a plain array: the value, rounded to a number of the arithmetic, or the
    midpoint of a ball.
    """
    if isinstance(x, Bounded):
        return representable(x.value, x.model.arithmetic.elementwise)
    return x.mid if hasattr(x, "mid") else np.asarray(x)


def like(x: Any, constant: Any) -> Any:
    """The constant in the number system of x: np.sqrt(like(x, 2.0)) is rounded where x is."""
    if isinstance(x, Bounded):
        return lift(np.asarray(constant, np.result_type(np.asarray(constant), float)), x.model)
    return x.lift(constant) if hasattr(x, "lift") else np.asarray(constant)


def series_below(radius: float, z: Any) -> Any:
    """Where a truncated series may stand for a quotient that cancels: |z| < radius.

    In balls, which admit no truncation and pay for cancellation in bits, only z = 0: there the first term is exact.
    """
    return z == 0 if hasattr(z, "lift") else np.abs(z) < radius


def lipschitz(constant: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares |f(x) − f(x')| ≤ constant·Σ‖x_i − x'_i‖_F for a real or complex scalar f.

    The contract demands a norm-backward-stable algorithm and grants its error, however f itself is written.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def bounded(*inputs: Any, **options: Any) -> Any:
            tracked = [x for x in inputs if isinstance(x, Bounded)]
            if not tracked:
                return function(*inputs, **options)
            model = tracked[0].model
            lifted = [lift(x, model) for x in inputs]
            value = np.asarray(function(*(x.value for x in lifted), **options))
            return settle(value, constant * sum(map(_displacement, lifted)), 0.0,
                          model.arithmetic.elementwise * np.abs(value), model)  # fmt: skip

        return bounded

    return declare


def _displacement(x: Bounded) -> float:
    """How far the errors of x and a backward-stable algorithm may move it, in the Frobenius norm."""
    steps = STABLE + STABLE_WALK * sqrt(x.size) if x.model.statistical else STABLE_WORST * x.size
    return float(np.linalg.norm(x.error) + steps * x.model.arithmetic.elementwise * np.linalg.norm(x.value))
