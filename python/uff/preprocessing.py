"""Running a config script: a Python file with a function `preprocess` that changes the graph before its conversion."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from uff.errors import UffError

if TYPE_CHECKING:
    from graphsurgeon import DynamicGraph


def run(script: str | Path, graph: DynamicGraph) -> None:
    """Let `preprocess(dynamic_graph)` of `script` change the graph in place. The file is loaded anew each time.

    Raises:
      UffError: there is no such file or function, or it fails or ends Python.
    """
    path = Path(script)
    if not path.is_file():
        raise UffError(f"there is no config script {path}")
    try:
        module = _load(path)
        if not callable(getattr(module, "preprocess", None)):
            raise UffError(f"{path} defines no function preprocess(dynamic_graph)")
        module.preprocess(graph)
    except UffError:
        raise
    except (Exception, SystemExit) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise UffError(f"{path} failed{_line(error, path)}: {what}") from error


def _load(path: Path) -> ModuleType:
    """Import the file, as Python runs a script: with its own folder first on the path."""
    spec = importlib.util.spec_from_file_location("uff_config_script", path)
    if spec is None or spec.loader is None:
        raise UffError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _line(error: BaseException, path: Path) -> str:
    """Where in the script it failed."""
    line, place = None, error.__traceback__
    while place:
        if Path(place.tb_frame.f_code.co_filename) == path.absolute():
            line = place.tb_lineno
        place = place.tb_next
    return f" in line {line}" if line else ""
