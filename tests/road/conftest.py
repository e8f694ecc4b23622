"""One walk down the main road, shared by the tests that look at what it left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import KEPT, NAME, run_verb
from todus import layout


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


@pytest.fixture
def home(prepared: layout.Home, tmp_path: Path) -> layout.Home:
    """A copy of the prepared tree, to do with as one likes; its model finds the dataset of the copy."""
    shutil.copytree(prepared.folder, tmp_path / "moved")
    return layout.Home(tmp_path / "moved")
