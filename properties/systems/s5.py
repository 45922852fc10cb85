"""The S5 row: kernels, inputs, bad inputs, empty cases, peers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from properties.inputs import STRUCTURES, fill
from properties.kernel import BadInput, Case, Kernel, Peer
from properties.laws import s5 as laws
from properties.laws.long_sequences import LONG_SEQUENCES
from properties.state_spaces import (
    FREQUENCIES,
    MODULI,
    PHASES,
    REAL_PARTS,
    STEPS,
    decays,
    eigenvalues,
    sequence,
    steps,
)

SCALES = {"float32": (-30, 30), "float64": (-200, 200)}
NO_OPTIONS: Mapping[str, Any] = {}
BILINEAR, FULL = {"method": "bilinear"}, {"pairs": "full"}
WEIGHTED = {"weight": 2.0**-10}


@dataclass(frozen=True)
class Run:
    """Shapes of one scan: few, so that a compiling framework compiles a bounded number of times."""

    times: int
    states: int
    batch: tuple[int, ...] = ()
    initial: tuple[int, ...] = ()
    varying: tuple[int, ...] | None = None  # batch axes of a decay that varies in time
    complex_decay: bool = True


RUNS = (
    Run(5, 3),
    Run(1, 1),
    Run(2, 2, batch=(3,), initial=(3,)),
    Run(17, 4, batch=(2,), initial=(2,), varying=()),
    Run(5, 8, batch=(2, 1), initial=(3,), varying=(2, 3)),
    Run(17, 3, batch=(2,), complex_decay=False),
    Run(64, 2, varying=()),
    Run(100, 1),
)


@dataclass(frozen=True)
class Layer:
    """Shapes and options of one layer; a full set has an even number of states."""

    times: int
    states: int
    channels: int
    batch: tuple[int, ...] = ()
    initial: tuple[int, ...] = ()
    options: Mapping[str, Any] = replace  # type: ignore[assignment]
