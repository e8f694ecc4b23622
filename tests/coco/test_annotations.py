"""What is kept of COCO's annotations, with pycocotools as the judge where it can be."""

import contextlib
import io
import json
from pathlib import Path
from random import Random

import pytest
from pycocotools.coco import COCO

from coco import mirror
from todus.coco import annotations
from todus.errors import UserError


def judge(dataset: dict, folder: Path) -> COCO:
    path = folder / "judge.json"
    path.write_text(json.dumps(dataset))
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def ids(dataset: dict) -> list[int]:
    return [image["id"] for image in dataset["images"]]


@pytest.mark.parametrize("names", [["person"], ["person", "traffic light"], ["bear", "person"], ["traffic light"]])
@pytest.mark.parametrize("part", [mirror.train, mirror.val])
def test_keeps_images_with_any_of_the_categories(names, part, tmp_path):
    coco = judge(part(), tmp_path)
    union = set().union(*(coco.getImgIds(catIds=[number]) for number in coco.getCatIds(catNms=names)))
    limited, _ = annotations.limit(part(), names)
    assert union
    assert set(ids(limited)) == union


def test_drops_the_boxes_of_other_categories_and_numbers_the_rest_from_one(tmp_path):
    limited, tally = annotations.limit(mirror.val(), ["car", "traffic light"])
    assert [(c["id"], c["name"], c["supercategory"]) for c in limited["categories"]] == [
        (1, "car", "vehicle"),
        (2, "traffic light", "outdoor"),
    ]
    assert [(a["id"], a["image_id"], a["category_id"]) for a in limited["annotations"]] == [
        (202, 139, 2),
        (203, 285, 1),
    ]
    assert not tally.skipped
    assert judge(limited, tmp_path).getCatIds() == [1, 2]


def test_the_input_stays_as_it_is():
    dataset = mirror.train()
    annotations.limit(dataset, ["car"])
    annotations.clean(dataset)
    assert dataset == mirror.train()


def test_everything_else_of_an_annotation_is_kept():
    limited, _ = annotations.limit(mirror.train(), ["person"])
    crowd = next(a for a in limited["annotations"] if a["id"] == 105)
    original = next(a for a in mirror.train()["annotations"] if a["id"] == 105)
    assert crowd == original
    assert crowd["iscrowd"] == 1


def test_info_and_licenses_are_kept_where_there_are_any():
    assert annotations.limit(mirror.val(), ["car"])[0]["info"] == mirror.val()["info"]
    assert annotations.limit(mirror.val(), ["car"])[0]["licenses"] == mirror.val()["licenses"]
    assert "info" not in annotations.limit(mirror.train(), ["car"])[0]


def boxes(dataset: dict) -> dict[int, list[float]]:
    return {annotation["id"]: annotation["bbox"] for annotation in dataset["annotations"]}


def test_boxes_are_clipped_and_the_empty_ones_counted():
    cleaned, tally = annotations.clean(mirror.train())
    kept, original = boxes(cleaned), boxes(mirror.train())
    assert kept[103] == [0, 40.5, 15, 19.5]
    assert 107 not in kept
    assert 108 not in kept
    assert tally.skipped == {annotations.EMPTY: 1, annotations.OUTSIDE: 1}
    assert tally.clipped == 2
    for number in (101, 102, 104, 105, 106):
        assert kept[number] == original[number]


def test_a_clipped_box_never_ends_beyond_its_image():
    random = Random(2017)
    for _ in range(2000):
        width, height = random.randint(1, 640), random.randint(1, 640)
        box = [random.uniform(-50, 640), random.uniform(-50, 640), random.uniform(1, 640), random.uniform(1, 640)]
        dataset = {
            "images": [{"id": 1, "file_name": "a.jpg", "width": width, "height": height}],
            "categories": mirror.CATEGORIES,
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box}],
        }
        for x, y, w, h in boxes(annotations.clean(dataset)[0]).values():
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height
            assert (x + w, y + h) == pytest.approx((min(box[0] + box[2], width), min(box[1] + box[3], height)))


def test_complete_keeps_all_images_and_ids():
    cleaned, _ = annotations.clean(mirror.train())
    assert cleaned["images"] == mirror.train()["images"]
    assert cleaned["categories"] == mirror.train()["categories"]
    assert {a["category_id"] for a in cleaned["annotations"]} == {1, 3, 10, 23}


def test_an_image_is_not_kept_without_a_box():
    limited, tally = annotations.limit(mirror.train(), ["car"])
    assert ids(limited) == [9, 25]  # image 36 shows a car, but its box has no width
    assert tally.skipped == {annotations.EMPTY: 1, annotations.NO_BOX_LEFT: 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox": [0, 0, float("nan"), 5]}, annotations.INVALID),
        ({"bbox": [0, 0, 5]}, annotations.INVALID),
        ({"bbox": None}, annotations.INVALID),
        ({"bbox": [1, 1, -4, 5]}, annotations.EMPTY),
        ({"bbox": [1, 60, 4, 5]}, annotations.OUTSIDE),
        ({"image_id": 77}, annotations.UNKNOWN_IMAGE),
        ({"category_id": 77}, annotations.UNKNOWN_CATEGORY),
    ],
)
def test_unusable_annotations_are_counted_by_reason(change, reason):
    dataset = mirror.val()
    dataset["annotations"][0].update(change)
    cleaned, tally = annotations.clean(dataset)
    assert tally.skipped == {reason: 1}
    assert 201 not in boxes(cleaned)


def test_what_scoring_needs_is_added_where_own_files_lack_it():
    dataset = mirror.val()
    for annotation in dataset["annotations"]:
        del annotation["iscrowd"], annotation["area"]
    cleaned, _ = annotations.clean(dataset)
    assert (cleaned["annotations"][0]["iscrowd"], cleaned["annotations"][0]["area"]) == (0, 400)


def test_test_dev_has_images_only():
    limited, tally = annotations.limit(mirror.testdev(), ["bear"])
    assert ids(limited) == [1, 2]
    assert [c["id"] for c in limited["categories"]] == [1]
    assert "annotations" not in limited
    assert not tally.skipped
    assert annotations.clean(mirror.testdev())[0] == mirror.testdev()


def test_refuses_a_category_that_the_file_does_not_have():
    with pytest.raises(UserError, match="unicorn"):
        annotations.limit(mirror.val(), ["person", "unicorn"])


def test_annotations_by_image():
    index = annotations.by_image(mirror.train())
    assert [a["id"] for a in index[9]] == [101, 102]
    assert index[34] == []
    assert annotations.by_image(mirror.testdev()) == {1: [], 2: []}


def test_loads_what_is_right(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(mirror.val()))
    assert annotations.load(tmp_path / "a.json") == mirror.val()


@pytest.mark.parametrize(
    "text",
    [
        '{"images": [',
        "[]",
        '{"images": [], "annotations": []}',
        '{"images": [], "categories": [], "annotations": [3]}',
        '{"images": [], "categories": [{"id": 1}]}',
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 0, "height": 4}], "categories": []}',
        '{"images": [{"id": 1, "file_name": "../a.jpg", "width": 4, "height": 4}], "categories": []}',
        '{"images": [{"id": 1, "file_name": "/etc/passwd", "width": 4, "height": 4}], "categories": []}',
    ],
)
def test_refuses_a_file_that_is_broken_or_hostile(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json"):
        annotations.load(tmp_path / "a.json")
