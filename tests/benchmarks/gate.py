"""No time is reported for a kernel that is wrong on inputs like the timed ones: the gate in front of the clock."""

import functools
from dataclasses import replace

from properties.catalogue import brought, shipped, why_absent
from properties.errors import Unavailable
from properties.implementation import Implementation
from properties.judge import judge
from properties.law import Law
from properties.laws.universal import gradients_agree, values_agree
from properties.profiles import PROFILES
from properties.systems import kernels_matching
from properties.variant import Peer as JudgedPeer
from properties.verdict import HOLDS
from tests.benchmarks.job import FORWARD, SHIPPED, Job, Peer, Row, Shape

PROFILE = replace(PROFILES["quick"], derandomize=True)


@functools.cache
def implementation_of(job: Job, framework: str, contender: str, device: str) -> Implementation:
    """What a row times, as the judge sees it. Raises `Unavailable`."""
    (kernel,) = kernels_matching(job.kernel)
    kernel = replace(kernel, inputs=job.judged)
    if contender == SHIPPED:
        return next(iter(shipped(kernel, framework, device, (job.dtype,))))
    peer = job.peer(framework, contender)
    assert peer is not None
    absent = why_absent(JudgedPeer(peer.label, framework, "", devices=peer.devices, requires=peer.requires), device)
    if absent:
        raise Unavailable(f"{peer.label}: {absent}")
    found = brought(kernel, peer.judged, framework, device, job.dtype)
    return replace(found, label=peer.label, origin="library", differentiable=False)


def refusal(row: Row, device: str, smoke: bool) -> str:
    """The text of the first law that the row's implementation does not keep; empty if it may be timed."""
    text = _refusal(row.job, row.framework, row.contender, device, None)
    if text or smoke or row.contender != SHIPPED:
        return text
    return _refusal(row.job, row.framework, row.contender, device, row.shape)


@functools.cache
def verdict(job: Job, peer: Peer, device: str) -> str:
    """What an unsound library gets wrong elsewhere in its contract; empty if nothing is found."""
    if not peer.unsound:
        return ""
    (kernel,) = kernels_matching(job.kernel)
    whole = replace(implementation_of(job, peer.framework, peer.label, device), kernel=kernel)
    found = judge(values_agree, whole, PROFILE)
    return "" if found.status == HOLDS else f"{found.law}: {found.status}, {found.reason}, for {found.where}"


@functools.cache
def _refusal(job: Job, framework: str, contender: str, device: str, shape: Shape | None) -> str:
    implementation = implementation_of(job, framework, contender, device)
    laws: tuple[Law, ...] = job.laws(shape) if shape else (values_agree,)
    if not shape and contender == SHIPPED and job.directions != (FORWARD,):
        laws = (values_agree, gradients_agree)
    for law in laws:
        verdict = judge(law, implementation, PROFILE)
        if verdict.status != HOLDS:
            return verdict.failure or f"{law.name}: {verdict.status}. {verdict.reason}"
    return ""
