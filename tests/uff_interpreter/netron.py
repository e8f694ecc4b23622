"""What Netron (PyPI, MIT licence) reads in a .uff file: someone else's eyes, under Node without a browser."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("netron_reads.mjs")


def missing() -> str | None:
    """Why Netron's reader cannot be run here; None if it can."""
    if importlib.util.find_spec("netron") is None:
        return "netron is not installed (pip install -r tests/requirements.txt)"
    return None if shutil.which("node") else "there is no node to run Netron's reader"


@dataclass(frozen=True)
class Read:
    """A file as Netron shows it.

    nodes: name and operation of each that is not a constant with one user.
    inputs: each with its type, as `Input float32[1,3,300,300]`.
    outputs: each with what it marks, as `MarkOutput_0 NMS`.
    errors: what Netron complains of.
    """

    format: str
    imports: list[str]
    graph: str
    nodes: list[list[str]]
    inputs: list[str]
    outputs: list[str]
    errors: list[str]


def read(*files: Path) -> list[Read]:
    """Raises AssertionError if Netron cannot read one of the files."""
    folder = Path(importlib.util.find_spec("netron").origin).parent
    command = ["node", str(_SCRIPT), str(folder), *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return [Read(**json.loads(line)) for line in result.stdout.splitlines()]
