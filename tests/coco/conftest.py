"""The mini mirror on a real loopback server, and the command run as a user would."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coco import mirror
from todus import command
from todus.coco import dataset
from todus.demo import mirror as demo_mirror
from todus.layout import CHECKOUT, Home


@dataclass
class MirrorServer:
    """A mirror that remembers what was asked for."""

    url: str
    requests: list[str]

    @property
    def images(self) -> list[str]:
        """The single images among that."""
        return [path for path in self.requests if path.endswith(".jpg")]


@pytest.fixture
def mirror_folder(tmp_path: Path) -> Path:
    return mirror.build(tmp_path / "mirror")


@pytest.fixture
def server(mirror_folder: Path) -> Iterator[MirrorServer]:
    requests: list[str] = []

    class Handler(demo_mirror.Handler):
        def log_request(self, *_: object) -> None:
            requests.append(self.path)

    with demo_mirror.serve(mirror_folder, handler=Handler) as url:
        yield MirrorServer(url, requests)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def make_dataset(home: Home, capsys: pytest.CaptureFixture[str]):
    """`make_dataset("limited", "--categories", "car")` runs the command, in this process and without the pictures, to
    save time."""

    def run(*arguments: str) -> Run:
        arguments = (*arguments, *(() if "--preview" in arguments else ("--preview", "0")))
        with pytest.raises(SystemExit) as ended:
            command.run(lambda: dataset.main([*arguments, "--home", str(home.folder)]))
        said = capsys.readouterr()
        return Run(ended.value.code, said.out, said.err)

    return run


@pytest.fixture
def make_dataset_apart(home: Home):
    """The same in a process of its own, as the shell does."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "todus.coco.dataset", *arguments, "--home", str(home.folder)],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT / "python")},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def cpu_seconds_of_children():
    """A function that gives the CPU time of the processes that have ended so far; a busy machine does not change it."""

    def measure() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    return measure
