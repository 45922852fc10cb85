"""One module a system: its kernels with their inputs, laws, bad inputs and peers. KERNELS is what the suite reads."""

import importlib
import pkgutil
from fnmatch import fnmatchcase

from properties.errors import Unavailable
from properties.kernel import Kernel


def all_kernels() -> tuple[Kernel, ...]:
    """Every kernel of every system, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(k for name in names for k in importlib.import_module(f"{__name__}.{name}").KERNELS)


def kernels_matching(pattern: str) -> tuple[Kernel, ...]:
    """The kernels whose name fits the glob. Raises `Unavailable`, listing the names, if none does."""
    found = tuple(kernel for kernel in all_kernels() if fnmatchcase(kernel.name, pattern))
    if not found:
        names = ", ".join(kernel.name for kernel in all_kernels())
        raise Unavailable(f"kernel: no kernel matches {pattern!r}; there are {names}")
    return found
