"""The clipping row: kernels, bad inputs, empty cases, peers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from properties.case import BadInput, Case
from properties.inputs import clipping as drawn
from properties.kernel import Kernel
from properties.laws import clipping as laws
from properties.laws.several_tiles import several_tiles
from properties.variant import Peer

SET = ("gradients",)


def _changed(options: dict, *others: np.ndarray) -> Callable[[str, str, Callable], BadInput]:
    """A maker of bad inputs: an ordinary set with its first array changed, or other arguments, or other options."""

    def make(argument: str, what: str, change: Callable[[list], tuple[tuple, dict]]) -> BadInput:
        def apply(case: Case):
            plain = drawn.fill_set(drawn.SETS[0], "plain", "normal", 0, case.seed, case.dtype)
            inputs, changed = change([*plain.inputs, *others])
            return inputs, {**options, **changed}

        return BadInput(argument, what, apply)

    return make


def _integers(inputs: list) -> tuple[tuple, dict]:
    return (np.arange(3), *inputs[1:]), {}


def _option(name: str, value) -> Callable[[list], tuple[tuple, dict]]:
    return lambda inputs: (tuple(inputs), {name: value})


def _last(value: np.ndarray) -> Callable[[list], tuple[tuple, dict]]:
    return lambda inputs: ((*inputs[:-1], value), {})


def _empty(options: dict, *others: np.ndarray) -> Callable[[str], tuple[Case, ...]]:
    """A set of an empty array. A set without arrays has no dtype, and so no law of its gradients."""
    return lambda dtype: (Case((np.zeros((0, 3)), *others), dtype, options=options, drawn="an empty array"),)


def _empty_array(dtype: str) -> tuple[Case, ...]:
    return (Case((np.zeros((0, 3)),), dtype, options=BOUND, drawn="an empty array"),)


def _bounds(make: Callable) -> tuple[BadInput, ...]:
    return (
        make("max_norm", "a negative max_norm", _option("max_norm", -1.0)),
        make("max_norm", "a max_norm that is NaN", _option("max_norm", float("nan"))),
    )


BOUND = {"max_norm": 1.0}
HISTORY, KEY = np.array([1.0, 2.0, 3.0]), np.array([1, 2], np.uint32)
bad_set, bad_clip = _changed({}), _changed(BOUND)
bad_adaptive, bad_noise = _changed({}, HISTORY), _changed({"scale": 1.0}, KEY)


def _peer(label: str, framework: str, function: str, **details) -> Peer:
    """In single precision on the CPU: how many laws break depends on the range of the dtype."""
    address = f"impl.libraries.clipping:{function}"
    return replace(Peer(label, framework, address, dtypes=("float32",), devices=("cpu",)), **details)


KERNELS = (
    Kernel(
        "clipping.global_norm",
        inputs=drawn.gradient_sets,
        core=(),
        gathers=True,
        laws=(*laws.NORM, *several_tiles(drawn.large_set)),
        refuses=(bad_set("gradients", "integers as a gradient", _integers),),
        empty=_empty({}),
        peers=(
            _peer("torch.nn.utils.get_total_norm", "torch", "torch_get_total_norm", differentiable=False),
            _peer("optax.global_norm", "jax", "optax_global_norm", requires="optax"),
        ),
        arguments=SET,
    ),
    Kernel(
        "clipping.clip_by_global_norm",
        inputs=drawn.clipped_sets,
        core=(),
        gathers=True,
        laws=(*laws.PLAIN_CLIPPING, *several_tiles(drawn.large_clipped_set)),
        refuses=(bad_clip("gradients", "integers as a gradient", _integers), *_bounds(bad_clip)),
        empty=_empty(BOUND),
        peers=(
            _peer("torch clip_grad_norm_, foreach", "torch", "torch_clip_grad_norm_foreach", differentiable=False),
            _peer("torch clip_grad_norm_", "torch", "torch_clip_grad_norm_one_by_one", differentiable=False),
            _peer("optax.clip_by_global_norm", "jax", "optax_clip_by_global_norm", requires="optax"),
        ),
        arguments=SET,
    ),
    Kernel(
        "clipping.clip_by_norm",
        inputs=drawn.single_arrays,
        core=(8,),  # more axes than any gradient has: a norm over everything has no rows
        laws=laws.SINGLE,
        refuses=(
            BadInput("gradient", "integers as a gradient", lambda case: ((np.arange(3),), BOUND)),
            BadInput("max_norm", "a negative max_norm", lambda case: (case.inputs, {"max_norm": -1.0})),
        ),
        empty=_empty_array,
        peers=(_peer("optax.adaptive_grad_clip", "jax", "optax_adaptive_grad_clip", requires="optax"),),
        arguments=("gradient",),
    ),
    Kernel(
        "clipping.sanitize",
        inputs=drawn.broken_sets,
        core=(),
        gathers=True,
        laws=(*laws.SANITIZING, *several_tiles(drawn.large_broken_set)),
        refuses=(bad_set("gradients", "integers as a gradient", _integers),),
        empty=_empty({}),
        peers=(_peer("optax.zero_nans", "jax", "optax_zero_nans", requires="optax"),),
        arguments=SET,
    ),
    Kernel(
        "clipping.safe_clip",
        inputs=drawn.broken_clipped_sets,
        core=(),
        gathers=True,
        laws=(*laws.SAFE, *several_tiles(drawn.large_broken_clipped_set)),
        refuses=(bad_clip("gradients", "integers as a gradient", _integers), *_bounds(bad_clip)),
        empty=_empty(BOUND),
        arguments=SET,
    ),
    Kernel(
        "clipping.adaptive_clip",
        inputs=drawn.sets_with_history,
        core=(),
        gathers=True,
        laws=laws.ADAPTIVE,
        refuses=(
            bad_adaptive("gradients", "integers as a gradient", _integers),
            bad_adaptive("history", "a matrix of past norms", _last(np.ones((2, 2)))),
            bad_adaptive("quantile", "a quantile above 1", _option("quantile", 1.5)),
        ),
        empty=lambda dtype: (
            *_empty({}, HISTORY)(dtype),
            Case((np.ones(3), np.zeros(0)), dtype, drawn="an empty history"),
        ),
        arguments=("gradients", "history"),
    ),
    Kernel(
        "clipping.add_noise",
        inputs=drawn.sets_with_key,
        core=(),
        gathers=True,
        laws=laws.NOISE,
        refuses=(
            bad_noise("gradients", "integers as a gradient", _integers),
            bad_noise("key", "a key of three words", _last(np.array([1, 2, 3], np.uint32))),
            bad_noise("key", "a key that is no integer", _last(np.ones(2))),
            bad_noise("scale", "a negative scale", _option("scale", -1.0)),
        ),
        empty=_empty({"scale": 1.0}, KEY),
        arguments=("gradients", "key"),
    ),
)
