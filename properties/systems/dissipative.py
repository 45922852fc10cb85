"""The dissipative row: kernels, bad inputs, empty cases."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from properties.case import BadInput, Case
from properties.inputs import dissipative as drawn
from properties.kernel import Kernel
from properties.laws import dissipative as laws

FEATURES = ("x", "value_weight", "decay_weight")
LAYER = (*FEATURES, "upper", "lower", "shift")
CHAIN = ("main", "upper", "lower", "state")


def _features(case: Case) -> Case:
    return drawn.fill_features(drawn.FEATURES[0], ("normal", "normal"), 0, case.seed, case.dtype)


def _layer(case: Case) -> Case:
    return drawn.with_bonds(_features(case), drawn.FEATURES[0])


def _chain(case: Case) -> Case:
    plain = drawn.fill_chain(drawn.CHAINS[0], "dissipative", ("normal", "normal"), case.seed, case.dtype)
    return replace(plain, options={"time": 1.0})


def _diagonal(case: Case) -> Case:
    return drawn.fill_potential((3,), "normal", 0, case.seed, case.dtype)


def _bad(plain: Callable[[Case], Case], names: tuple[str, ...]) -> Callable[[str, str, Callable], BadInput]:
    def make(argument: str, what: str, change: Callable[[np.ndarray], np.ndarray]) -> BadInput:
        def apply(case: Case):
            ordinary = plain(case)
            inputs = list(ordinary.inputs)
            inputs[names.index(argument)] = change(inputs[names.index(argument)])
            return tuple(inputs), dict(ordinary.options)

        return BadInput(argument, what, apply)

    return make


def _option(plain: Callable[[Case], Case], name: str, what: str, value) -> BadInput:
    return BadInput(name, what, lambda case: (plain(case).inputs, {**plain(case).options, name: value}))


def _longer(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, array[..., -1:]], axis=-1)


def _empty(*shapes: tuple[int, ...], complex_from: int, **options) -> Callable[[str], tuple[Case, ...]]:
    """A case of zeros of these shapes, complex from the given place on."""
    arrays = tuple(np.ones(shape) * (1j if place >= complex_from else 1) for place, shape in enumerate(shapes))
    return lambda dtype: (Case(arrays, dtype, options=options, drawn="no site"),)


bad_features, bad_layer, bad_chain = _bad(_features, FEATURES), _bad(_layer, LAYER), _bad(_chain, CHAIN)

KERNELS = (
    Kernel(
        "dissipative.potential",
        inputs=drawn.features,
        core=(2, 1, 1),
        laws=laws.POTENTIAL,
        refuses=(
            bad_features("x", "features without sites", lambda x: x[0]),
            bad_features("x", "integer features", lambda x: np.ones(x.shape, np.int64)),
            bad_features("value_weight", "a weight too many", _longer),
            bad_features("decay_weight", "a weight too many", _longer),
            _option(_features, "base_decay", "a negative base decay", -1.0),
        ),
        empty=_empty((2, 0, 3), (3,), (3,), complex_from=3),
        arguments=FEATURES,
    ),
    Kernel(
        "dissipative.layer",
        inputs=drawn.layers,
        core=(2, 1, 1, 1, 1, 0),
        laws=laws.LAYER,
        refuses=(
            bad_layer("value_weight", "a weight too many", _longer),
            bad_layer("upper", "an upper band as long as the chain", _longer),
            bad_layer("lower", "a lower band as long as the chain", _longer),
            _option(_layer, "base_decay", "a negative base decay", -1.0),
        ),
        empty=_empty((2, 0, 3), (3,), (3,), (0,), (0,), (), complex_from=5),
        arguments=LAYER,
    ),
    Kernel(
        "dissipative.propagate",
        inputs=drawn.chains,
        core=(1, 1, 1, 1),
        laws=laws.PROPAGATION,
        refuses=(
            bad_chain("main", "a scalar main", lambda x: x[0]),
            bad_chain("upper", "an upper band as long as the chain", _longer),
            bad_chain("state", "a state of more sites", _longer),
            _option(_chain, "time", "a time that is not finite", float("inf")),
        ),
        empty=_empty((0,), (0,), (0,), (2, 0), complex_from=3, time=1.0),
        arguments=CHAIN,
    ),
    Kernel(
        "dissipative.schatten_norm",
        inputs=drawn.normed_potentials,
        core=(1,),
        laws=laws.NORM,
        refuses=(
            BadInput("potential", "a scalar potential", lambda case: ((np.asarray(1j),), {"p": 2})),
            _option(_diagonal, "p", "an order below 1", 0.5),
        ),
        empty=_empty((2, 0), complex_from=0, p=2),
        arguments=("potential",),
    ),
    Kernel(
        "dissipative.overdamping",
        inputs=drawn.potentials,
        core=(1,),
        laws=laws.RATIO,
        refuses=(BadInput("potential", "a scalar potential", lambda case: ((np.asarray(1j),), {})),),
        empty=_empty((2, 0), complex_from=0),
        arguments=("potential",),
    ),
)
