"""The models of the zoo as data."""

from __future__ import annotations

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


def test_facts_are_numbers_that_can_be():
    for name, facts in catalogue.load().items():
        width, height = facts["input"].split("x")
        assert int(width) > 0, name
        assert int(height) > 0, name
        assert 0 < facts["coco_map"] < 100, name
        assert 0 < facts["ms"] < 10_000, name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ssd_mobilenet_v2_coco", "ssd_mobilenet_v2_coco_2018_03_29"),
        ("ssd_inception_v2_coco_2018_01_29", "ssd_inception_v2_coco_2018_01_28"),
    ],
)
def test_a_wrong_name_gets_the_nearest_first_and_all_of_them(typed, meant):
    with pytest.raises(UserError, match=f"no model '{typed}' in the zoo; did you mean {meant}") as refused:
        catalogue.check_known(typed)
    assert all(name in str(refused.value) for name in ORIGINAL)


def test_a_name_that_is_like_none_is_not_guessed_at():
    assert "did you mean" not in catalogue.nearest("qqqqqqqq")
    assert all(name in catalogue.nearest("qqqqqqqq") for name in ORIGINAL)
