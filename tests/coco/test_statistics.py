"""`make categories`: its figures are pycocotools' and the dataset's own, and it fetches annotations only."""

from __future__ import annotations

import contextlib
import io
import json
import statistics as python_statistics
import subprocess
import sys
from dataclasses import asdict

import pytest
from pycocotools.coco import COCO

from coco import mirror
from todus import command
from todus.coco import annotations, category_table, counts, statistics, survey
from todus.coco.fetching import inventory
from todus.demo import mirror as serving
from todus.layout import CHECKOUT

SPLITS = {"train": mirror.train, "val": mirror.val}
NAMES = [category["name"] for category in mirror.CATEGORIES]


@pytest.fixture
def coco_url(mirror_folder):
    """The mini mirror on a server that sends parts of archives, as COCO's does."""
    with serving.serve(mirror_folder) as address:
        yield address


@pytest.fixture
def list_categories(home, coco_url, capsys):
    """`list_categories("--categories", "bear")` runs the command on the mini mirror; its status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        common = ["--categories", "car", "--coco-url", coco_url, "--home", str(home.folder)]
        with pytest.raises(SystemExit) as ended:
            command.run(lambda: statistics.main([*common, *arguments]))
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


@pytest.fixture
def listed(list_categories):
    """The same as the object that --json prints."""

    def run(*arguments: str) -> dict:
        status, out, err = list_categories("--json", *arguments)
        assert status == 0, err
        return json.loads(out)

    return run


def clean_coco(folder, split: str, dataset: dict) -> COCO:
    """pycocotools over the boxes that a dataset keeps."""
    path = folder / f"clean-{split}.json"
    annotations.write(path, annotations.clean(mirror.truth(dataset))[0])
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def expected(cocos: list[COCO], folders: list, names: list[str]) -> dict:
    """By pycocotools, and by the files of the mirror."""
    images, boxes, size = 0, [], 0
    for coco, folder in zip(cocos, folders, strict=True):
        numbers = coco.getCatIds(catNms=names)
        ids = set().union(*(coco.getImgIds(catIds=[number]) for number in numbers))
        images += len(ids)
        size += sum((folder / coco.imgs[number]["file_name"]).stat().st_size for number in ids)
        boxes += coco.loadAnns(coco.getAnnIds(catIds=numbers))
    areas = [box["bbox"][2] * box["bbox"][3] for box in boxes]
    return {
        "images": images,
        "boxes": len(boxes),
        "crowds": sum(box["iscrowd"] for box in boxes),
        "median_area": python_statistics.median(areas) if areas else None,
        "bytes": size,
    }


@pytest.fixture
def oracle(tmp_path, mirror_folder):
    cocos = {split: clean_coco(tmp_path, split, make()) for split, make in SPLITS.items()}

    def figures(names: list[str], splits: tuple[str, ...] = ("train", "val")) -> dict:
        return expected([cocos[s] for s in splits], [mirror_folder / f"{s}2017" for s in splits], names)

    return figures


def test_every_figure_is_that_of_pycocotools(listed, oracle):
    result = listed("--categories", "car bear")
    assert [entry["name"] for entry in result["categories"]] == NAMES
    groups = [{**group, "names": group["categories"]} for group in result["supercategories"]]
    assert [group["name"] for group in groups] == ["person", "vehicle", "outdoor", "animal", "indoor"]
    for entry in [*({**one, "names": [one["name"]]} for one in result["categories"]), *groups]:
        assert entry["together"] == oracle(entry["names"]), entry["name"]
        for split in SPLITS:
            assert entry["splits"][split] == oracle(entry["names"], (split,)), (entry["name"], split)
    assert result["chosen"]["categories"] == ["car", "bear"]
    assert result["chosen"]["together"] == oracle(["car", "bear"])
    assert [entry["name"] for entry in result["categories"] if entry["chosen"]] == ["car", "bear"]


def test_an_image_that_shows_several_categories_counts_once(listed):
    result = listed("--categories", "car bear", "--splits", "val")
    per_category = {entry["name"]: entry["together"] for entry in result["categories"]}
    assert per_category["car"]["images"] == per_category["bear"]["images"] == 1
    assert result["chosen"]["together"]["images"] == 1
    assert result["chosen"]["together"]["bytes"] == per_category["car"]["bytes"]


def test_all_of_coco_has_the_images_that_show_nothing(listed, mirror_folder):
    together = listed()["all"]["together"]
    assert (together["images"], together["boxes"], together["crowds"]) == (9, 11, 1)
    files = [file for split in SPLITS for file in (mirror_folder / f"{split}2017").iterdir()]
    assert together["bytes"] == sum(file.stat().st_size for file in files)


@pytest.mark.parametrize("choice", ["car bear", "person", "traffic light, bus", "vehicle"])
def test_the_figures_are_those_of_the_dataset_that_is_made_then(choice, listed, make_dataset, coco_url, home):
    before = listed("--categories", choice)["chosen"]["splits"]
    run = make_dataset("limited", "--categories", choice, "--coco-url", coco_url)
    assert run.returncode == 0, run.stderr
    for split, figures in before.items():
        kept = annotations.load(home.dataset("limited").annotations(split))
        assert (figures["images"], figures["boxes"]) == (len(kept.images), len(kept.boxes))


def test_no_image_and_no_archive_of_images_is_fetched(list_categories, server, home):
    assert list_categories("--coco-url", server.url)[0] == 0
    assert not [path for path in server.requests if path.endswith(".jpg")]
    assert not home.raw_data.images("train").exists()
    assert not home.raw_data.archive("train2017.zip").exists()


def test_the_table_has_a_line_per_category_under_its_supercategory_with_the_chosen_ones_marked(list_categories):
    status, out, _ = list_categories("--categories", "bear, traffic light")
    assert status == 0
    table = out[out.index("train + val") :].splitlines()
    first_words = [line[:22].rstrip() for line in table[2:]]
    assert first_words[:4] == ["  person", "    person", "  vehicle", "    car"]
    assert [word for word in first_words if word.startswith("*")] == [
        "*   traffic light",
        "*   bear",
        "* CATEGORIES together",
    ]
    (toothbrush,) = (line for line in table if "toothbrush" in line)
    assert toothbrush.split() == ["toothbrush", "0", "0", "0", "-", "0", "B"]
    (crowd,) = (line for line in table if line.startswith("    person"))
    assert crowd.split()[:4] == ["person", "4", "4", "1"]


def test_the_table_fits_a_terminal_with_the_longest_name_and_the_numbers_of_coco():
    person = counts.Category(set(range(118_287)), [123_456.0] * 860_001, 10_777)
    sizes = inventory.Inventory(None, 163_000.0)
    splits = {s: counts.Split({"baseball glove": person}, dict.fromkeys(range(118_287), ""), sizes) for s in SPLITS}
    nothing = survey.Files(0, 0)
    whole = survey.Survey(splits, {"sports": ["baseball glove"]}, ["baseball glove"], nothing, {}, [])
    lines = category_table.lines(whole)
    assert lines[-1].split()[-6:] == ["236,574", "1,720,002", "21,554", "123,456", "38.6", "GB"]
    assert max(map(len, lines)) <= 80


def test_it_ends_with_the_command_that_makes_the_dataset(list_categories, coco_url, home):
    _, out, _ = list_categories("--categories", "bear  car", "--splits", "val")
    assert out.splitlines()[-1] == (
        f"next: make dataset-limited CATEGORIES='bear car' SPLITS=val COCO_URL={coco_url} TODUS_HOME={home.folder}"
    )


def test_what_is_there_already_need_not_be_fetched(list_categories, listed, make_dataset, coco_url):
    assert "there already" not in list_categories("--categories", "person")[1]
    make_dataset("limited", "--categories", "traffic light", "--coco-url", coco_url)
    there = listed("--categories", "person")["chosen"]
    # Images 30 and 139 show a traffic light and a person.
    assert (there["already_there"]["images"], there["together"]["images"]) == (2, 4)
    assert 0 < there["already_there"]["bytes"] < there["together"]["bytes"]
    assert "2 of the 4 images with CATEGORIES are there already; " in list_categories("--categories", "person")[1]


def test_an_archive_that_is_there_has_all_images(listed, mirror_folder, home):
    archive = home.raw_data.archive("train2017.zip")
    archive.parent.mkdir(parents=True)
    archive.write_bytes((mirror_folder / "zips" / "train2017.zip").read_bytes())
    chosen = listed("--categories", "person", "--splits", "train")["chosen"]
    assert chosen["already_there"]["images"] == chosen["together"]["images"] == 3


def test_test_dev_stands_apart_because_all_of_it_is_kept(list_categories, listed, mirror_folder):
    with_it, without = listed("--splits", "train testdev"), listed("--splits", "train")
    assert with_it["splits"] == ["train", "testdev"]
    size = sum(file.stat().st_size for file in (mirror_folder / "test2017").iterdir())
    assert with_it["unlabelled"] == {"testdev": {"images": 2, "bytes": size}}
    assert with_it["chosen"] == without["chosen"]
    assert with_it["all"] == without["all"]
    assert "testdev has no boxes: its 2 images" in list_categories("--splits", "train testdev")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--categories", "hores, bare"), ("unknown categories 'hores'", "'bare' (nearest: bear", "known are person")),
        (("--categories", " "), ("no categories are given",)),
        (("--splits", "testdev"), ("no boxes to count", "add train or val")),
        (("--splits", "tarin"), ("unknown split tarin", "SPLITS takes")),
    ],
)
def test_a_mistake_is_one_line(arguments, words, list_categories):
    status, _, err = list_categories(*arguments)
    assert status == 2
    assert len(err.splitlines()) == 1
    assert err.startswith("todus: ")
    for word in words:
        assert word in err


def test_splits_with_other_categories_do_not_match(list_categories, home):
    raw = home.raw_data
    raw.annotations_folder.mkdir(parents=True)
    raw.annotations("train").write_text(json.dumps(mirror.train()))
    raw.annotations("val").write_text(json.dumps({**mirror.val(), "categories": mirror.CATEGORIES[:5]}))
    status, _, err = list_categories()
    assert status == 2
    assert "the splits do not match" in err


def test_json_is_alone_on_stdout_in_a_process_of_its_own(home, coco_url):
    arguments = ["--json", "--categories", "car", "--coco-url", coco_url, "--home", str(home.folder)]
    run = subprocess.run(
        [sys.executable, "-m", "todus.coco.statistics", *arguments],
        env={"PYTHONPATH": str(CHECKOUT / "python")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["sizes_are_exact"] is True
    assert "reading " in run.stderr


def test_sizes_that_are_not_known_are_estimated_and_that_is_said(list_categories, listed, mirror_folder):
    (mirror_folder / "zips" / "val2017.zip").unlink()
    result = listed("--categories", "car", "--splits", "val")
    assert result["sizes_are_exact"] is False
    assert result["chosen"]["together"]["bytes"] > 100_000  # the published mean, not the few bytes of a drawn image
    assert "an estimate" in list_categories("--splits", "val")[1]


def test_only_the_sizes_that_are_not_known_are_estimates(list_categories, listed, mirror_folder):
    (mirror_folder / "zips" / "test2017.zip").unlink()
    result = listed("--splits", "val testdev")
    assert (result["sizes_are_exact"], result["estimated"]) == (True, ["testdev"])
    said = list_categories("--splits", "val testdev")[1]
    assert "by the sizes of their files.\n" in said
    assert "testdev has no boxes: its 2 images (about " in said
    (mirror_folder / "zips" / "train2017.zip").unlink()
    said = list_categories("--splits", "train val")[1]
    assert "by the sizes of their files; for train by an estimate" in said


def test_a_misspelt_category_or_mirror_costs_no_download(list_categories, server, home, monkeypatch):
    """COCO's own address, answered by a proxy on this machine."""
    monkeypatch.setenv("http_proxy", server.url)
    status, _, err = list_categories("--categories", "hores", "--coco-url", "http://images.cocodataset.org")
    assert (status, len(err.splitlines()), "'hores' (nearest: horse" in err) == (2, 1, True)
    status, _, err = list_categories("--coco-url", "ftp://x")
    assert (status, len(err.splitlines()), "COCO_URL=ftp://x is no mirror" in err) == (2, 1, True)
    assert server.requests == []
    assert not home.folder.exists()


def test_boxes_are_cleaned_before_they_are_counted():
    part = counts.count(mirror.truth(mirror.train()), inventory.Inventory(None, 100.0))
    assert asdict(counts.figures([part], ["car"])) == {
        "images": 2,  # not the one whose car has no width
        "boxes": 2,
        "crowds": 0,
        "median_area": (34 * 38 + 15 * 19.5) / 2,  # the second is cut at the left and lower edges
        "bytes": 200,
    }


def test_images_of_one_file_name_are_not_one_image():
    dataset = mirror.val()
    dataset["images"][1]["file_name"] = dataset["images"][0]["file_name"]
    part = counts.count(mirror.truth(dataset), inventory.Inventory(None, 100.0))
    assert counts.figures([part], ["person", "car"]).images == 2
