"""Which categories a frozen graph is taken to have, wherever it lies."""

from __future__ import annotations

import pytest

from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation import evaluate
from todus.exporting import inference_graph
from todus.layout import COCO_LABEL_MAP, Model

CUT = LabelMap({1: "bear", 2: "stop sign"})
COCO = label_map.read(COCO_LABEL_MAP)


def test_a_graph_has_the_labels_beside_it(tmp_path):
    (tmp_path / "labels.txt").write_text("zebra\n???\nstop sign\n")
    assert evaluate.labels_of(tmp_path / "some.pb", 3, CUT) == LabelMap({1: "zebra", 3: "stop sign"})


def test_without_labels_the_number_of_classes_tells(tmp_path):
    assert evaluate.labels_of(tmp_path / "some.pb", 90, CUT) == COCO
    assert evaluate.labels_of(tmp_path / "some.pb", 2, CUT) == CUT


@pytest.mark.parametrize("count", [3, None])
def test_a_graph_whose_classes_cannot_be_told_is_not_guessed_at(tmp_path, count):
    with pytest.raises(UserError, match=r"no labels\.txt beside it"):
        evaluate.labels_of(tmp_path / "some.pb", count, CUT)


def test_labels_survive_being_written_holes_included(tmp_path):
    for categories in (CUT, COCO):
        (tmp_path / "labels.txt").write_text(labels.to_text(categories))
        assert labels.read(tmp_path / "labels.txt") == categories
    assert (tmp_path / "labels.txt").read_text().splitlines()[89] == "toothbrush"


def test_an_export_for_other_categories_is_refused(tmp_path):
    model = Model(tmp_path / "some-model")
    label_map.write(model.label_map, CUT)
    model.inference_graph.mkdir(parents=True)
    model.labels.write_text(labels.to_text(CUT))
    assert inference_graph.exported_labels(model) == CUT
    label_map.write(model.label_map, LabelMap({1: "clock", 2: "stop sign"}))
    with pytest.raises(UserError, match="exported for bear, stop sign, the model is now for clock, stop sign"):
        inference_graph.exported_labels(model)
