"""The starts that the benchmark of heads compares, and what its table tells of a training."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from support import KEPT, NAME, TINY_STEPS
from todus import checkpoint, layout
from todus.bench import head
from todus.coco import dataset as coco_dataset
from todus.training.validating.evaluations import Evaluation, Evaluations
from todus.zoo import prepare
from todus.zoo.pipeline import Settings


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory, mirror_url: str, zoo: str) -> layout.Model:
    """The tiny model, cut to three categories."""
    home = layout.Home(tmp_path_factory.mktemp("cut"))
    request = coco_dataset.Request("limited", KEPT, ("train", "val"), f"{mirror_url}/coco", preview=False)
    coco_dataset.make(request, home)
    model = home.model(NAME)
    prepare.prepare(model, home.dataset("limited"), zoo, home, Settings())
    return model


def changed(cut: layout.Model, folder: Path, what: str) -> set[str]:
    """The variables that are others after `what` was begun anew in a copy of the model."""
    model = layout.Model(folder / NAME)
    shutil.copytree(cut.folder, model.folder)
    # The pipeline names its dataset by a path relative to itself; nothing of it is read here.
    head.begin_anew(model, what)
    before, after = (checkpoint.read(checkpoint.at_step(one.training, 0)) for one in (cut, model))
    assert before.keys() == after.keys()
    assert all(before[name].shape == after[name].shape for name in before)
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_each_start_has_just_its_own_variables_begun_anew(cut: layout.Model, tmp_path: Path) -> None:
    assert TINY_STEPS > 0, "biases that were never trained would not change"
    assert changed(cut, tmp_path / "a", "nothing") == set()
    class_head = changed(cut, tmp_path / "b", "class head")
    assert {name.split("/")[1] for name in class_head} == {"ClassPredictor"}
    assert len(class_head) == 12  # weights and biases of six feature maps
    both = changed(cut, tmp_path / "c", "both heads")
    assert class_head < both
    assert {name.split("/")[1] for name in both} == {"ClassPredictor", "BoxEncodingPredictor"}


def known(*averages: float) -> Evaluations:
    """Evaluations every 20 steps of checkpoints that were written every 10 seconds."""
    done = [Evaluation(20 * i, ap, ap, 0.1, int((100 + 10 * i) * 1e9)) for i, ap in enumerate(averages)]
    return Evaluations("truth", 8, done=done)


def test_a_row_tells_when_the_goal_was_first_reached() -> None:
    assert head.figures(known(0.1, 0.6, 0.4, 0.55), 0.5, 100) == ["10.0", "20", "10", "55.0", "60.0 at 20"]
    assert head.figures(known(0.5, 0.2), 0.5, 100) == ["50.0", "0", "0", "20.0", "50.0 at 0"]
    assert head.figures(known(0.1, 0.2), 0.5, 100) == ["10.0", "not reached", "n/a", "20.0", "20.0 at 20"]
