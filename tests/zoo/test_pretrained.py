"""Which of a pretrained detector's classes a dataset's categories are."""

from __future__ import annotations

import pytest

from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import COCO_LABEL_MAP, Home, Model
from todus.zoo import pretrained

COCO = label_map.read(COCO_LABEL_MAP)


@pytest.fixture
def model(tmp_path) -> Model:
    return Home(tmp_path).model("x")


def test_categories_are_found_by_name_whatever_the_dataset_numbers_them():
    assert pretrained.classes(LabelMap({1: "zebra", 2: "person", 3: "stop sign"}), COCO, 90) == [24, 1, 13]


def test_case_and_underscores_of_a_name_are_forgiven():
    wanted = LabelMap({1: "Zebra", 2: "Stop_Sign", 3: "unicorn"})
    assert pretrained.classes(wanted, COCO, 90) == [24, 13, None]
    assert pretrained.unknown(wanted, COCO) == ["unicorn"]
    called = pretrained.called_as(COCO, wanted)
    assert (called.names[24], called.names[13], called.names[1]) == ("Zebra", "Stop_Sign", "person")


def test_a_folder_is_no_label_map(model):
    (model.pretrained / "foo_label_map.pbtxt").mkdir(parents=True)
    assert pretrained.categories(model, 90) == COCO


def test_a_complete_dataset_keeps_every_class_and_every_hole():
    assert pretrained.classes(COCO, COCO, 90) == list(range(1, 91))


def test_a_category_that_the_model_never_saw_has_no_class():
    assert pretrained.classes(LabelMap({1: "zebra", 2: "unicorn"}), COCO, 90) == [24, None]


def test_a_hole_that_would_take_another_category_s_class_takes_none():
    assert pretrained.classes(LabelMap({2: "zebra", 12: "person"}), COCO, 90) == [None, 24, *[None] * 9, 1]
    assert pretrained.classes(LabelMap({1: "zebra", 12: "x", 13: "person"}), COCO, 90)[11] is None


def test_a_model_of_coco_s_classes_has_coco_s_label_map(model):
    assert pretrained.categories(model, 90) == COCO


@pytest.mark.parametrize("count", [2, 601])
def test_a_model_of_other_classes_needs_a_label_map(model, count):
    with pytest.raises(UserError, match=rf"{count} classes, .*put its label map into its archive"):
        pretrained.categories(model, count)


def test_the_label_map_of_the_archive_wins(model):
    own = LabelMap({1: "car", 2: "pedestrian"})
    label_map.write(model.pretrained / "kitti_label_map.pbtxt", own)
    assert pretrained.categories(model, 2) == own
    assert pretrained.categories(model, 90) == own
    with pytest.raises(UserError, match="names a class 2, the model has 1"):
        pretrained.categories(model, 1)
