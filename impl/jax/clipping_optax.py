"""Gradient safety as an optax transformation: `optax.chain(safe_clip(1.0), optax.adam(1e-3))`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from impl.jax import clipping
from impl.jax.clipping_monitor import Window, record, window

__all__ = ["SafeClipState", "safe_clip"]


class SafeClipState(NamedTuple):
    """The report of the last step, and the window of the last ones for `clipping_monitor.statistics`."""

    report: dict[str, Array]
    seen: Window


def safe_clip(max_norm: float, *, steps: int = 1000, axis_name: Any = None) -> optax.GradientTransformation:
    """`clipping.safe_clip` of the updates, remembered for so many steps. Raises as that."""
    clipping.check_bound("max_norm", max_norm)

    def init(params: Any) -> SafeClipState:
        leaves = [jnp.zeros((), leaf.dtype) for leaf in jax.tree.leaves(params)]
        return SafeClipState(clipping.safe_clip(leaves, max_norm=max_norm)[1], window(steps))

    def update(updates: Any, state: SafeClipState, params: Any = None) -> tuple[Any, SafeClipState]:
        leaves, structure = jax.tree.flatten(updates)
        clipped, report = clipping.safe_clip(leaves, max_norm=max_norm, axis_name=axis_name)
        return jax.tree.unflatten(structure, clipped), SafeClipState(report, record(state.seen, report))

    return optax.GradientTransformation(init, update)
