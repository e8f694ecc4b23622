"""Which process trains a model right now. The lock on training/ tells: it goes with its process, however that ends."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from todus import command, files
from todus.errors import WorldError
from todus.layout import Model
from todus.training.distributed import cluster as clusters

MODULE = "todus.training.train"


@dataclass(frozen=True)
class Run:
    """A process that trains.

    started: when it took hold of the folder, in seconds since the epoch.
    """

    pid: int
    started: float


def current(model: Model) -> Run | None:
    """The run that trains `model` now, in the foreground or the background; None if there is none."""
    pid = files.owner_of(model.training)
    if not pid or not _trains(pid):  # `make model` locks the folder too
        return None
    try:
        return Run(pid, files.lock_of(model.training).stat().st_mtime)
    except FileNotFoundError:  # it has ended this very moment
        return None


def workers(model: Model) -> list[int]:
    """The processes here that train `model` with a chief on another host, which has it locked there."""
    commands = ((int(folder.name), _command(folder)) for folder in Path("/proc").glob("[0-9]*"))
    return sorted(pid for pid, command_line in commands if _is_worker(command_line, model))


def _is_worker(command_line: list[str], model: Model) -> bool:
    given = dict(itertools.pairwise(command_line))
    if MODULE not in command_line or "--tf-config" not in given:
        return False
    cluster = clusters.parse(given["--tf-config"])
    is_ours = Path(given.get("--model-dir", "")).absolute() == model.folder.absolute()
    return is_ours and cluster is not None and cluster.job == clusters.WORKER


def require_none(model: Model) -> None:
    """Raises WorldError if a run trains the model now."""
    run = current(model)
    if run is not None:
        stop = command.for_model("train-stop", model)
        raise WorldError(f"process {run.pid} trains {model.name} already; wait until it has ended, or run: {stop}")


def _trains(pid: int) -> bool:
    return MODULE in _command(Path(f"/proc/{pid}"))


def _command(process: Path) -> list[str]:
    """What a process was started with; nothing where it has ended."""
    try:
        return (process / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []
