"""A detector that can be opened, of whatever form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from todus.errors import UserError
from todus.evaluation.detectors import Detector


@dataclass(frozen=True)
class Graph:
    """A detector that can be opened.

    name: what the report calls it.
    files: all that its detections depend on.
    open: opens the detector; raises UserError where a file turns out to be unusable.
    weights: the checkpoint that its weights are of, as far as that is known.
    runtime: the package that runs it.
    is_built: whether the Object Detection API builds it, as it does for a checkpoint.
    complete: adds what its files still lack, which may write them anew; to be called before anything else.
    """

    name: str
    files: tuple[Path, ...]
    open: Callable[[], Detector]
    weights: str = ""
    runtime: str = "tensorflow"
    is_built: bool = False
    complete: Callable[[], None] = lambda: None


def require_file(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path} is not there; name another GRAPH")
