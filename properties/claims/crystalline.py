"""Crystalline's statements about attention, its loss, its checks and its table of primes."""

import subprocess
import sys
import time

import numpy as np

from properties.catalogue import load_framework, load_function
from properties.claim import HOLDS, REFUTED, Finding, claim
from reference import attention, lattice, transformer
from reference.numbers import ARITHMETICS, gauge

MODEL = "Crystalline"
TOKENS, CHANNELS, HEADS = 6, 8, 4
VOCABULARY = 10_000
PUBLISHED, LIMIT = 23_094, 200_000
LETTERS, TIMES, BATCH, STEPS = 8, 12, 32, 80
AVERAGED = 10  # losses at the end of a run that are averaged
IMPORTS = 5  # of which the fastest counts


def drawn(seed: int = 0) -> tuple[np.ndarray, ...]:
    """x and the four projections of `attention.multi_head`."""
    random = np.random.default_rng(seed)
    weights = (random.normal(size=(CHANNELS, CHANNELS)) / np.sqrt(CHANNELS) for _ in range(4))
    return random.normal(size=(TOKENS, CHANNELS)), *weights


@claim("C1", MODEL, "output = 2·input cannot relate tokens", HOLDS)
def twice_the_input() -> Finding:
    """Its Jacobian is block-diagonal over the tokens; attention's is not."""
    x, w_q, w_k, w_v, w_o = drawn()
    token = np.arange(TOKENS)[:, None] == 0
    by_x = attention.multi_head_vjp(x, w_q, w_k, w_v, w_o, token * np.ones_like(x), heads=HEADS)[0]
    doubled = 2.0 * token * np.ones_like(x)
    apart = {"2·input": float(np.max(np.abs(doubled[1:]))), "attention": float(np.min(np.abs(by_x[1:]).max(-1)))}
    found = HOLDS if apart["2·input"] == 0 < apart["attention"] else REFUTED
    return Finding(found, {f"∂out/∂x of other tokens, {name}": size for name, size in apart.items()})


@claim("C2", MODEL, "a constant loss of 9.2103 means a uniform prediction", HOLDS)
def uniform_prediction() -> Finding:
    """Constant logits over 10,000 classes give ln 10000 = 9.2103."""
    logits, targets = np.zeros((1, VOCABULARY)), np.zeros(1, int)
    (loss,) = gauge(transformer.cross_entropy, logits, targets, arithmetic=ARITHMETICS["float64"])
    exact = float(np.log(VOCABULARY))
    found = HOLDS if abs(loss.value - exact) <= loss.tolerance else REFUTED
    return Finding(found, {"loss of constant logits": float(loss.value), "ln 10000": exact})


@claim("C3", MODEL, "a falling loss proves that attention learns", REFUTED)
def falling_loss() -> Finding:
    """Without a causal mask the loss falls on tokens that nobody can predict: the next one is visible."""
    load_framework("torch", "cpu")
    train = load_function("impl.torch.transformer_language:train")
    noise = np.random.default_rng(0).integers(LETTERS, size=(STEPS, BATCH, TIMES + 1))
    ends, curves = {}, {}
    for name, causal in (("with a causal mask", True), ("without", False)):
        losses = train(noise, vocabulary=LETTERS, causal=causal).losses
        curves[name], ends[name] = losses, float(np.mean(losses[-AVERAGED:]))
    entropy = float(np.log(LETTERS))
    found = REFUTED if ends["without"] < entropy / 2 < ends["with a causal mask"] else HOLDS
    return Finding(found, {"entropy, ln 8": entropy, **{f"loss {k}": v for k, v in ends.items()}}, curves)


def with_stride_of_one_head(x: np.ndarray) -> np.ndarray:
    """K or V as the published kernel reads them: token t of every head where the t-th slice of one head begins."""
    width = CHANNELS // HEADS
    return np.broadcast_to(x.reshape(-1, width)[:TOKENS], (HEADS, TOKENS, width))


@claim("C4", MODEL, "weights and gradients that are not zero are a sufficient check", REFUTED)
def nonzero_is_enough() -> Finding:
    """K and V read with the stride of one head have gradients that are nowhere all zero, and wrong values."""
    x, w_q, w_k, w_v, _ = drawn()
    projected = [x @ w for w in (w_q, w_k, w_v)]
    heads = [np.swapaxes(p.reshape(TOKENS, HEADS, -1), 0, 1) for p in projected]
    wrong = (heads[0], *(with_stride_of_one_head(p) for p in projected[1:]))
    by_heads = attention.attend_vjp(*wrong, np.ones_like(heads[0]))
    sizes = [float(np.sqrt(np.mean(np.square(part)))) for part in by_heads]
    honest = gauge(attention.attend, *heads, arithmetic=ARITHMETICS["float32"])[0]
    off = float(np.max(np.abs(attention.attend(*wrong) - honest.value) / honest.tolerance))
    found = REFUTED if min(sizes) > 0 and off > 1 else HOLDS
    return Finding(found, {"smallest rms of a gradient": min(sizes), "error in gauges of float32": off})


@claim("C5", MODEL, "there are 23,094 primes up to 200,000", REFUTED)
def count_of_primes() -> Finding:
    """There are 17,984."""
    count = len(lattice.primes(limit=LIMIT))
    return Finding(HOLDS if count == PUBLISHED else REFUTED, {"primes": count, "published": PUBLISHED})


@claim("C6", MODEL, "deferring the cache makes start-up fast", HOLDS, timed=True)
def deferred_cache() -> Finding:
    """Constructing the cache costs a fraction of what building it at import would add."""
    deferred = min(_import_seconds("module.Cache(200_000)") for _ in range(IMPORTS))
    eager = min(_import_seconds("module.Cache(200_000).primes") for _ in range(IMPORTS))
    found = HOLDS if deferred < eager else REFUTED
    return Finding(found, {"seconds, deferred": deferred, "seconds, built at import": eager})


def _import_seconds(then: str) -> float:
    """Of a fresh interpreter that imports the table's module and does this."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"from reference import lattice as module; {then}"], check=True)
    return time.perf_counter() - begun


CLAIMS = (twice_the_input, uniform_prediction, falling_loss, nonzero_is_enough, count_of_primes, deferred_cache)
