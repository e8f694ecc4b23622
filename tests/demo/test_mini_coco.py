"""The mini-COCO: laid out as COCO's mirror is, the same bytes every time, its ground truth true to its pixels."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from todus.demo import mini_coco
from todus.errors import UserError

TRAIN, VAL, SEED = 24, 12, 7


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mini_coco.generate(tmp_path_factory.mktemp("mini") / "coco", TRAIN, VAL, SEED, workers=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def instances(folder: Path, split: str) -> dict:
    return json.loads((folder / "annotations" / f"instances_{split}2017.json").read_text(encoding="utf-8"))


def test_the_same_arguments_make_the_same_bytes_with_any_number_of_workers(mirror, tmp_path):
    assert contents(mini_coco.generate(tmp_path / "again", TRAIN, VAL, SEED, workers=2)) == contents(mirror)


def test_another_seed_makes_other_images(mirror, tmp_path):
    other = mini_coco.generate(tmp_path / "other", TRAIN, VAL, SEED + 1, workers=1)
    assert {image["id"] for image in instances(other, "val")["images"]} != {
        image["id"] for image in instances(mirror, "val")["images"]
    }
    assert not set(contents(other).values()) & set(contents(mirror).values())


def test_the_layout_is_the_one_of_cocos_mirror(mirror):
    for split, count in (("train", TRAIN), ("val", VAL)):
        names = [image["file_name"] for image in instances(mirror, split)["images"]]
        assert len(names) == count
        assert sorted(names) == sorted(path.name for path in (mirror / f"{split}2017").iterdir())
        assert all(len(name) == len("000000000139.jpg") for name in names)
        with zipfile.ZipFile(mirror / "zips" / f"{split}2017.zip") as archive:
            assert {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")} == {
                f"{split}2017/{name}": (mirror / f"{split}2017" / name).read_bytes() for name in names
            }
    with zipfile.ZipFile(mirror / "annotations" / "annotations_trainval2017.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: (mirror / name).read_bytes()
            for name in ("annotations/instances_train2017.json", "annotations/instances_val2017.json")
        }


def test_the_json_has_cocos_keys_in_every_entry(mirror):
    content = instances(mirror, "train")
    assert set(content) == {"info", "licenses", "images", "annotations", "categories"}
    image_keys = {"license", "file_name", "coco_url", "height", "width", "date_captured", "flickr_url", "id"}
    assert {frozenset(image) for image in content["images"]} == {frozenset(image_keys)}
    annotation_keys = {"segmentation", "area", "iscrowd", "image_id", "bbox", "category_id", "id"}
    assert {frozenset(annotation) for annotation in content["annotations"]} == {frozenset(annotation_keys)}
    assert {frozenset(category) for category in content["categories"]} == {frozenset({"supercategory", "id", "name"})}


def test_the_categories_are_cocos_with_their_sparse_ids(mirror):
    categories = instances(mirror, "val")["categories"]
    assert {category["id"]: category["name"] for category in categories} == {
        10: "traffic light",
        13: "stop sign",
        28: "umbrella",
        34: "frisbee",
        38: "kite",
        52: "banana",
        53: "apple",
        55: "orange",
        60: "donut",
        85: "clock",
    }
    assert {category["supercategory"] for category in categories} == {
        "outdoor",
        "accessory",
        "sports",
        "food",
        "indoor",
    }


def test_ids_are_unique_over_both_splits_and_not_those_of_cocos_images(mirror):
    splits = [instances(mirror, split) for split in ("train", "val")]
    for entries in ("images", "annotations"):
        ids = [entry["id"] for split in splits for entry in split[entries]]
        assert len(set(ids)) == len(ids)
    assert min(image["id"] for split in splits for image in split["images"]) > 581_929  # COCO's greatest


def test_every_split_has_empty_crowded_and_greyscale_images_of_varied_size(mirror):
    for split in ("train", "val"):
        content = instances(mirror, split)
        annotated = {annotation["image_id"] for annotation in content["annotations"]}
        assert 0 < len(annotated) < len(content["images"])
        assert any(annotation["iscrowd"] for annotation in content["annotations"])
        modes = set()
        for entry in content["images"]:
            with Image.open(mirror / f"{split}2017" / entry["file_name"]) as image:
                assert image.size == (entry["width"], entry["height"])
                modes.add(image.mode)
        assert modes == {"RGB", "L"}
        assert len({(entry["width"], entry["height"]) for entry in content["images"]}) > 5


@pytest.mark.parametrize("split", ["train", "val"])
def test_boxes_and_areas_are_those_of_the_masks(mirror, split):
    coco = COCO(mirror / "annotations" / f"instances_{split}2017.json")
    crowds = 0
    for annotation in coco.dataset["annotations"]:
        run_lengths = coco.annToRLE(annotation)
        box, area = coco_mask.toBbox(run_lengths), float(coco_mask.area(run_lengths))
        if annotation["iscrowd"]:
            crowds += 1
            assert list(box) == annotation["bbox"]
            assert area == annotation["area"]
        else:
            edges = np.array([box[:2], box[:2] + box[2:]])
            own = np.array(annotation["bbox"])
            np.testing.assert_allclose(edges, [own[:2], own[:2] + own[2:]], atol=1)
            assert area == pytest.approx(annotation["area"], rel=0.03)
    assert crowds


def test_objects_are_inside_their_image_and_apart_from_each_other(mirror):
    content = instances(mirror, "train")
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    boxes: dict[int, list] = {}
    for annotation in content["annotations"]:
        boxes.setdefault(annotation["image_id"], []).append(annotation["bbox"])
    for image, own in boxes.items():
        for x, y, w, h in own:
            assert min(x, y) >= 0
            assert x + w <= sizes[image][0]
            assert y + h <= sizes[image][1]
        overlaps = coco_mask.iou(np.array(own, float), np.array(own, float), [0] * len(own))
        assert np.array_equal(overlaps > 0, np.eye(len(own), dtype=bool))


def test_the_ground_truth_is_where_the_pixels_are(mirror):
    """Inside an apple's or a banana's mask the image is coloured, on its background it is grey."""
    coco = COCO(mirror / "annotations" / "instances_train2017.json")
    looked_at = 0
    for entry in coco.dataset["images"]:
        with Image.open(mirror / "train2017" / entry["file_name"]) as image:
            if image.mode == "L":
                continue
            pixels = np.asarray(image, dtype=int)
        colourful = pixels.max(axis=2) - pixels.min(axis=2)
        annotations = coco.imgToAnns[entry["id"]]
        covered = np.zeros(pixels.shape[:2], dtype=bool)
        for annotation in annotations:
            covered |= coco.annToMask(annotation).astype(bool)
        assert np.median(colourful[~covered]) < 20
        for annotation in annotations:
            if coco.cats[annotation["category_id"]]["name"] in ("apple", "banana"):
                assert np.median(colourful[coco.annToMask(annotation).astype(bool)]) > 60
                looked_at += 1
    assert looked_at


def test_a_second_call_finds_it_there_and_other_arguments_replace_it(tmp_path, capsys):
    folder = mini_coco.generate(tmp_path / "coco", 2, 1, seed=1, workers=1)
    marker = folder / "marker"
    marker.touch()
    mini_coco.generate(folder, 2, 1, seed=1, workers=1)
    assert marker.exists()
    assert "already there" in capsys.readouterr().out
    mini_coco.generate(folder, 1, 1, seed=1, workers=1)
    assert not marker.exists()
    assert len(list((folder / "train2017").iterdir())) == 1


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    with pytest.raises(UserError, match="something else"):
        mini_coco.generate(tmp_path, 1, 1, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("counts", [(0, 1), (1, 0), (-1, 5)])
def test_a_set_without_images_is_refused(tmp_path, counts):
    with pytest.raises(UserError, match="at least one image"):
        mini_coco.generate(tmp_path / "coco", *counts)
    assert not list(tmp_path.iterdir())
