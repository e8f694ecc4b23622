"""Fixtures that several rooms share: a small mini-COCO, its mirror, and a little zoo model."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import KEPT, NAME, TINY_PIPELINE, TINY_STEPS, run_verb
from todus import layout
from todus.demo import little_zoo, mini_coco, mirror

# What takes minutes, so that it does not come last, when one process works and the others wait.
LONGEST = ("test_many_processes", "test_train", "test_families", "test_quantized", "test_first_light")
LONG_FOLDERS = ("road", "bench", "real", "training")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest first; the tests of a file stay in their order."""

    def rank(item: pytest.Item) -> tuple[bool, bool]:
        return item.path.stem not in LONGEST, not set(LONG_FOLDERS).intersection(item.path.parts)

    items.sort(key=rank)


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
def zoo_log(mirror_folder: Path, mirror_url: str, zoo_home: layout.Home) -> str:
    """What was said while the little zoo model, 90 classes, was made and briefly trained from scratch."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        little_zoo.make_archive(zoo_home, f"{mirror_url}/coco", mirror_folder / "zoo", TINY_STEPS, TINY_PIPELINE)
    return said.getvalue()


@pytest.fixture(scope="session")
def zoo(mirror_url: str, zoo_log: str) -> str:
    """The URL of a zoo that serves ssd_mobilenet_v1_mini.tar.gz."""
    return f"{mirror_url}/zoo"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, mirror_url: str, zoo: str) -> layout.Home:
    """A tree with dataset/mscoco/limited and a prepared model, made by the verbs. Not to be changed."""
    home = layout.Home(tmp_path_factory.mktemp("prepared"))
    for result in (
        run_verb("dataset-limited", home, CATEGORIES=KEPT, COCO_URL=f"{mirror_url}/coco"),
        run_verb("model", home, MODEL=NAME, ZOO_URL=zoo),
    ):
        assert result.returncode == 0, result.stderr
    return home
