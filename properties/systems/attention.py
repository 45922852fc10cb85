"""The attention row: kernels, bad inputs, empty cases, peers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from properties.case import BadInput, Case
from properties.half_precision import HALVES, SINGLE_INSIDE, single_inside_halves
from properties.inputs import attention as drawn
from properties.inputs import transformer as projected
from properties.kernel import Kernel
from properties.laws.attention import ATTENTION, LENGTHS
from properties.laws.padded_queries import PADDED_QUERIES
from properties.laws.several_tiles import several_tiles
from properties.laws.transformer import MULTI_HEAD
from properties.systems.transformer import (
    PROJECTIONS,
    SINGLE_AND_DOUBLE,
    TF32,
    bad_inputs,
    bad_option,
    empty,
    integers,
    longer,
)
from properties.variant import Peer

ARGUMENTS = ("q", "k", "v", "lengths", "query_lengths")
ALIGNED = 8  # channels: kernels for tensor cores load 16 bytes of halves at once


@dataclass(frozen=True, eq=False)
class LastLeftOut(Kernel):
    """A kernel whose last arguments may be left out: a case has as many inputs as it gives."""

    def names_of(self, case: Case) -> tuple[str, ...]:
        return self.arguments[: len(case.inputs)]

    def row(self, case: Case, index: tuple[int, ...]) -> Case:
        return self._of(case).row(case, index)

    def batch_shape(self, case: Case) -> tuple[int, ...]:
        return self._of(case).batch_shape(case)

    def _of(self, case: Case) -> Kernel:
        return Kernel(self.name, self.inputs, self.core[: len(case.inputs)])


PADDED = drawn.BUCKETS[4]


def _bad(argument: str, what: str, change: Callable[[np.ndarray], np.ndarray]) -> BadInput:
    def apply(case: Case):
        inputs = list(drawn.fill_case(PADDED, ("normal", "normal"), 1.0, 0, case.seed, case.dtype).inputs)
        inputs += [inputs[LENGTHS]] if argument == "query_lengths" else []
        inputs[ARGUMENTS.index(argument)] = change(inputs[ARGUMENTS.index(argument)])
        return tuple(inputs), {}

    return BadInput(argument, what, apply)


def _no_such_precision(case: Case):
    plain = _bad("q", "", lambda x: x).change(case)[0]
    return plain, {"precision": "float7"}


def empty_cases(dtype: str) -> tuple[Case, ...]:
    """No key, no query, no channel, no value channel, no row."""
    changes: dict[str, dict] = {
        "no key": {"keys": 0},
        "no query": {"times": 0},
        "no channel": {"channels": 0},
        "no value channel": {"value_channels": 0},
        "no row": {"batch": (0,), "lengths": (0,)},
    }
    return tuple(
        replace(drawn.fill_case(replace(PADDED, **change), ("normal", "normal"), 1.0, 0, 0, dtype), drawn=what)
        for what, change in changes.items()
    )


IN_EVERY_DTYPE: dict[str, Any] = {"dtypes": (*SINGLE_AND_DOUBLE, *HALVES), "arithmetic": single_inside_halves}


def _peer(label: str, framework: str, function: str, **known: Any) -> Peer:
    return Peer(label, framework, f"impl.libraries.attention:{function}", **known)


def _on_tensor_cores(label: str, function: str, takes: Callable[[Case], bool], *dtypes: str) -> Peer:
    """One of the kernels that PyTorch chooses from on CUDA."""
    known = IN_EVERY_DTYPE | {"dtypes": (*dtypes, *HALVES), "devices": ("cuda",), "takes": takes}
    return _peer(f"torch SDPA, {label}", "torch", function, **known)


def _takes_flash(case: Case) -> bool:
    """No lengths, as many value channels as channels, and causal only as many queries as keys."""
    q, k, v, *lengths = case.inputs
    square = q.shape[-2] == k.shape[-2] or not case.options.get("causal", False)
    return not lengths and v.shape[-1] == q.shape[-1] and square


def _takes_cudnn(case: Case) -> bool:
    q, k, *_ = case.inputs
    return _takes_flash(case) and q.shape[-1] % ALIGNED == 0 and min(q.shape[-2], k.shape[-2]) > 1


def _takes_efficient(case: Case) -> bool:
    q, _, v, *_ = case.inputs
    return q.shape[-1] % ALIGNED == v.shape[-1] % ALIGNED == 0


PROJECTED = (projected.MULTI_HEADS[2], projected.fill_multi_head)
bad_projection = bad_inputs(*PROJECTED, ("x", *PROJECTIONS))

KERNELS = (
    LastLeftOut(
        "attention.attend",
        inputs=drawn.cases,
        core=(2, 2, 2, 0, 0),
        laws=(*ATTENTION, *PADDED_QUERIES, *several_tiles(drawn.large_case)),
        refuses=(
            _bad("q", "a query without an axis of times", lambda x: x[0, 0]),
            _bad("k", "keys with more channels than the queries", lambda x: np.concatenate([x, x], -1)),
            _bad("v", "values for fewer keys", lambda x: x[..., 1:, :]),
            _bad("v", "batch axes that do not broadcast", lambda x: x[:2]),
            _bad("lengths", "lengths for another batch", lambda x: x[:2]),
            _bad("lengths", "lengths that are no integers", lambda x: x + 0.5),
            _bad("query_lengths", "lengths of queries for another batch", lambda x: x[:2]),
            _bad("query_lengths", "lengths of queries that are no integers", lambda x: x + 0.5),
            _bad("q", "integers as queries", lambda x: np.ones(x.shape, np.int64)),
            BadInput("precision", "an unknown precision", _no_such_precision),
        ),
        empty=empty_cases,
        dtypes=(*SINGLE_AND_DOUBLE, *HALVES),
        variants=(TF32, *SINGLE_INSIDE),
        peers=(
            _peer("torch SDPA", "torch", "torch_sdpa", **IN_EVERY_DTYPE),
            _peer("torch SDPA, math", "torch", "torch_sdpa_math", **IN_EVERY_DTYPE),
            _on_tensor_cores("flash", "torch_sdpa_flash", _takes_flash),
            _on_tensor_cores("cuDNN", "torch_sdpa_cudnn", _takes_cudnn),
            _on_tensor_cores("efficient", "torch_sdpa_efficient", _takes_efficient, "float32"),
            _peer("jax.nn.dot_product_attention", "jax", "jax_dot_product_attention"),
        ),
        arguments=ARGUMENTS,
        by_name=ARGUMENTS[-1:],
    ),
    Kernel(
        "attention.multi_head",
        inputs=projected.multi_heads,
        core=(2, 2, 2, 2, 2),
        laws=MULTI_HEAD,
        refuses=(
            bad_projection("w_q", "a projection that is not square", longer),
            bad_projection("w_o", "a projection that is not square", longer),
            bad_projection("x", "x without an axis of times", lambda x: x[0, 0]),
            bad_projection("x", "integers", integers),
            bad_option(*PROJECTED, "heads", 4),
            bad_option(*PROJECTED, "heads", 1.5),
            bad_option(*PROJECTED, "precision", "float7"),
        ),
        empty=empty(*PROJECTED, no_token={"times": 0}, no_row={"batch": (0,)}),
        variants=(TF32,),
        peers=(_peer("torch.nn.MultiheadAttention", "torch", "torch_multi_head"),),
        arguments=("x", *PROJECTIONS),
    ),
)
