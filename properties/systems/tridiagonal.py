"""The tridiagonal row: kernels, inputs, bad inputs, peers."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from properties.case import BadInput, Case
from properties.inputs.structures import STRUCTURES, fill
from properties.kernel import Kernel
from properties.laws import tridiagonal as laws
from properties.laws.long_chains import LONG_CHAINS, LONG_DETERMINANTS
from properties.variant import Peer, Variant, float64_inside

ARGUMENTS = ("main", "upper", "lower", "shift")
CORE = (1, 1, 1, 0)


@dataclass(frozen=True)
class Bucket:
    """Shapes and kinds of one case. Few of them, so that a compiling framework compiles a bounded number of times."""

    sites: int
    main: tuple[int, ...] = ()
    bonds: tuple[int, ...] = ()
    shift: tuple[int, ...] = ()
    complex_main: bool = False
    complex_bonds: bool = False
    complex_shift: bool = True


BUCKETS = (
    Bucket(3),
    Bucket(1),
    Bucket(2, complex_main=True, complex_bonds=True),
    Bucket(6, complex_shift=False),
    Bucket(8, main=(3,), bonds=(3,), shift=(3,)),
    Bucket(17, complex_main=True),
    Bucket(33, main=(2,), bonds=(2,), shift=(2,), complex_main=True, complex_bonds=True),
    Bucket(64, main=(2, 1), bonds=(3,)),
)


def fill_case(
    bucket: Bucket, kind: str, structures: tuple[str, str], scale: int, broadening: float, seed: int, dtype: str
) -> Case:
    """Arrays of a bucket: `kind` chooses the matrix, `broadening` is |Im z|, everything is multiplied by 2^scale."""
    random = np.random.default_rng(seed)
    bonds = (*bucket.bonds, bucket.sites - 1)
    main = 2 * fill(random, (*bucket.main, bucket.sites), structures[0], bucket.complex_main)
    upper = fill(random, bonds, structures[1], bucket.complex_bonds)
    lower = fill(random, bonds, structures[1], bucket.complex_bonds)
    shift = random.normal(size=bucket.shift) + (
        1j * broadening * random.choice([-1, 1], size=bucket.shift) if bucket.complex_shift else 0
    )
    if kind == "hermitian":
        main, lower = main.real + 0 * main, np.conj(upper)
    elif kind == "dominant":
        main = main + 4 * np.sign(main.real)
    elif kind == "decoupled":
        lower = lower * (random.random(bonds) < 0.7)
    elif kind == "zero pivots":
        main, shift = _vanishing(main, random), 0 * shift
        upper, lower = _away_from_zero(upper), _away_from_zero(lower)
    matrix = f"{bucket.sites} sites, {kind}, {structures[0]} main, {structures[1]} bonds"
    drawn = f"{matrix}, scale 2^{scale}, |Im z| {broadening:.3g}"
    empty = Case((), dtype, seed, drawn=drawn)
    return empty.with_inputs(*(np.asarray(array) * 2.0**scale for array in (main, upper, lower, shift)))


def _vanishing(main: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Zero at the first site and at some others, so that leading pivots vanish while the resolvent does not."""
    kept = np.asarray(random.random(main.shape[-1]) < 0.5)
    kept[0], kept[-1] = main.shape[-1] == 1, True
    return kept * (main + np.sign(main.real) + (main == 0))


def _away_from_zero(bonds: np.ndarray) -> np.ndarray:
    return bonds + np.where(bonds.real < 0, -1, 1)


KINDS = ("general", "hermitian", "dominant", "decoupled", "zero pivots")
SCALES = {"float32": (0, -30, 30, -8, 8, 0, -17, 17), "float64": (0, -200, 200, -30, 30, 0, -90, 90)}
BROADENINGS = tuple(2.0**-exponent for exponent in range(-2, 11))
STRUCTURE_PAIRS = tuple(itertools.product(STRUCTURES, STRUCTURES))


@st.composite
def cases(draw, dtype: str) -> Case:
    """Shape bucket, kind, structures, scale, broadening and a seed.

    Only the seed is an integer: Hypothesis likes to repeat one draw in another of its kind, and cases would be alike.
    """
    bucket = draw(st.sampled_from(BUCKETS))
    kind = draw(st.sampled_from(KINDS))
    structures = draw(st.sampled_from(STRUCTURE_PAIRS))
    scale = draw(st.sampled_from(SCALES[dtype]))
    broadening = draw(st.sampled_from(BROADENINGS))
    seed = draw(st.integers(0, 2**32 - 1))
    return fill_case(bucket, kind, structures, scale, broadening, seed, dtype)


def empty_cases(dtype: str) -> tuple[Case, ...]:
    """No site; no chain."""
    none = Case((np.zeros(0), np.zeros(0), np.zeros(0), np.array(1j)), dtype, drawn="no site")
    return (
        none,
        replace(
            none,
            inputs=(np.zeros((2, 0)), np.zeros((2, 0)), np.zeros((2, 0)), np.zeros(2) + 1j),
            drawn="two chains of no site",
        ),
        replace(
            none,
            inputs=(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros((0, 2)), np.array(1j)),
            drawn="no chain of three sites",
        ),
    )


def _with(position: int, change):
    def apply(case: Case):
        plain = fill_case(BUCKETS[4], "dominant", ("normal", "normal"), 0, 1.0, case.seed, case.dtype)
        inputs = list(plain.inputs)
        inputs[position] = change(inputs[position])
        return tuple(inputs), dict(plain.options)

    return apply


def _no_such_precision(case: Case):
    return _with(0, lambda main: main)(case)[0], {"precision": "float7"}


BAD_INPUTS = (
    BadInput("main", "a scalar main", _with(0, lambda main: np.array(1.0))),
    BadInput("upper", "an upper band as long as main", _with(1, lambda band: np.ones((3, 8)))),
    BadInput("lower", "a lower band that is too short", _with(2, lambda band: band[..., :-1])),
    BadInput("lower", "batch axes that do not broadcast", _with(2, lambda band: np.ones((2, 7)))),
    BadInput("shift", "a shift with the axis of the sites", _with(3, lambda shift: np.ones((3, 8)))),
    BadInput("main", "integers on the diagonal", _with(0, lambda main: np.ones((3, 8), dtype=np.int64))),
)
BAD_OPTION = BadInput("precision", "an unknown precision", _no_such_precision)

DOUBLE_INSIDE = Variant("float64 inside", "float32", {"precision": "float64"}, float64_inside("float32"))


def _peer(label: str, framework: str, function: str) -> Peer:
    return Peer(label, framework, f"impl.libraries.tridiagonal:{function}")


KERNELS = (
    Kernel(
        "tridiagonal.resolvent_diagonal",
        inputs=cases,
        core=CORE,
        laws=(*laws.RESOLVENT, *LONG_CHAINS),
        refuses=(*BAD_INPUTS, BAD_OPTION),
        empty=empty_cases,
        variants=(DOUBLE_INSIDE,),
        peers=(
            _peer("jax.lax.linalg.tridiagonal_solve", "jax", "jax_tridiagonal_solve"),
            _peer("scipy.linalg.solve_banded", "numpy", "scipy_solve_banded"),
            _peer("torch.linalg.inv", "torch", "torch_inverse"),
        ),
        arguments=ARGUMENTS,
    ),
    Kernel(
        "tridiagonal.log_determinant",
        inputs=cases,
        core=CORE,
        laws=(*laws.DETERMINANT, *LONG_DETERMINANTS),
        period=2j * np.pi,
        refuses=(*BAD_INPUTS, BAD_OPTION),
        empty=empty_cases,
        variants=(DOUBLE_INSIDE,),
        arguments=ARGUMENTS,
    ),
)
