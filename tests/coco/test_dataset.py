"""The command as a user runs it: a real server, a tree of its own, and where it matters a process of its own."""

import contextlib
import io
import json
import subprocess
import sys

import pytest
from PIL import Image
from pycocotools.coco import COCO

from coco import mirror
from todus.coco import dataset, label_map
from todus.layout import CHECKOUT


def contents(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def loaded(path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def failed(run, status: int, *words: str) -> None:
    """One line on stderr with these words, no traceback, this exit status."""
    assert run.returncode == status, run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("todus: ")
    for word in words:
        assert word in run.stderr


def test_limited(make_dataset_apart, server, home):
    run = make_dataset_apart("limited", "--categories", "traffic light, person", "--coco-url", server.url)
    assert run.returncode == 0, run.stderr
    made = home.dataset("limited")
    assert {path.name for path in made.folder.iterdir()} == {
        "annotations",
        "dataset.json",
        "mscoco_label_map.pbtxt",
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
    assert manifest["splits"]["train"] == {
        "images": 3,
        "annotations": 4,
        "size_differs": 0,
        "clipped": 1,
        "skipped": {},
        "shards": 100,
    }
    assert manifest["coco_url"] == server.url
    images = [path for path in server.requests if path.endswith(".jpg")]
    assert len(images) == 4  # and not one more than needed
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
    assert not [path for path in server.requests if path.endswith(".jpg")]


def test_the_default_categories_are_those_of_the_original():
    official = label_map.read(dataset.layout.COCO_LABEL_MAP)
    known = [{"id": number, "name": name} for number, name in official.names.items()]
    assert dataset.categories.parse(dataset.categories.DEFAULT, known) == known[:9]


def test_the_second_run_says_what_is_there(make_dataset, make_dataset_apart, cpu_seconds_of_children, server, home):
    request = ("limited", "--categories", "vehicle", "--coco-url", server.url)
    make_dataset(*request)
    before = contents(home.folder)
    asked = len(server.requests)
    started = cpu_seconds_of_children()
    run = make_dataset_apart("limited", "--categories", "BUS, car", "--coco-url", server.url)
    assert cpu_seconds_of_children() - started < 1
    assert run.returncode == 0
    assert "is already there" in run.stdout
    assert "car, bus; train val (train: 2 images, 2 boxes; val: 1 images, 1 boxes)" in run.stdout
    assert "next: make model" in run.stdout
    assert contents(home.folder) == before
    assert len(server.requests) == asked


@pytest.mark.parametrize("change", [("--categories", "bear"), ("--categories", "car", "--splits", "train")])
def test_another_request_makes_the_dataset_anew(change, make_dataset, server, home):
    make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    run = make_dataset("limited", "--coco-url", server.url, *change)
    assert run.returncode == 0, run.stderr
    assert "anew: it was made for car; train val" in run.stdout
    manifest = dataset.read_manifest(home.dataset("limited"))
    assert [category["name"] for category in manifest["categories"]] == [change[1]]
    assert len(list(home.dataset("limited").folder.glob("coco_val*"))) == (0 if "--splits" in change else 50)
    assert sorted(path.name for path in home.dataset("limited").folder.parent.iterdir()) == ["limited", "raw-data"]


def test_a_lost_file_is_noticed(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    before = contents(home.dataset("limited").folder)
    home.dataset("limited").record("val", 7).unlink()
    assert "1 of its files are gone" in make_dataset(*request).stdout
    assert contents(home.dataset("limited").folder) == before


def test_two_builds_are_equal_byte_by_byte(make_dataset, server, home):
    request = ("limited", "--categories", "car person", "--coco-url", server.url)
    make_dataset(*request)
    first = contents(home.dataset("limited").folder)
    home.dataset("limited").manifest.unlink()
    make_dataset(*request)
    assert contents(home.dataset("limited").folder) == first


def test_test_dev_is_kept_whole(make_dataset, server, home):
    run = make_dataset("limited", "--categories", "car", "--splits", "testdev train", "--coco-url", server.url)
    assert run.returncode == 0, run.stderr
    made = home.dataset("limited")
    assert [image["id"] for image in json.loads(made.annotations("testdev").read_text())["images"]] == [1, 2]
    assert made.record("testdev", 1).stat().st_size > 0
    assert "testdev has no annotations: all its 2 images are kept" in run.stdout


def test_a_file_address_serves_as_mirror(make_dataset, mirror_folder):
    run = make_dataset("limited", "--categories", "car", "--coco-url", mirror_folder.as_uri())
    assert run.returncode == 0, run.stderr


def test_unknown_categories_are_named_before_any_image_is_fetched(make_dataset_apart, server, home):
    run = make_dataset_apart("limited", "--categories", "unicorn bare car", "--coco-url", server.url)
    failed(run, 2, "'unicorn'", "'bare' (nearest:", "bear")
    assert server.requests == ["/annotations/annotations_trainval2017.zip"]
    assert set(contents(home.folder / "dataset" / "mscoco")) == {
        "raw-data/annotations_trainval2017.zip",
        "raw-data/annotations/instances_train2017.json",
        "raw-data/source.json",
    }


def test_unknown_categories_leave_the_dataset_that_is_there(make_dataset, server, home):
    make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    before = contents(home.folder)
    failed(make_dataset("limited", "--categories", "unicorn", "--coco-url", server.url), 2, "'unicorn'")
    assert contents(home.folder) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("limited", "--categories", " "), "no categories"),
        (("limited", "--splits", "train banana"), "banana"),
        (("limited", "--splits", ""), "no splits"),
    ],
)
def test_refuses(arguments, words, make_dataset, server):
    failed(make_dataset(*arguments, "--coco-url", server.url), 2, words)


@pytest.mark.parametrize(
    "arguments", [("partial",), ("complete", "--categories", "car"), ("limited", "--workers", "0")]
)
def test_refuses_wrong_options(arguments, make_dataset):
    failed(make_dataset(*arguments), 2)


def test_refuses_a_training_split_without_images(make_dataset, server, home):
    run = make_dataset("limited", "--categories", "toothbrush", "--coco-url", server.url)
    failed(run, 2, "no train image shows any of the chosen categories")
    assert not home.dataset("limited").folder.exists()
    assert not home.raw_data.images("train").exists()


def test_warns_of_a_category_that_is_not_shown(make_dataset, server):
    run = make_dataset("limited", "--categories", "car toothbrush", "--coco-url", server.url)
    assert run.returncode == 0
    assert "warning: no train image shows toothbrush" in run.stdout


def test_an_unreadable_image_leaves_nothing_half_made(make_dataset, mirror_folder, server, home):
    broken = mirror_folder / "train2017" / "000000000025.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-100])
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    failed(make_dataset(*request), 2, "000000000025.jpg", "delete it and run again")
    assert [path.name for path in home.dataset("limited").folder.parent.iterdir()] == ["raw-data"]
    broken.write_bytes(whole)
    (home.raw_data.images("train") / broken.name).unlink()
    assert make_dataset(*request).returncode == 0


def test_warns_of_images_of_another_size(make_dataset, mirror_folder, server):
    Image.new("RGB", (8, 8)).save(mirror_folder / "train2017" / "000000000009.jpg")
    run = make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    assert "warning: 1 train images are not of the size in the annotation file" in run.stdout


SAMPLE_FIRST = "whoever tries a sample first must not train on it without a word"


@pytest.mark.parametrize("change", [("--categories", "bear"), ("--categories", "car", "--splits", "train")])
def test_files_of_another_mirror_are_not_taken_for_those_asked_for(change, make_dataset, mirror_folder, server, home):
    assert make_dataset("limited", "--categories", "car", "--coco-url", mirror_folder.as_uri()).returncode == 0
    before = contents(home.folder)
    run = make_dataset("limited", "--coco-url", server.url, *change)
    failed(run, 2, f"raw-data holds files of {mirror_folder.as_uri()}, but COCO_URL is {server.url}; ", "TODUS_HOME")
    assert f"say COCO_URL={mirror_folder.as_uri()}, " in run.stderr
    assert (run.stdout, server.requests, contents(home.folder)) == ("", [], before), SAMPLE_FIRST
    assert make_dataset("limited", "--coco-url", mirror_folder.as_uri() + "/", *change).returncode == 0


def test_a_whole_dataset_of_another_mirror_is_there_and_says_of_which(make_dataset, mirror_folder, server, home):
    make_dataset("limited", "--categories", "car", "--coco-url", mirror_folder.as_uri())
    before = contents(home.folder)
    run = make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    assert (run.returncode, server.requests) == (0, [])
    assert "is already there" in run.stdout
    assert f"note: it was made from {mirror_folder.as_uri()}, not from {server.url}\n" in run.stdout
    assert contents(home.folder) == before, SAMPLE_FIRST
    assert "note" not in make_dataset("limited", "--categories", "car", "--coco-url", mirror_folder.as_uri()).stdout


def test_files_of_the_user_s_own_are_taken_as_they_are(make_dataset, mirror_folder, server, home):
    home.raw_data.folder.mkdir(parents=True)
    for archive in ("annotations/annotations_trainval2017.zip", "zips/train2017.zip"):
        data = (mirror_folder / archive).read_bytes()
        home.raw_data.archive(archive.split("/")[1]).write_bytes(data)
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    assert make_dataset(*request, "--splits", "train").returncode == 0
    assert json.loads(home.dataset("limited").manifest.read_text())["coco_url"] is None
    assert server.requests == []

    assert make_dataset(*request).returncode == 0  # the images of val have to be fetched
    assert json.loads(home.dataset("limited").manifest.read_text())["coco_url"] == server.url
    run = make_dataset("limited", "--categories", "person", "--coco-url", mirror_folder.as_uri())
    failed(run, 2, f"holds files of {server.url}")


def test_a_broken_annotation_file_is_named(make_dataset, server, home):
    home.raw_data.annotations_folder.mkdir(parents=True)
    home.raw_data.annotations("train").write_text('{"images": [')
    failed(make_dataset("limited", "--coco-url", server.url), 2, "instances_train2017.json", "delete it and run again")


def test_the_world_failing_is_exit_1(make_dataset_apart, server):
    run = make_dataset_apart("limited", "--coco-url", server.url + "/elsewhere")
    failed(run, 1, f"{server.url}/elsewhere", "COCO_URL")


def test_a_missing_image_is_named_and_the_next_run_goes_on(make_dataset, mirror_folder, server, home):
    hidden = mirror_folder / "train2017" / "000000000025.jpg"
    data = hidden.read_bytes()
    hidden.unlink()
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    failed(make_dataset(*request), 1, f"{server.url}/train2017/000000000025.jpg")
    assert not home.dataset("limited").folder.exists()
    hidden.write_bytes(data)
    server.requests.clear()
    assert make_dataset(*request).returncode == 0
    assert [path for path in server.requests if "train2017" in path] == ["/train2017/000000000025.jpg"]


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
