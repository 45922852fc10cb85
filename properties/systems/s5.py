"""The S5 row: kernels, bad inputs, empty cases, peers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from properties.case import BadInput, Case
from properties.half_precision import SINGLE_STATES
from properties.inputs import s5 as drawn
from properties.inputs.s5 import Bucket
from properties.kernel import Kernel
from properties.laws import s5 as time
from properties.laws import s5_sets as sets
from properties.laws.long_sequences import LONG_SEQUENCES
from properties.laws.s5_companions import LAYER_COMPANIONS, SET_COMPANIONS
from properties.variant import Peer

WHOLE = 6  # twice the axes of any y: a mean over the batch has no rows
SCAN = ("decay", "drive", "initial")
LAYER = ("eigenvalues", "input_matrix", "output_matrix", "feedthrough", "step", "u", "initial")
SET = ("eigenvalues", "input_matrix", "step")
ONE_STEP = ("decay", "input_matrix", "output_matrix", "feedthrough", "state", "u")
PAIRS = ("eigenvalues", "input_matrix", "output_matrix")
LOSS = ("y", "target", *PAIRS)


def _zeros(dtype: str, bucket: Bucket, fill: Callable, kinds: tuple[str, ...], what: str, **changes) -> Case:
    """An empty case is an ordinary one with an axis of length zero."""
    case = drawn.make(replace(bucket, **changes), fill, kinds, 0, 0, dtype)
    return replace(case, drawn=what)


def _empty(
    bucket: Bucket, fill: Callable, kinds: tuple[str, ...], **changes: dict
) -> Callable[[str], tuple[Case, ...]]:
    return lambda dtype: tuple(
        _zeros(dtype, bucket, fill, kinds, what.replace("_", " "), **change) for what, change in changes.items()
    )


def _bad(
    bucket: Bucket, fill: Callable, kinds: tuple[str, ...], names: tuple[str, ...]
) -> Callable[[str, str, Callable], BadInput]:
    """A maker of bad inputs: an ordinary case with one argument changed."""

    def make(argument: str, what: str, change: Callable[[np.ndarray], np.ndarray]) -> BadInput:
        def apply(case: Case):
            inputs = list(drawn.make(bucket, fill, kinds, 0, case.seed, case.dtype).inputs)
            inputs[names.index(argument)] = change(inputs[names.index(argument)])
            return tuple(inputs), dict(bucket.options)

        return BadInput(argument, what, apply)

    return make


def _bad_option(bucket: Bucket, fill: Callable, kinds: tuple[str, ...], option: str) -> BadInput:
    def apply(case: Case):
        return drawn.make(bucket, fill, kinds, 0, case.seed, case.dtype).inputs, {option: "no such"}

    return BadInput(option, f"an unknown {option}", apply)


def _longer(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, array[..., -1:]], axis=-1)


def _twice(array: np.ndarray) -> np.ndarray:
    return np.stack([array, array])


def _integers(array: np.ndarray) -> np.ndarray:
    return np.ones(array.shape, dtype=np.int64)


def _odd_set(case: Case):
    return (np.ones(3) + 0j, np.ones((3, 2)) + 0j, np.ones((2, 3)) + 0j), {}


RUN = (drawn.RUNS[3], drawn.fill_run, ("contracting", "turning", "normal", "from a state"))
SMALL_LAYER = (drawn.LAYERS[2], drawn.fill_layer, ("damped", "drawn", "usual", "normal", "normal", "from a state"))
SMALL_SET = (drawn.SETS[0], drawn.fill_set, ("damped", "drawn", "usual", "normal"))
SMALL_STEP = (drawn.ONE_STEPS[2], drawn.fill_step, ("contracting", "turning", "normal"))
OUTPUT = (drawn.OUTPUTS[0], drawn.fill_outputs, ("normal",))
PAIRED = (drawn.PAIRED_SETS[0], drawn.fill_pairs, ("normal", "unrelated halves"))

bad_run, bad_layer = _bad(*RUN, SCAN), _bad(*SMALL_LAYER, LAYER)
bad_set, bad_step = _bad(*SMALL_SET, SET), _bad(*SMALL_STEP, ONE_STEP)
LOSS_TERMS = (drawn.LOSSES[0], drawn.fill_loss, ("normal", "normal", "unrelated halves"))

bad_output, bad_pairs, bad_loss = _bad(*OUTPUT, ("y",)), _bad(*PAIRED, PAIRS), _bad(*LOSS_TERMS, LOSS)

KERNELS = (
    Kernel(
        "s5.scan",
        inputs=drawn.runs,
        core=(2, 2, 1),  # a constant decay has one axis less, and no batch
        laws=(*time.TIME, time.constant_decay, *LONG_SEQUENCES),
        refuses=(
            bad_run("decay", "a decay with more states than the drive", _longer),
            bad_run("decay", "a decay for another number of times", lambda x: x[..., :-1, :]),
            bad_run("drive", "a drive without time", lambda x: x[0, 0]),
            bad_run("drive", "integers as drive", _integers),
            bad_run("initial", "an initial state with more states than the drive", _longer),
            bad_run("initial", "batch axes that do not broadcast", lambda x: np.ones((3, x.shape[-1]))),
        ),
        empty=_empty(
            *RUN,
            no_time={"times": 0},
            no_state={"states": 0},
            no_batch={"batch": (0,), "initial": ()},
            no_time_and_a_constant_decay={"times": 0, "varying": None},
        ),
        peers=(
            Peer("jax.lax.associative_scan", "jax", "impl.libraries.s5:jax_associative_scan"),
            Peer("scipy.signal.lfilter", "numpy", "impl.libraries.s5:scipy_lfilter"),
            Peer(
                "accelerated-scan",
                "torch",
                "impl.libraries.s5:accelerated_scan",
                ("float32",),
                devices=("cuda",),
                requires="accelerated_scan",
            ),
        ),
        arguments=SCAN,
    ),
    Kernel(
        "s5.apply",
        inputs=drawn.layers,
        core=(1, 2, 2, 1, 1, 2, 1),
        laws=(*time.TIME, sets.symmetric_set, sets.imaginary_gradients, *LAYER_COMPANIONS),
        refuses=(
            bad_layer("eigenvalues", "two sets of eigenvalues", _twice),
            bad_layer("input_matrix", "an input matrix with rows for other states", _twice),
            bad_layer("output_matrix", "an output matrix that is transposed", lambda x: x.T),
            bad_layer("feedthrough", "a feedthrough matrix", np.diag),
            bad_layer("step", "a step for another number of states", _longer),
            bad_layer("u", "an input without time", lambda x: x[0, 0]),
            bad_layer("u", "a complex input", lambda x: x + 1j),
            bad_layer("initial", "an initial state with too many states", _longer),
            _bad_option(*SMALL_LAYER, "method"),
            _bad_option(*SMALL_LAYER, "pairs"),
        ),
        empty=_empty(
            *SMALL_LAYER, no_time={"times": 0}, no_state={"states": 0}, no_batch={"batch": (0,), "initial": ()}
        ),
        dtypes=("float32", "float64", "bfloat16"),
        variants=SINGLE_STATES,
        peers=(Peer("s5-pytorch", "torch", "impl.libraries.s5:s5_pytorch", requires="s5"),),
        arguments=LAYER,
    ),
    Kernel(
        "s5.discretize",
        inputs=drawn.sets,
        core=(1, 2, 1),
        laws=(*sets.DISCRETIZATION, *SET_COMPANIONS),
        refuses=(
            bad_set("eigenvalues", "two sets of eigenvalues", _twice),
            bad_set("input_matrix", "an input matrix with rows for other states", _twice),
            bad_set("step", "a single step", lambda x: x[0]),
            bad_set("step", "complex steps", lambda x: x + 1j),
            _bad_option(*SMALL_SET, "method"),
        ),
        empty=_empty(*SMALL_SET, no_state={"states": 0}, no_channel={"channels": 0}),
        arguments=SET,
    ),
    Kernel(
        "s5.step",
        inputs=drawn.one_steps,
        core=(1, 2, 2, 1, 1, 1),
        refuses=(
            bad_step("decay", "decays that vary", _twice),
            bad_step("input_matrix", "an input matrix with rows for other states", _twice),
            bad_step("output_matrix", "an output matrix that is transposed", lambda x: x.T),
            bad_step("feedthrough", "a feedthrough matrix", np.diag),
            bad_step("state", "a state with too many states", _longer),
            bad_step("u", "an input with too many channels", _longer),
        ),
        empty=_empty(*SMALL_STEP, no_state={"states": 0}, no_batch={"batch": (0,), "initial": ()}),
        arguments=ONE_STEP,
    ),
    Kernel(
        "s5.imaginary_penalty",
        inputs=drawn.outputs,
        core=(WHOLE,),
        laws=(sets.positivity, sets.real_outputs_are_free, sets.real_part_is_ignored),
        refuses=(bad_output("y", "a scalar output", lambda x: x[0, 0]), bad_output("y", "integers", _integers)),
        empty=_empty(*OUTPUT, no_time={"times": 0}, no_channel={"channels": 0}),
        arguments=("y",),
    ),
    Kernel(
        "s5.conjugate_symmetry_penalty",
        inputs=drawn.paired_sets,
        core=(1, 2, 2),
        laws=(sets.positivity, sets.symmetry_is_free),
        refuses=(
            BadInput("eigenvalues", "an odd set", _odd_set),
            bad_pairs("eigenvalues", "two sets of eigenvalues", _twice),
            bad_pairs("input_matrix", "an input matrix for half the states", lambda x: x[:1]),
            bad_pairs("output_matrix", "an output matrix for half the states", lambda x: x[:, :1]),
        ),
        empty=_empty(*PAIRED, no_state={"states": 0}, no_channel={"channels": 0}),
        arguments=PAIRS,
    ),
    Kernel(
        "s5.training_loss",
        inputs=drawn.losses,
        core=(WHOLE, WHOLE, 1, 2, 2),
        laws=(sets.base_on_the_real_part,),
        refuses=(
            bad_loss("target", "a target of another shape", _longer),
            bad_loss("eigenvalues", "two sets of eigenvalues", _twice),
            bad_loss("input_matrix", "an input matrix for half the states", lambda x: x[:1]),
            bad_loss("output_matrix", "an output matrix for half the states", lambda x: x[:, :1]),
        ),
        empty=_empty(*LOSS_TERMS, no_time={"times": 0}, no_state={"states": 0}),
        arguments=LOSS,
    ),
)
