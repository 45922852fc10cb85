"""All planted defects, and beside them the undamaged kernels that they were made from.

One module or package a system in this folder; it has DEFECTS, and HONEST: kernel → function.
"""

import importlib
from pathlib import Path
from types import ModuleType

from properties.systems import all_kernels
from tests.defects.defect import Defect


def _rooms() -> list[ModuleType]:
    home = Path(__file__).parent
    systems = sorted({kernel.system for kernel in all_kernels()})
    there = [name for name in systems if (home / name).is_dir() or (home / f"{name}.py").is_file()]
    return [importlib.import_module(f"tests.defects.{name}") for name in there]


DEFECTS: tuple[Defect, ...] = tuple(planted for room in _rooms() for planted in room.DEFECTS)
HONEST = {kernel: function for room in _rooms() for kernel, function in room.HONEST.items()}
KERNELS = tuple(dict.fromkeys(planted.kernel for planted in DEFECTS))
