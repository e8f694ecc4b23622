"""One walk down the main road, shared by the tests that look at what it left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from todus import layout


@pytest.fixture
def home(prepared: layout.Home, tmp_path: Path) -> layout.Home:
    """A copy of the prepared tree, to do with as one likes; its model finds the dataset of the copy."""
    shutil.copytree(prepared.folder, tmp_path / "moved")
    return layout.Home(tmp_path / "moved")
