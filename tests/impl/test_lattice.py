"""Primes and the spiral beyond what the laws draw, the cache that is built once, and what an import costs."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from reference import lattice

ROOMS = ("reference.lattice", "impl.torch.lattice", "impl.jax.lattice")
LIMIT, COUNT = 200_000, 17_984
THREADS = 8


def room(name: str):
    pytest.importorskip(name.split(".")[1] if name.startswith("impl") else "numpy")
    return pytest.importorskip(name)


@pytest.mark.parametrize("name", ROOMS[1:])
def test_there_are_17984_primes_up_to_200000(name):
    """C5: the published 23,094 is wrong."""
    found = np.asarray(room(name).primes(limit=LIMIT))
    assert len(found) == COUNT
    assert np.array_equal(found, lattice.primes(limit=LIMIT))


@pytest.mark.parametrize("name", ROOMS)
def test_lazy_equals_eager(name):
    module = room(name)
    cache = module.Cache(1000)
    assert np.array_equal(np.asarray(cache.primes), np.asarray(module.primes(limit=1000)))
    assert np.array_equal(np.asarray(cache.places), np.asarray(module.ulam(n=1000)))


@pytest.mark.parametrize("name", ROOMS)
def test_the_cache_is_built_at_first_use_once_and_by_one_thread(name, monkeypatch):
    module = room(name)
    honest, calls, together = module.primes, [], threading.Barrier(THREADS)

    def counted(**options):
        calls.append(options)
        return honest(**options)

    monkeypatch.setattr(module, "primes", counted)
    cache = module.Cache(1000)
    assert calls == []

    def use(_):
        together.wait()
        return cache.primes

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(use, range(THREADS)))
    assert len(calls) == 1
    assert all(one is found[0] for one in found)


@pytest.mark.parametrize("name", ROOMS)
def test_an_import_builds_nothing(name):
    """C6: after the import no array of the module is there, and building takes longer than it."""
    room(name)
    code = (
        f"import {name} as module, time; before = time.perf_counter(); "
        "held = [n for n, x in vars(module).items() if hasattr(type(x), 'dtype')]; "
        "cache = module.Cache(200_000); constructed = time.perf_counter() - before; "
        "before = time.perf_counter(); cache.primes; print(held, (time.perf_counter() - before) > constructed)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["[]", "True"]
