"""What is kept of COCO's annotations, with pycocotools as the judge where it can be."""

import contextlib
import io
import json
from pathlib import Path
from random import Random

import msgspec
import pytest
from pycocotools.coco import COCO

from coco import mirror
from todus.coco import annotation_file, annotations
from todus.errors import UserError


def limit(dataset: dict, names: list[str], negatives: float = 0.0, seed: int = 0):
    return annotations.limit(mirror.truth(dataset), names, negatives, seed)


def clean(dataset: dict):
    return annotations.clean(mirror.truth(dataset))


def written(truth: annotations.GroundTruth, folder: Path) -> dict:
    annotations.write(folder / "written.json", truth)
    return json.loads((folder / "written.json").read_text())


def judge(dataset: dict, folder: Path) -> COCO:
    path = folder / "judge.json"
    path.write_text(json.dumps(dataset))
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def ids(truth: annotations.GroundTruth) -> list[int]:
    return [image["id"] for image in truth.images]


def boxes(truth: annotations.GroundTruth) -> dict[int, tuple]:
    return {annotation.id: annotation.bbox for annotation in truth.boxes}


@pytest.mark.parametrize("names", [["person"], ["person", "traffic light"], ["bear", "person"], ["traffic light"]])
@pytest.mark.parametrize("part", [mirror.train, mirror.val])
def test_keeps_images_with_any_of_the_categories(names, part, tmp_path):
    coco = judge(part(), tmp_path)
    union = set().union(*(coco.getImgIds(catIds=[number]) for number in coco.getCatIds(catNms=names)))
    limited, _ = limit(part(), names)
    assert union
    assert set(ids(limited)) == union


def test_drops_the_boxes_of_other_categories_and_numbers_the_rest_from_one(tmp_path):
    limited, tally = limit(mirror.val(), ["car", "traffic light"])
    assert [(c["id"], c["name"], c["supercategory"]) for c in limited.categories] == [
        (1, "car", "vehicle"),
        (2, "traffic light", "outdoor"),
    ]
    assert [(a.id, a.image_id, a.category_id) for a in limited.boxes] == [(202, 139, 2), (203, 285, 1)]
    assert not tally.skipped
    assert judge(written(limited, tmp_path), tmp_path).getCatIds() == [1, 2]


def test_the_input_stays_as_it_is():
    truth = mirror.truth(mirror.train())
    annotations.limit(truth, ["car"], 0.5)
    annotations.clean(truth)
    assert truth == mirror.truth(mirror.train())


def test_a_file_is_written_as_it_was_read(tmp_path):
    for part in (mirror.train, mirror.val, mirror.testdev):
        assert written(mirror.truth(part()), tmp_path) == part()


def test_many_annotations_are_written_as_one_list(tmp_path, monkeypatch):
    whole = written(mirror.truth(mirror.train()), tmp_path)
    for chunk in (1, 2, 4, 100):
        monkeypatch.setattr(annotation_file, "CHUNK", chunk)
        assert written(mirror.truth(mirror.train()), tmp_path) == whole


def test_everything_else_of_an_annotation_is_kept(tmp_path):
    limited, _ = limit(mirror.train(), ["person"])
    crowd = next(a for a in written(limited, tmp_path)["annotations"] if a["id"] == 105)
    original = next(a for a in mirror.train()["annotations"] if a["id"] == 105)
    assert crowd == original
    assert crowd["iscrowd"] == 1


def test_info_and_licenses_are_kept_where_there_are_any(tmp_path):
    limited = written(limit(mirror.val(), ["car"])[0], tmp_path)
    assert limited["info"] == mirror.val()["info"]
    assert limited["licenses"] == mirror.val()["licenses"]
    assert "info" not in written(limit(mirror.train(), ["car"])[0], tmp_path)


def test_boxes_are_clipped_and_the_empty_ones_counted():
    cleaned, tally = clean(mirror.train())
    kept, original = boxes(cleaned), boxes(mirror.truth(mirror.train()))
    assert kept[103] == (0, 40.5, 15, 19.5)
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
        for x, y, w, h in boxes(clean(dataset)[0]).values():
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height
            assert (x + w, y + h) == pytest.approx((min(box[0] + box[2], width), min(box[1] + box[3], height)))


def test_complete_keeps_all_images_and_ids():
    cleaned, _ = clean(mirror.train())
    assert cleaned.images == mirror.train()["images"]
    assert cleaned.categories == mirror.train()["categories"]
    assert {a.category_id for a in cleaned.boxes} == {1, 3, 10, 23}


def test_an_image_is_not_kept_without_a_box():
    limited, tally = limit(mirror.train(), ["car"])
    assert ids(limited) == [9, 25]  # image 36 shows a car, but its box has no width
    assert tally.skipped == {annotations.EMPTY: 1, annotations.NO_BOX_LEFT: 1}


def test_negatives_show_none_of_the_categories():
    limited, tally = limit(mirror.train(), ["car"], negatives=1.0)
    assert ids(limited) == [9, 25, 30, 34, 42]  # 36 shows a car, though its box is of no use
    assert tally.negatives == 3
    assert {a.image_id for a in limited.boxes} == {9, 25}
    assert limit(mirror.train(), ["car"], negatives=0.0)[1].negatives == 0


def many(count: int, first: int = 1) -> dict:
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 9, "height": 9} for i in range(first, first + count)]
    return {"images": images, "categories": mirror.CATEGORIES, "annotations": []}


def test_the_share_of_negatives_is_drawn_by_image_and_seed():
    some = set(ids(limit(many(2000), ["car"], negatives=0.1)[0]))
    assert 150 < len(some) < 250
    assert set(ids(limit(many(2000), ["car"], negatives=0.1)[0])) == some
    assert set(ids(limit(many(1000), ["person"], negatives=0.1)[0])) == {i for i in some if i <= 1000}
    assert some < set(ids(limit(many(2000), ["car"], negatives=0.3)[0]))
    assert set(ids(limit(many(2000), ["car"], negatives=0.1, seed=1)[0])) != some


NOT_A_NUMBER = {"bbox": [0, 0, float("nan"), 5]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (NOT_A_NUMBER, annotations.INVALID),
        ({"bbox": [0, 0, 5]}, annotations.INVALID),
        ({"bbox": None}, annotations.INVALID),
        ({"bbox": ["1", 1, 4, 5]}, annotations.INVALID),
        ({"bbox": [1, 1, 10**400, 5]}, annotations.INVALID),
        ({"bbox": [1, 1, -4, 5]}, annotations.EMPTY),
        ({"bbox": [1, 60, 4, 5]}, annotations.OUTSIDE),
        ({"image_id": 77}, annotations.UNKNOWN_IMAGE),
        ({"image_id": [1]}, annotations.UNKNOWN_IMAGE),
        ({"image_id": None}, annotations.UNKNOWN_IMAGE),
        ({"category_id": 77}, annotations.UNKNOWN_CATEGORY),
        ({"category_id": {}}, annotations.UNKNOWN_CATEGORY),
        ({"id": None}, annotations.NO_ID),
        ({"id": 202}, annotations.DUPLICATE),
    ],
)
def test_unusable_annotations_are_counted_by_reason(change, reason):
    dataset = mirror.val()
    dataset["annotations"][0].update(change)
    cleaned, tally = clean(dataset)
    assert tally.skipped == {reason: 1}
    assert len(cleaned.boxes) == 3


def test_one_bad_annotation_leaves_the_others_as_they_are():
    dataset = mirror.val()
    dataset["annotations"][1].update(NOT_A_NUMBER)
    expected = [a for a in clean(mirror.val())[0].boxes if a.id != 202]
    found = clean(dataset)[0].boxes
    assert json.loads(msgspec.json.encode(found)) == json.loads(msgspec.json.encode(expected))


def test_an_image_with_the_id_of_another_is_counted():
    dataset = mirror.val()
    dataset["images"].append({**dataset["images"][0], "file_name": "another.jpg"})
    for kept, tally in (clean(dataset), limit(dataset, ["person"])):
        assert [image["file_name"] for image in kept.images if image["id"] == 139] == ["000000000139.jpg"]
        assert tally.skipped == {annotations.DUPLICATE_IMAGE: 1}


@pytest.mark.parametrize("part", ["id", "name"])
def test_refuses_two_categories_of_one_id_or_name(part):
    dataset = mirror.val()
    dataset["categories"] = [dict(category) for category in dataset["categories"]]
    dataset["categories"][1][part] = dataset["categories"][0][part]
    with pytest.raises(UserError, match=f"two categories with the {part}"):
        mirror.truth(dataset)


def test_what_scoring_needs_is_added_where_own_files_lack_it():
    dataset = mirror.val()
    for annotation in dataset["annotations"]:
        del annotation["iscrowd"], annotation["area"]
    first = clean(dataset)[0].boxes[0]
    assert (first.iscrowd, first.area) == (0, 400)


def test_test_dev_has_images_only(tmp_path):
    limited, tally = limit(mirror.testdev(), ["bear"], negatives=0.5)
    assert ids(limited) == [1, 2]
    assert [c["id"] for c in limited.categories] == [1]
    assert "annotations" not in written(limited, tmp_path)
    assert not tally.skipped
    assert clean(mirror.testdev())[0] == mirror.truth(mirror.testdev())


def test_refuses_a_category_that_the_file_does_not_have():
    with pytest.raises(UserError, match="unicorn"):
        limit(mirror.val(), ["person", "unicorn"])


def test_annotations_by_image():
    index = annotations.by_image(mirror.truth(mirror.train()))
    assert [a.id for a in index[9]] == [101, 102]
    assert index[34] == []
    assert annotations.by_image(mirror.truth(mirror.testdev())) == {1: [], 2: []}


def test_leaves_images_out():
    rest = annotations.without_images(mirror.truth(mirror.train()), {9, 30})
    assert ids(rest) == [25, 34, 36, 42]
    assert {a.image_id for a in rest.boxes} == {25, 36, 42}
    assert ids(annotations.without_images(mirror.truth(mirror.testdev()), {1})) == [2]


@pytest.mark.parametrize(
    "text",
    [
        '{"images": [',
        "[]",
        "\xff",
        "[" * 100_000,
        '{"images": [], "annotations": []}',
        '{"images": [], "categories": [], "annotations": [3]}',
        '{"images": [], "categories": [], "annotations": {}}',
        '{"images": [], "categories": [{"id": 1}]}',
        '{"images": [], "categories": [7]}',
        '{"images": [7], "categories": []}',
        '{"images": [{"id": [1], "file_name": "a.jpg", "width": 4, "height": 4}], "categories": []}',
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 0, "height": 4}], "categories": []}',
        '{"images": [{"id": 1, "file_name": "../a.jpg", "width": 4, "height": 4}], "categories": []}',
        '{"images": [{"id": 1, "file_name": "\\ud800.jpg", "width": 4, "height": 4}], "categories": []}',
        '{"images": [{"id": 1, "file_name": "/etc/passwd", "width": 4, "height": 4}], "categories": []}',
    ],
)
def test_refuses_a_file_that_is_broken_or_hostile(text, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"a\.json"):
        annotations.load(tmp_path / "a.json")


DEEP = "[" * 100_000 + "]" * 100_000
IMAGE = {"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}


@pytest.mark.parametrize(
    "text",
    [
        '{"images": [], "categories": [], "annotations": [{"segmentation": ' + DEEP + "}]}",
        '{"images": [], "categories": [], "info": ' + DEEP + "}",
        '{"images": [], "categories": [], "more": ' + DEEP + "}",
        *(
            json.dumps({"images": [{**IMAGE, **change}], "categories": []})
            for change in (
                {"width": 10**20},
                {"height": 65_536},
                {"width": True},
                {"id": 2**63},
                {"id": True},
                {"id": "\ud800"},
                {"flickr_url": "\ud800"},
            )
        ),
        *(
            json.dumps({"images": [], "categories": [{"id": 1, "name": "cat", **change}]})
            for change in (
                {"id": 0},
                {"id": -1},
                {"id": 2**40},
                {"name": ""},
                {"name": " "},
                {"name": "\ud800"},
                {"supercategory": ["animal"]},
                {"supercategory": 7},
                {"supercategory": "\ud800"},
            )
        ),
    ],
)
def test_refuses_what_no_dataset_can_hold(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json (has an? |is damaged)"):
        annotations.load(tmp_path / "a.json")


@pytest.mark.parametrize("iscrowd", [2, 10**30, True, -1, 1.0])
@pytest.mark.parametrize("other", [{}, NOT_A_NUMBER], ids=["as COCO writes them", "read leniently"])
def test_what_is_not_zero_is_a_crowd(iscrowd, other, tmp_path):
    dataset = mirror.val()
    dataset["annotations"][0]["iscrowd"] = iscrowd
    dataset["annotations"][1].update(other)
    truth = clean(dataset)[0]
    assert [a.iscrowd for a in truth.boxes if a.id in (201, 203, 204)] == [1, 0, 0]
    assert written(truth, tmp_path)["annotations"][0]["iscrowd"] == 1


@pytest.mark.parametrize("area", [-5, 1e300, 10**400, float("nan"), "big"])
@pytest.mark.parametrize("other", [{}, NOT_A_NUMBER], ids=["as COCO writes them", "read leniently"])
def test_an_area_that_cannot_be_is_that_of_the_box_and_counted(area, other):
    dataset = mirror.val()
    dataset["annotations"][0]["area"] = area
    dataset["annotations"][1].update(other)
    cleaned, tally = clean(dataset)
    assert cleaned.boxes[0].area == 400
    assert tally.areas == 1


@pytest.mark.parametrize("number", [2**63, "\ud800", 1.5, True])
def test_an_annotation_whose_id_cannot_be_written_counts_as_one_without(number, tmp_path):
    dataset = mirror.val()
    dataset["annotations"][0]["id"] = number
    cleaned, tally = clean(dataset)
    assert tally.skipped == {annotations.NO_ID: 1}
    assert len(written(cleaned, tmp_path)["annotations"]) == 3


def test_text_that_cannot_be_written_is_left_out_where_nobody_needs_it(tmp_path):
    dataset = mirror.val()
    dataset["info"] = {"description": "\ud800"}
    dataset["annotations"][0]["segmentation"] = ["\ud800"]
    kept = written(clean(dataset)[0], tmp_path)
    assert "info" not in kept
    assert "segmentation" not in kept["annotations"][0]
