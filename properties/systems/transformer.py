"""The transformer row: kernels, bad inputs, empty cases."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from properties.case import BadInput, Case
from properties.half_precision import HALVES, SINGLE_INSIDE
from properties.inputs import transformer as drawn
from properties.kernel import Kernel
from properties.laws import transformer as laws
from properties.variant import Variant
from reference.numbers import ARITHMETICS

WHOLE = 6  # more axes than any logits have: a mean over the batch has no rows
PROJECTIONS = ("w_q", "w_k", "w_v", "w_o")
LAYERS = ("w_1", "b_1", "w_2", "b_2")
NORM = ("x", "gamma", "beta")
FEED_FORWARD = ("x", *LAYERS)
BLOCK = ("x", *PROJECTIONS, *LAYERS, "gamma_1", "beta_1", "gamma_2", "beta_2")
SINGLE_AND_DOUBLE = ("float32", "float64")
TF32 = Variant("tf32 products", "float32", {"precision": "tf32"}, ARITHMETICS["tf32"], devices=("cuda",))


def bad_inputs(
    bucket: drawn.Bucket, filler: Callable, arguments: tuple[str, ...]
) -> Callable[[str, str, Callable], BadInput]:
    """A maker of bad inputs: an ordinary case with one argument changed."""

    def make(argument: str, what: str, change: Callable[[np.ndarray], np.ndarray]) -> BadInput:
        def apply(case: Case):
            inputs = list(drawn.make(bucket, filler, "normal", 0.25, 0, case.seed, case.dtype).inputs)
            inputs[arguments.index(argument)] = change(inputs[arguments.index(argument)])
            return tuple(inputs), dict(bucket.options)

        return BadInput(argument, what, apply)

    return make


def bad_option(bucket: drawn.Bucket, filler: Callable, option: str, value: object) -> BadInput:
    def apply(case: Case):
        inputs = drawn.make(bucket, filler, "normal", 0.25, 0, case.seed, case.dtype).inputs
        return inputs, {**bucket.options, option: value}

    return BadInput(option, f"{option} {value!r}", apply)


def empty(bucket: drawn.Bucket, filler: Callable, **changes: dict) -> Callable[[str], tuple[Case, ...]]:
    """Ordinary cases with an axis of length zero."""
    return lambda dtype: tuple(
        replace(
            drawn.make(replace(bucket, **change), filler, "normal", 0.25, 0, 0, dtype), drawn=what.replace("_", " ")
        )
        for what, change in changes.items()
    )


def longer(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, array[..., -1:]], axis=-1)


def integers(array: np.ndarray) -> np.ndarray:
    return np.ones(array.shape, dtype=np.int64)


NORMALISED = (drawn.NORMS[0], drawn.fill_norm)
LAYERED = (drawn.FEED_FORWARDS[0], drawn.fill_feed_forward)
BLOCKED = (drawn.BLOCKS[2], drawn.fill_block)
PREDICTED = (drawn.LOGITS[0], drawn.fill_logits)
bad_norm, bad_layer = bad_inputs(*NORMALISED, NORM), bad_inputs(*LAYERED, FEED_FORWARD)
bad_block, bad_logits = bad_inputs(*BLOCKED, BLOCK), bad_inputs(*PREDICTED, ("logits", "targets"))

KERNELS = (
    Kernel(
        "transformer.layer_norm",
        inputs=drawn.norms,
        core=(1, 1, 1),
        laws=laws.NORM,
        refuses=(
            bad_norm("gamma", "a weight for other channels", longer),
            bad_norm("beta", "a scalar offset", lambda x: x[0]),
            bad_norm("x", "a scalar", lambda x: x[0, 0]),
            bad_norm("x", "integers", integers),
        ),
        empty=empty(*NORMALISED, no_token={"times": 0}, no_channel={"channels": 0}),
        dtypes=(*SINGLE_AND_DOUBLE, *HALVES),
        variants=SINGLE_INSIDE,
        arguments=NORM,
    ),
    Kernel(
        "transformer.feed_forward",
        inputs=drawn.feed_forwards,
        core=(1, 2, 1, 2, 1),
        refuses=(
            bad_layer("w_1", "a first matrix that is transposed", lambda x: x.T),
            bad_layer("b_1", "a first offset for other channels", longer),
            bad_layer("w_2", "a second matrix that is transposed", lambda x: x.T),
            bad_layer("b_2", "a second offset for other channels", longer),
            bad_layer("x", "integers", integers),
            bad_option(*LAYERED, "activation", "no such"),
            bad_option(*LAYERED, "precision", "float7"),
        ),
        empty=empty(*LAYERED, no_token={"times": 0}, no_channel={"channels": 0}, no_hidden_channel={"hidden": 0}),
        dtypes=SINGLE_AND_DOUBLE,
        variants=(TF32,),
        arguments=FEED_FORWARD,
    ),
    Kernel(
        "transformer.block",
        inputs=drawn.blocks,
        core=(2, *(2,) * 4, 2, 1, 2, 1, *(1,) * 4),
        laws=laws.BLOCK,
        refuses=(
            bad_block("w_q", "a projection that is not square", longer),
            bad_block("w_o", "a projection that is not square", longer),
            bad_block("w_1", "a first matrix for other channels", lambda x: x[1:]),
            bad_block("x", "integers", integers),
            bad_option(*BLOCKED, "heads", 4),
            bad_option(*BLOCKED, "activation", "no such"),
            bad_option(*BLOCKED, "precision", "float7"),
        ),
        empty=empty(*BLOCKED, no_token={"times": 0}, no_row={"batch": (0,)}),
        dtypes=SINGLE_AND_DOUBLE,
        variants=(TF32,),
        arguments=BLOCK,
    ),
    Kernel(
        "transformer.cross_entropy",
        inputs=drawn.logits,
        core=(WHOLE, WHOLE),
        laws=laws.LOSS,
        refuses=(
            bad_logits("targets", "targets for other logits", lambda x: x[1:]),
            bad_logits("targets", "targets that are no integers", lambda x: x + 0.5),
            bad_logits("logits", "logits without classes", lambda x: x[..., :0]),
            bad_logits("logits", "integers", integers),
        ),
        empty=empty(*PREDICTED, no_token={"times": 0}),
        dtypes=(*SINGLE_AND_DOUBLE, *HALVES),
        variants=SINGLE_INSIDE,
        arguments=("logits", "targets"),
    ),
)
