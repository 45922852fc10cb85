"""Padded queries of `attend`: an option that changes nothing else, in every mode of differentiation that there is."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from impl.torch.attention import attend  # noqa: E402
from impl.torch.chunked import attention as chunked  # noqa: E402
from properties.catalogue import shipped, takes_the_call  # noqa: E402
from properties.judge import judge  # noqa: E402
from properties.laws.padded_queries import PADDED_QUERIES  # noqa: E402
from properties.laws.universal import UNIVERSAL  # noqa: E402
from properties.profiles import PROFILES  # noqa: E402
from properties.systems import kernels_matching  # noqa: E402
from properties.verdict import HOLDS, NOT_CLAIMED  # noqa: E402

TIMES, KEYS, CHANNELS, VALUE_CHANNELS, ROWS = 9, 7, 4, 3, 3
QUERY_LENGTHS = (4, 0, TIMES)
(KERNEL,) = kernels_matching("attention.attend")
INSIDE = np.arange(TIMES)[:, None] < np.array(QUERY_LENGTHS)[:, None, None]


def drawn(*batch):
    random = np.random.default_rng(0)
    shapes = ((TIMES, CHANNELS), (KEYS, CHANNELS), (KEYS, VALUE_CHANNELS))
    return [random.normal(size=(*batch, *shape)).astype(np.float32) for shape in shapes]


@pytest.fixture
def jax():
    return pytest.importorskip("jax", reason="jax is not installed")


@pytest.fixture
def jax_attend(jax):
    return importlib.import_module("impl.jax.attention").attend


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", [None, torch.tensor([7, 2, 5])], ids=("all keys", "padded keys"))
def test_with_no_padding_a_call_gives_the_bits_that_it_gives_without(lengths, causal):
    arrays = [torch.from_numpy(x) for x in drawn(ROWS)]
    whole = torch.tensor([TIMES, TIMES + 5, TIMES])
    assert torch.equal(attend(*arrays, lengths, whole, causal=causal), attend(*arrays, lengths, causal=causal))


def test_query_lengths_alone_pad_queries_and_add_rows():
    q, k, v = (torch.from_numpy(x) for x in drawn())
    found = attend(q, k, v, query_lengths=torch.tensor(QUERY_LENGTHS))
    whole = attend(q.expand(ROWS, -1, -1), k, v)
    assert found.shape == (ROWS, TIMES, VALUE_CHANNELS)
    assert torch.equal(found, torch.where(torch.from_numpy(INSIDE), whole, 0))


@pytest.mark.parametrize("empty", ["queries", "keys", "value channels"])
def test_an_empty_axis_gives_zeros_or_nothing(empty):
    q, k, v = (torch.from_numpy(x) for x in drawn(ROWS))
    if empty == "queries":
        q = q[:, :0]
    elif empty == "keys":
        k, v = k[:, :0], v[:, :0]
    else:
        v = v[..., :0]
    found = attend(q, k, v, query_lengths=torch.tensor(QUERY_LENGTHS))
    assert found.shape == (*q.shape[:-1], v.shape[-1])
    assert not found.any()


def with_any(q, filling):
    """q (…, T, D) with that in the padded queries of (T, D) rows of QUERY_LENGTHS."""
    return np.where(INSIDE if q.ndim > 2 else INSIDE[0], q, np.float32(filling))


def test_slopes_know_nothing_of_padded_queries_in_forward_mode_and_under_vmap(jax, jax_attend):
    q, k, v = drawn(ROWS)

    def slope(q, k, v, end):
        return jax.jvp(lambda *x: jax_attend(*x, query_lengths=end), (q, k, v), (q, k, v))[1]

    plain, filled = (jax.vmap(slope)(with_any(q, x), k, v, np.array(QUERY_LENGTHS)) for x in (1, np.nan))
    assert np.array_equal(plain, filled)
    assert not np.any(np.where(INSIDE, 0, plain))
    assert np.all(np.any(plain, axis=(1, 2)) == (np.array(QUERY_LENGTHS) > 0))


def test_curvature_knows_nothing_of_padded_queries(jax, jax_attend):
    q, k, v = drawn()

    def slope(q):
        squares = lambda k: (jax_attend(q, k, v, query_lengths=np.array(QUERY_LENGTHS[0])) ** 2).sum()  # noqa: E731
        return (jax.grad(squares)(k) ** 2).sum()

    plain, filled = (jax.grad(slope)(with_any(q, x)) for x in (1, np.nan))
    assert np.array_equal(plain, filled)
    assert np.all(np.any(plain, axis=-1) == INSIDE[0, :, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("law", (*UNIVERSAL, *KERNEL.laws), ids=lambda law: law.name.replace(" ", "_"))
def test_row_by_row_every_law_holds_as_well(law, dtype, monkeypatch):
    """Rows as short as the drawn ones meet a mask otherwise."""
    monkeypatch.setattr(chunked, "LONG", 0)
    for implementation in shipped(KERNEL, "torch", "cpu", (dtype,)):
        verdict = judge(law, implementation, PROFILES["ci"])
        assert verdict.status in (HOLDS, NOT_CLAIMED), verdict.failure


@pytest.mark.parametrize("transform", ["vmap", "compile"])
def test_lengths_that_have_no_values_yet_are_no_obstacle(transform, monkeypatch):
    monkeypatch.setattr(chunked, "LONG", 0)
    arrays = [torch.from_numpy(x) for x in drawn(ROWS)]
    ends = torch.tensor([7, 0, 5]), torch.tensor(QUERY_LENGTHS)
    changed = torch.vmap(attend) if transform == "vmap" else torch.compile(attend, fullgraph=True, backend="eager")
    found, expected = changed(*arrays, *ends), attend(*arrays, *ends)
    assert torch.equal(found == 0, expected == 0)


def keys_only(q, k, v, lengths=None, *, causal=False, scale=None):
    return attend(q, k, v, lengths, causal=causal, scale=scale)


def any_options(*arrays, **options):
    return keys_only(*arrays, **options)


@pytest.mark.parametrize("law", PADDED_QUERIES, ids=lambda law: law.name.replace(" ", "_"))
@pytest.mark.parametrize("function", [keys_only, any_options])
def test_a_kernel_without_query_lengths_does_not_claim_them(function, law):
    takes_the_call(function, function.__name__, KERNEL)
    (ours,) = shipped(KERNEL, "torch", "cpu", ("float32",))
    verdict = judge(law, replace(ours, function=function), PROFILES["ci"])
    assert (verdict.status, verdict.reason) == (NOT_CLAIMED, "its signature has no query_lengths")
