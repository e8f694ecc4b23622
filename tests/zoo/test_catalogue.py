"""The models of the zoo as data."""

from __future__ import annotations

import itertools
import re

import pytest

from todus.errors import UserError
from todus.zoo import catalogue

ORIGINAL = [
    "ssd_mobilenet_v1_coco_2018_01_28",
    "ssd_mobilenet_v2_coco_2018_03_29",
    "ssd_inception_v2_coco_2018_01_28",
]


@pytest.mark.parametrize("name", ORIGINAL)
def test_the_original_models_are_known(name):
    catalogue.check_known(name)
    assert catalogue.load()[name]["input"] == "300x300"


USES = ["cut", "train", "tflite", "onnx", "uff"]


def test_facts_are_such_as_can_be():
    for name, facts in catalogue.load().items():
        assert re.fullmatch(r"[1-9]\d*[x-][1-9]\d*", facts["input"]), name
        assert 0 < facts.get("coco_map", 20) < 100, name
        assert 0 < facts["ms"] < 10_000, name
        assert facts["meant_for"] == [use for use in USES if use in facts["meant_for"]], name
        assert facts.keys() <= {"family", "input", "coco_map", "ms", "device", "quantized", "meant_for"}, name


def test_it_is_the_whole_zoo_family_by_family():
    families = [facts["family"] for facts in catalogue.load().values()]
    assert len(families) == 31
    assert len([*itertools.groupby(families)]) == len(set(families)) == 7


def test_a_name_that_tells_the_input_tells_the_catalogue_s():
    told = {name: match[0] for name in catalogue.load() if (match := re.search(r"\d+x\d+", name))}
    assert len(told) > 10
    assert told == {name: catalogue.load()[name]["input"] for name in told}


def test_a_model_is_quantized_if_its_name_says_so():
    for name, facts in catalogue.load().items():
        assert facts.get("quantized", False) == ("quantized" in name), name


def test_what_a_model_is_meant_for_follows_from_its_architecture():
    for name, facts in catalogue.load().items():
        is_ssd = facts["family"].startswith("ssd")
        assert ("tflite" in facts["meant_for"]) == ("onnx" in facts["meant_for"]) == is_ssd, name
        shares_predictor = facts["family"] in ("ssd_fpn", "ssd_ppn")
        assert not ("uff" in facts["meant_for"] and (shares_predictor or not is_ssd or "quantized" in facts)), name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ssd_mobilenet_v2_coco", "ssd_mobilenet_v2_coco_2018_03_29"),
        ("ssd_mobilnet_v2_coco", "ssd_mobilenet_v2_coco_2018_03_29"),
        ("ssd_inception_v2_coco_2018_01_29", "ssd_inception_v2_coco_2018_01_28"),
        ("SSD_Inception_V2", "ssd_inception_v2_coco_2018_01_28"),
        ("mobilenet_v3", "ssd_mobilenet_v3_large_coco_2020_01_14"),
        ("ssd_mobilenet_v1_fpn_coco", "ssd_mobilenet_v1_fpn_shared_box_predictor_640x640_coco14_sync_2018_07_03"),
        ("faster_rcnn_resnet101_kitti_2018_01_28", "faster_rcnn_resnet101_coco_2018_01_28"),
    ],
)
def test_a_wrong_name_gets_the_nearest_first_three_at_most_and_the_verb_that_lists_all(typed, meant):
    with pytest.raises(UserError, match=f"no model '{typed}' in the zoo; did you mean {meant}") as refused:
        catalogue.check_known(typed)
    assert sum(name in str(refused.value) for name in catalogue.load()) <= 3
    assert str(refused.value).endswith("? make models lists all")


@pytest.mark.parametrize("typed", ["", "qqqqqqqq"])
def test_a_name_that_is_like_none_is_not_guessed_at(typed):
    assert catalogue.nearest(typed) == "make models lists all"
