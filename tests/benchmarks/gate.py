"""No time is reported for a wrong kernel: the gate in front of the clock."""

import functools
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from properties.catalogue import brought, shipped
from properties.judge import judge
from properties.kernel import Case, Implementation
from properties.law import Law
from properties.laws.long_chains import long_chain_gradients, long_chain_values
from properties.laws.universal import gradients_agree, values_agree
from properties.profiles import PROFILES
from properties.systems import kernels_matching
from properties.systems.tridiagonal import BROADENINGS, KINDS, SCALES, STRUCTURE_PAIRS, Bucket, fill_case
from properties.verdict import HOLDS
from tests.benchmarks.peers import PEERS
from tests.benchmarks.rows import DTYPE, RESOLVENT, SHIPPED, Row

# Real H and complex shifts, as timed, so that the code judged is the code timed; one shape, to compile once.
JUDGED_SHAPE = Bucket(17, main=(4,), bonds=(4,), shift=(4,))
SHORTEST_LONG_CHAIN = 1000
PROFILE = replace(PROFILES["quick"], derandomize=True)


def judged_cases(dtype: str) -> st.SearchStrategy[Case]:
    """Every kind, structure and scale of the tridiagonal row, in one shape."""
    return st.builds(
        fill_case,
        st.just(JUDGED_SHAPE),
        st.sampled_from(KINDS),
        st.sampled_from(STRUCTURE_PAIRS),
        st.sampled_from(SCALES[dtype]),
        st.sampled_from(BROADENINGS),
        st.integers(0, 2**32 - 1),
        st.just(dtype),
    )


@functools.cache
def implementation_of(kernel_name: str, framework: str, contender: str, device: str) -> Implementation:
    """What a row times, as the judge sees it. Raises `Unavailable`."""
    (kernel,) = kernels_matching(kernel_name)
    kernel = replace(kernel, inputs=judged_cases)
    if contender == SHIPPED:
        return next(iter(shipped(kernel, framework, device, (DTYPE,))))
    (peer,) = (peer for peer in PEERS if (peer.framework, peer.label) == (framework, contender))
    found = brought(kernel, peer.judged, framework, device, DTYPE)
    return replace(found, label=peer.label, origin="library", differentiable=False)


def refusal(row: Row, device: str, smoke: bool) -> str:
    """The text of the first law that the row's implementation does not keep; empty if it may be timed."""
    long = row.kernel == RESOLVENT and row.contender == SHIPPED and row.shape[-1] >= SHORTEST_LONG_CHAIN
    return _refusal(row.kernel, row.framework, row.contender, device, row.shape[-1] if long and not smoke else 0)


@functools.cache
def _refusal(kernel: str, framework: str, contender: str, device: str, sites: int) -> str:
    implementation = implementation_of(kernel, framework, contender, device)
    laws: tuple[Law, ...] = (values_agree, gradients_agree) if contender == SHIPPED else (values_agree,)
    if sites:
        if found := _refusal(kernel, framework, contender, device, 0):
            return found
        chain = functools.partial(_chain, sites)
        laws = (replace(long_chain_values, adapt=chain), replace(long_chain_gradients, adapt=chain))
    for law in laws:
        verdict = judge(law, implementation, PROFILE)
        if verdict.status != HOLDS:
            return verdict.failure or f"{law.name}: {verdict.status}. {verdict.reason}"
    return ""


def _chain(sites: int, case: Case) -> Case:
    """A Hermitian chain of that length with Im z = 1."""
    random = case.random()
    bonds = random.normal(size=sites - 1)
    main, shift = 2 * random.normal(size=sites), np.asarray(random.normal() + 1j)
    return case.with_inputs(main, bonds, bonds, shift, drawn=f"chain of {sites} sites")
