"""Fixtures that several rooms share: a small mini-COCO, its mirror, a little zoo model, and the verbs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from todus import layout
from todus.demo import little_zoo, mini_coco, mirror

KEPT = "stop sign, traffic light, banana"

# The demo's little model once more, smaller still: what it learns in a few seconds is little, but depends on the image.
TINY_PIPELINE = (
    little_zoo.PIPELINE.read_text(encoding="utf-8")
    .replace("height: 128 width: 128", "height: 96 width: 96")
    .replace("batch_size: 24", "batch_size: 8")
)
TINY_STEPS = 60


@pytest.fixture(scope="session")
def mirror_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mini-COCO in COCO's official layout, and room for a zoo beside it."""
    folder = tmp_path_factory.mktemp("mirror")
    mini_coco.generate(folder / "coco", train_images=48, val_images=16)
    return folder


@pytest.fixture(scope="session")
def mirror_url(mirror_folder: Path) -> Iterator[str]:
    with mirror.serve(mirror_folder) as url:
        yield url


@pytest.fixture(scope="session")
def zoo_home(tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    """Where the little zoo model of `zoo` was trained: its complete dataset and its checkpoints."""
    return layout.Home(tmp_path_factory.mktemp("zoo-maker"))


@pytest.fixture(scope="session")
def zoo(mirror_folder: Path, mirror_url: str, zoo_home: layout.Home) -> str:
    """The URL of a zoo that serves ssd_mobilenet_v1_mini.tar.gz, 90 classes, briefly trained."""
    little_zoo.make_archive(zoo_home, f"{mirror_url}/coco", mirror_folder / "zoo", TINY_STEPS, TINY_PIPELINE)
    return f"{mirror_url}/zoo"


Verb = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="session")
def verb() -> Verb:
    """`verb("model", home, MODEL="...")` runs a verb's own script on the tree `home`, as a user's shell would."""

    def run(name: str, home: layout.Home, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [layout.CHECKOUT / "scripts" / f"{name}.sh"],
            env=verb_environment(home, **variables),
            cwd=home.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def verb_environment(home: layout.Home, **variables: str) -> dict[str, str]:
    """The environment of a verb that uses this very Python environment, and nothing that make or pytest has set."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**inherited, "TODUS_HOME": str(home.folder), "VENV": sys.prefix, **variables}


def failed_in_one_line(result: subprocess.CompletedProcess, *words: str) -> bool:
    """Whether a verb ended as a user's mistake should: exit 2, one line on stderr, with all of `words` in it."""
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 2, result
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("todus: "), result.stderr
    assert all(word in lines[0] for word in words), (words, lines[0])
    return True
