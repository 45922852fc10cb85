"""A kernel's contract in words, for those who write one: call, meaning, laws."""

import inspect
from collections.abc import Iterator

from properties.kernel import Kernel
from properties.law import Law
from properties.laws.manners import MANNERS_OF_ALL
from properties.laws.universal import UNIVERSAL


def signature(kernel: Kernel) -> str:
    """How the kernel is called: its arrays in order, its options by name."""
    return f"{kernel.name}{inspect.signature(kernel.reference)}"


def summary(kernel: Kernel) -> str:
    """What it computes, in one line."""
    return _meaning(kernel).partition("\n\n")[0].replace("\n", " ")


def contract(kernel: Kernel) -> Iterator[str]:
    """The lines of the whole contract: shapes, results and errors as the reference tells them, then every law."""
    yield signature(kernel)
    yield from (f"    {line}".rstrip() for line in _meaning(kernel).splitlines())
    yield from (f"    {name} comes by name, to kernels whose signature has it" for name in kernel.by_name)
    for heading, laws in (
        (f"laws of {kernel.name}", kernel.laws),
        ("laws of every kernel", UNIVERSAL),
        ("manners of every kernel", MANNERS_OF_ALL),
    ):
        if laws:
            yield f"  {heading}"
            yield from (f"    {_told(law)}" for law in laws)


def _meaning(kernel: Kernel) -> str:
    return (inspect.getdoc(kernel.reference) or "").strip()


def _told(law: Law) -> str:
    return f"{law.name}: {law.statement}"
