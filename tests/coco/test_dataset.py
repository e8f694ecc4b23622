"""The command as a user runs it: a real server, a tree of its own, and where it matters a process of its own."""

import contextlib
import hashlib
import io
import json
import subprocess
import sys

import pytest
from PIL import Image
from pycocotools.coco import COCO

import todus
from coco import mirror
from coco.made import contents, failed
from todus.coco import categories, label_map
from todus.layout import CHECKOUT, COCO_LABEL_MAP


def loaded(path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_limited(make_dataset_apart, server, home):
    run = make_dataset_apart(
        "limited", "--categories", "traffic light, person", "--fetch", "images", "--coco-url", server.url
    )
    assert run.returncode == 0, run.stderr
    made = home.dataset("limited")
    assert {path.name for path in made.folder.iterdir()} == {
        "annotations",
        "dataset.json",
        "mscoco_label_map.pbtxt",
        "preview.png",
        "categories.png",
        *(f"coco_train.record-{shard:05d}-of-00100" for shard in range(100)),
        *(f"coco_val.record-{shard:05d}-of-00050" for shard in range(50)),
    }
    assert label_map.read(made.label_map).names == {1: "person", 2: "traffic light"}
    train, val = loaded(made.annotations("train")), loaded(made.annotations("val"))
    assert (sorted(train.imgs), sorted(val.imgs)) == ([9, 30, 42], [139])
    assert train.getCatIds() == val.getCatIds() == [1, 2]
    manifest = json.loads(made.manifest.read_text())
    assert manifest["categories"] == [
        {"id": 1, "name": "person", "supercategory": "person", "source_id": 1},
        {"id": 2, "name": "traffic light", "supercategory": "outdoor", "source_id": 10},
    ]
    raw_file = home.raw_data.annotations("train").read_bytes()
    assert manifest["splits"]["train"] == {
        "images": 3,
        "annotations": 4,
        "size_differs": 0,
        "without_mask": 0,
        "converted": {},
        "negatives": 0,
        "clipped": 1,
        "areas": 0,
        "skipped": {},
        "files": {
            "annotations": made.annotations("train").stat().st_size,
            "records": [made.record("train", shard).stat().st_size for shard in range(100)],
        },
        "source": {
            "file": "instances_train2017.json",
            "bytes": len(raw_file),
            "sha256": hashlib.sha256(raw_file).hexdigest(),
        },
        "coco_url": server.url,
        "todus": todus.__version__,
    }
    assert manifest["parameters"] == {"splits": ["train", "val"], "negatives": 0.0, "seed": 0, "masks": False}
    assert set(manifest["files"]) == {"mscoco_label_map.pbtxt", "preview.png", "categories.png"}
    assert len(server.images) == 4  # and not one more than needed
    table = run.stdout.splitlines()
    assert "person                    3             3             1             1" in table
    assert any(line.startswith("made ") and "limited" in line for line in table)
    assert table[-1].startswith("next: make model ")


def test_complete(make_dataset, server, home):
    run = make_dataset("complete", "--coco-url", server.url)
    assert run.returncode == 0, run.stderr
    made = home.dataset("complete")
    assert list(label_map.read(made.label_map).names) == [1, 3, 6, 10, 23, 90]
    train = loaded(made.annotations("train"))
    assert (len(train.imgs), len(train.anns), train.getCatIds()) == (6, 7, [1, 3, 6, 10, 23, 90])
    manifest = json.loads(made.manifest.read_text())
    assert manifest["splits"]["train"]["skipped"] == {"box outside its image": 1, "empty box": 1}
    assert "train: 1 skipped: empty box" in run.stdout
    assert "/zips/train2017.zip" in server.requests
    assert server.images == []


def test_the_default_categories_are_those_of_the_original():
    official = label_map.read(COCO_LABEL_MAP)
    known = [{"id": number, "name": name} for number, name in official.names.items()]
    assert categories.parse(categories.DEFAULT, known) == known[:9]


def test_test_dev_is_kept_whole(make_dataset, server, home):
    run = make_dataset("limited", "--categories", "car", "--splits", "testdev train", "--coco-url", server.url)
    assert run.returncode == 0, run.stderr
    made = home.dataset("limited")
    assert [image["id"] for image in json.loads(made.annotations("testdev").read_text())["images"]] == [1, 2]
    assert made.record("testdev", 1).stat().st_size > 0
    assert "testdev has no annotations: all its 2 images are kept" in run.stdout


def test_negatives_are_images_without_any_of_the_categories(make_dataset, server, home):
    run = make_dataset("limited", "--categories", "bear", "--negatives", "1", "--coco-url", server.url)
    assert run.returncode == 0, run.stderr
    made = home.dataset("limited")
    assert sorted(loaded(made.annotations("train")).imgs) == [9, 25, 30, 34, 36, 42]
    assert {a["image_id"] for a in loaded(made.annotations("train")).anns.values()} == {36}
    assert "train: 5 images without any of the categories, as negatives" in run.stdout
    assert json.loads(made.manifest.read_text())["parameters"]["negatives"] == 1


def test_masks_are_written_if_asked_for(make_dataset, server, home):
    request = ("limited", "--categories", "bear", "--coco-url", server.url)
    made = home.dataset("limited")
    make_dataset(*request)
    assert b"image/object/mask" not in made.record("train", 0).read_bytes()
    assert "making" in make_dataset(*request, "--masks", "1").stdout
    assert b"image/object/mask" in made.record("train", 0).read_bytes()


def test_images_that_cannot_be_read_are_left_out_and_counted(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--splits", "train", "--coco-url", server.url)
    make_dataset(*request)
    broken = home.raw_data.images("train") / "000000000025.jpg"
    broken.write_bytes(broken.read_bytes()[:-100])
    made = home.dataset("limited")
    made.manifest.unlink()
    run = make_dataset(*request)
    assert run.returncode == 0, run.stderr
    assert sorted(loaded(made.annotations("train")).imgs) == [9]
    entry = json.loads(made.manifest.read_text())["splits"]["train"]
    assert (entry["images"], entry["annotations"]) == (1, 1)
    assert sum(entry["skipped"].values()) >= 1
    assert "000000000025.jpg" in run.stdout


def test_a_split_of_unreadable_images_is_refused(make_dataset, server, home):
    request = ("limited", "--categories", "bear", "--splits", "train", "--coco-url", server.url)
    make_dataset(*request)
    (home.raw_data.images("train") / "000000000036.jpg").write_bytes(b"<html>")
    home.dataset("limited").manifest.unlink()
    failed(make_dataset(*request), 2, "none of the images in", "can be read; delete them and run again")


def test_the_pictures_can_be_left_out(make_dataset, server, home):
    make_dataset("limited", "--categories", "car", "--coco-url", server.url, "--preview", "0")
    assert not list(home.dataset("limited").folder.glob("*.png"))
    assert make_dataset("limited", "--categories", "bear", "--coco-url", server.url, "--preview", "1").returncode == 0
    assert {path.name for path in home.dataset("limited").folder.glob("*.png")} == {"preview.png", "categories.png"}


def test_a_file_address_serves_as_mirror(make_dataset, mirror_folder):
    run = make_dataset("limited", "--categories", "car", "--coco-url", mirror_folder.as_uri())
    assert run.returncode == 0, run.stderr


def test_unknown_categories_are_named_before_any_image_is_fetched(make_dataset_apart, server, home):
    run = make_dataset_apart("limited", "--categories", "unicorn bare car", "--coco-url", server.url)
    failed(run, 2, "'unicorn'", "'bare' (nearest:", "bear")
    assert set(server.requests) == {"/annotations/annotations_trainval2017.zip"}
    assert set(contents(home.folder / "dataset" / "mscoco")) == {
        "raw-data/annotations/instances_train2017.json",
        "raw-data/source.json",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("limited", "--categories", " "), "no categories"),
        (("limited", "--splits", "train banana"), "banana"),
        (("limited", "--splits", ""), "no splits"),
        (("limited", "--negatives", "1.5"), "NEGATIVES"),
        (("limited", "--masks", "yes"), "MASKS"),
        (("limited", "--fetch", "carrier-pigeon"), "FETCH"),
        (("complete", "--negatives", "0.1"), "NEGATIVES"),
    ],
)
def test_refuses(arguments, words, make_dataset, server):
    failed(make_dataset(*arguments, "--coco-url", server.url), 2, words)


@pytest.mark.parametrize(
    "arguments", [("partial",), ("complete", "--categories", "car"), ("limited", "--connections", "0")]
)
def test_refuses_wrong_options(arguments, make_dataset):
    failed(make_dataset(*arguments), 2)


def test_refuses_a_training_split_without_images(make_dataset, server, home):
    run = make_dataset("limited", "--categories", "toothbrush", "--coco-url", server.url)
    failed(run, 2, "no train image shows any of the chosen categories")
    assert not home.dataset("limited").folder.exists()
    assert not home.raw_data.images("train").exists()


@pytest.mark.parametrize("name", ["toothbrush", "bus"])
def test_refuses_any_split_left_without_images(name, make_dataset, server, home):
    run = make_dataset("limited", "--categories", name, "--splits", "val", "--coco-url", server.url)
    failed(run, 2, "no val image shows any of the chosen categories", "leave it out of SPLITS")
    assert not home.dataset("limited").folder.exists()


def test_only_test_dev_may_be_without_annotations(make_dataset, server, home):
    home.raw_data.annotations_folder.mkdir(parents=True)
    home.raw_data.annotations("train").write_text(json.dumps({**mirror.testdev(), "images": mirror.train()["images"]}))
    run = make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    failed(run, 2, "instances_train2017.json has no annotations")


def test_splits_may_list_the_categories_in_another_order(make_dataset, mirror_folder, server, home):
    other = {**mirror.val(), "categories": mirror.CATEGORIES[::-1]}
    home.raw_data.annotations_folder.mkdir(parents=True)
    home.raw_data.annotations("train").write_text(json.dumps(mirror.train()))
    home.raw_data.annotations("val").write_text(json.dumps(other))
    assert make_dataset("complete", "--coco-url", server.url).returncode == 0
    other["categories"] = [{**category, "id": 91 - category["id"]} for category in mirror.CATEGORIES]
    home.raw_data.annotations("val").write_text(json.dumps(other))
    failed(make_dataset("complete", "--coco-url", server.url), 2, "other category ids", "do not match")


def test_two_images_of_one_file_are_no_trouble(make_dataset, server, home):
    doubled = mirror.val()
    doubled["images"][1]["file_name"] = doubled["images"][0]["file_name"]
    home.raw_data.annotations_folder.mkdir(parents=True)
    home.raw_data.annotations("val").write_text(json.dumps(doubled))
    request = ("limited", "--categories", "car person", "--splits", "val", "--coco-url", server.url)
    run = make_dataset(*request, "--fetch", "images")
    assert run.returncode == 0, run.stderr
    assert len(server.images) == 1


def test_areas_that_cannot_be_are_counted(make_dataset, server, home):
    odd = mirror.val()
    odd["annotations"][0]["area"] = 1e300
    home.raw_data.annotations_folder.mkdir(parents=True)
    home.raw_data.annotations("val").write_text(json.dumps(odd))
    run = make_dataset("limited", "--categories", "person", "--splits", "val", "--coco-url", server.url)
    assert "val: 1 areas that cannot be; those of the boxes are taken" in run.stdout


def test_warns_of_a_category_that_is_not_shown(make_dataset, server):
    run = make_dataset("limited", "--categories", "car toothbrush", "--coco-url", server.url)
    assert run.returncode == 0
    assert "warning: no train image shows toothbrush" in run.stdout


def test_warns_of_images_of_another_size(make_dataset, mirror_folder, server):
    Image.new("RGB", (8, 8)).save(mirror_folder / "train2017" / "000000000009.jpg")
    run = make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    assert "warning: 1 train images are not of the size in the annotation file" in run.stdout


def test_a_broken_annotation_file_is_named(make_dataset, server, home):
    home.raw_data.annotations_folder.mkdir(parents=True)
    home.raw_data.annotations("train").write_text('{"images": [')
    failed(make_dataset("limited", "--coco-url", server.url), 2, "instances_train2017.json", "delete it and run again")


def test_the_world_failing_is_exit_1(make_dataset_apart, server):
    run = make_dataset_apart("limited", "--coco-url", server.url + "/elsewhere")
    failed(run, 1, f"{server.url}/elsewhere", "COCO_URL")


def test_splits_that_do_not_match_are_refused(make_dataset, mirror_folder, server):
    other = mirror.val()
    other["categories"] = other["categories"][1:]
    mirror.pack(
        mirror_folder / "annotations" / "annotations_trainval2017.zip",
        {
            "instances_train2017.json": json.dumps(mirror.train()).encode(),
            "instances_val2017.json": json.dumps(other).encode(),
        },
    )
    failed(make_dataset("complete", "--coco-url", server.url), 2, "do not match")
    failed(make_dataset("limited", "--categories", "person", "--coco-url", server.url), 2, "person", "do not match")


def test_help_is_quick_and_loads_nothing_heavy(cpu_seconds_of_children):
    code = (
        "import sys, todus.coco.dataset as d\n"
        "heavy = {'tensorflow', 'object_detection', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "d.main(['--help'])"
    )
    started = cpu_seconds_of_children()
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(CHECKOUT / "python")}, capture_output=True, text=True
    )
    assert cpu_seconds_of_children() - started < 1
    assert run.returncode == 0, run.stderr
    assert "python -m todus.coco.dataset limited" in run.stdout
