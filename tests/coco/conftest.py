"""The mini mirror on a real loopback server, and the command run as a user would."""

from __future__ import annotations

import functools
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coco import mirror
from todus import command
from todus.coco import dataset
from todus.layout import CHECKOUT, Home


class MirrorServer(ThreadingHTTPServer):
    """Serves a folder and remembers what was asked for."""

    def __init__(self, folder: Path):
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        self.server.requests.append(self.path)


@pytest.fixture
def mirror_folder(tmp_path: Path) -> Path:
    return mirror.build(tmp_path / "mirror")


@pytest.fixture
def server(mirror_folder: Path) -> Iterator[MirrorServer]:
    server = MirrorServer(mirror_folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


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
    """`make_dataset("limited", "--categories", "car")` runs the command, in this process to save time."""

    def run(*arguments: str) -> Run:
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
