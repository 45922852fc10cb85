"""Finding implementations: what ships here by the kernel's name, peers by its table, a user's by address."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from properties.errors import Unavailable
from properties.frameworks import Framework, framework
from properties.implementation import Implementation
from properties.kernel import Kernel
from properties.variant import Peer, Variant
from reference.numbers import ARITHMETICS, Arithmetic

_LIBRARY_OF = {"torch": "torch", "jax": "jax", "numpy": "numpy"}


def load_framework(name: str, device: str) -> Framework:
    """The adapter, checked for its device. Raises `Unavailable`."""
    if importlib.util.find_spec(_LIBRARY_OF[name]) is None:
        raise Unavailable(f"framework: {name} is not installed; python -m pip install 'gaugeblock[{name}]'")
    adapter = framework(name)
    if device not in adapter.devices():
        raise Unavailable(f"device: {name} has {', '.join(adapter.devices())} here, not {device}")
    return adapter


def shipped(kernel: Kernel, framework_name: str, device: str, dtypes: tuple[str, ...]) -> Iterator[Implementation]:
    """What ships here for that kernel and framework, in each dtype, with its variants. Raises `Unavailable`.

    Where a variant is the same call in a finer arithmetic than the dtype's, only the finer one is judged.
    """
    if framework_name == "numpy":
        return
    adapter = load_framework(framework_name, device)
    address = f"impl.{framework_name}.{kernel.system}:{kernel.function_name}"
    function = load_function(address)
    for dtype in dtypes:
        variants = [v for v in kernel.variants if v.dtype == dtype and not why_absent(v, device)]
        if dtype in kernel.dtypes and all(variant.options for variant in variants):
            arithmetic = ARITHMETICS[dtype]
            yield Implementation(kernel, function, adapter, device, dtype, arithmetic, "gaugeblock", address, "shipped")
        for variant in variants:
            label, arithmetic = f"gaugeblock, {variant.label}", variant.arithmetic
            plain = Implementation(kernel, function, adapter, device, dtype, arithmetic, label, address, "shipped")
            yield replace(plain, options=variant.options)


def peers(kernel: Kernel, framework_name: str, device: str, dtypes: tuple[str, ...]) -> Iterator[Implementation]:
    """Other libraries' implementations of the kernel in that framework. Raises `Unavailable`."""
    for peer in kernel.peers:
        if peer.framework != framework_name or why_absent(peer, device):
            continue
        adapter = load_framework(framework_name, device)
        function = load_function(peer.address)
        for dtype in dtypes:
            if dtype in peer.dtypes:
                arithmetic = peer.arithmetic(dtype)
                found = Implementation(kernel, function, adapter, device, dtype, arithmetic, peer.label, peer.address)
                found = replace(found, origin="library", longest=peer.longest, takes=peer.takes)
                yield replace(found, differentiable=peer.differentiable)


def why_absent(candidate: Peer | Variant, device: str) -> str:
    """Why this peer, or this variant of what ships here, cannot be judged here; empty if it can."""
    if device not in candidate.devices:
        return f"it runs on {', '.join(candidate.devices)}, not on {device}"
    if isinstance(candidate, Peer) and candidate.requires and importlib.util.find_spec(candidate.requires) is None:
        return f"it needs the package {candidate.requires}, which is not installed"
    return ""


def brought(
    kernel: Kernel, address: str, framework_name: str, device: str, dtype: str, arithmetic: str | None = None
) -> Implementation:
    """A user's function; `arithmetic` names one of ARITHMETICS if not that of the dtype. Raises `Unavailable`."""
    adapter = load_framework(framework_name, device)
    function = load_function(address)
    takes_the_call(function, address, kernel)
    declared = _arithmetic(arithmetic or dtype)
    found = Implementation(kernel, function, adapter, device, dtype, declared, address, address)
    return replace(found, equal_batches=True)


def load_function(address: str) -> Callable:
    """MODULE:FUNCTION, where MODULE is a dotted name or the path of a .py file. Raises `Unavailable` in one line."""
    module_name, _, name = address.rpartition(":")
    if not module_name or not name:
        raise Unavailable(f"implementation: expected MODULE:FUNCTION or FILE.py:FUNCTION, got {address!r}")
    module = _load_file(Path(module_name)) if module_name.endswith(".py") else _load_module(module_name)
    function = getattr(module, name, None)
    if not callable(function):
        there = ", ".join(n for n, value in vars(module).items() if inspect.isfunction(value) and not n.startswith("_"))
        raise Unavailable(f"implementation: {module_name} has no function {name!r}; it has {there or 'none'}")
    return function


def takes_the_call(function: Callable, address: str, kernel: Kernel) -> None:
    """Raises `Unavailable` if the function cannot be called as the contract says: arrays in order, options by name."""
    try:
        taken = inspect.signature(function)
    except (TypeError, ValueError):
        return
    contract = inspect.signature(kernel.reference).parameters
    arrays = [name for name in kernel.arguments or kernel.core if name not in kernel.by_name]
    options = {name: p.default for name, p in contract.items() if name not in kernel.arguments}
    # What a function takes beyond the contract is its own affair, as long as it has a default.
    try:
        taken.bind(*arrays, **options)
    except TypeError as error:
        called = inspect.Signature(tuple(contract.values()))
        raise Unavailable(
            f"implementation: {kernel.name} is called as {called}, but {address} takes {taken}: {error}"
        ) from error


def _load_file(path: Path):
    if not path.is_file():
        raise Unavailable(f"implementation: there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Unavailable(f"implementation: {path} does not import: {type(error).__name__}: {error}") from error
    return module


def _load_module(name: str):
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise Unavailable(f"implementation: {name} does not import: {type(error).__name__}: {error}") from error


def _arithmetic(name: str) -> Arithmetic:
    if name not in ARITHMETICS:
        raise Unavailable(f"arithmetic: expected one of {', '.join(ARITHMETICS)}, got {name!r}")
    return ARITHMETICS[name]
