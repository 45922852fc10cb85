"""Replay files: one case, one law, one implementation, in a .npz that any NumPy can open."""

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from properties.case import Case
from properties.errors import Unavailable
from properties.implementation import Implementation
from properties.law import Law

FORMAT = 1


@dataclass(frozen=True)
class Replay:
    """A law and a case to see again, and who failed it."""

    kernel: str
    law: str
    case: Case
    framework: str
    device: str
    dtype: str
    arithmetic: str
    address: str
    label: str
    origin: str
    options: dict[str, Any]


def write_replay(folder: Path, law: Law, implementation: Implementation, case: Case) -> Path:
    """Write the case beside what is needed to judge it again; returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = (
        implementation.kernel.name,
        law.name,
        implementation.label,
        implementation.arithmetic.name,
        implementation.device,
    )
    path = folder / (re.sub(r"[^A-Za-z0-9.]+", "-", "_".join(parts)) + ".npz")
    header = {
        "format": FORMAT,
        "kernel": implementation.kernel.name,
        "law": law.name,
        "framework": implementation.framework.name,
        "device": implementation.device,
        "dtype": implementation.dtype,
        "arithmetic": implementation.arithmetic.name,
        "address": implementation.address,
        "label": implementation.label,
        "origin": implementation.origin,
        "implementation_options": dict(implementation.options),
        "case_options": dict(case.options),
        "seed": case.seed,
        "drawn": case.drawn,
    }
    arrays: dict[str, Any] = {f"input_{i}": array for i, array in enumerate(case.inputs)}
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)
    partial.replace(path)
    return path


def read_replay(path: Path) -> Replay:
    """Raises `Unavailable` where there is no file, or not a replay of this format."""
    if not path.is_file():
        raise Unavailable(f"replay: there is no file {path}")
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            inputs = tuple(stored[f"input_{i}"] for i in range(len(stored.files) - 1))
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise Unavailable(
            f"{path}: expected a replay file (.npz written by gaugeblock), got something else: {error}"
        ) from error
    if header.get("format") != FORMAT:
        raise Unavailable(f"{path}: expected replay format {FORMAT}, got {header.get('format')!r}")
    case = Case(inputs, header["dtype"], header["seed"], header["case_options"], header["drawn"])
    same = ("kernel", "law", "framework", "device", "dtype", "arithmetic", "address", "label", "origin")
    return Replay(case=case, options=header["implementation_options"], **{name: header[name] for name in same})
