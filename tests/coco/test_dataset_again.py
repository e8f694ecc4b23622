"""Making a dataset where there is one already, or half of one."""

import json

import pytest

import todus
from coco.made import contents, failed
from todus import files
from todus.coco import manifest, raw_data


def test_the_second_run_says_what_is_there(make_dataset, make_dataset_apart, cpu_seconds_of_children, server, home):
    request = ("limited", "--categories", "vehicle", "--coco-url", server.url)
    make_dataset(*request)
    before = contents(home.folder)
    asked = len(server.requests)
    started = cpu_seconds_of_children()
    run = make_dataset_apart("limited", "--categories", "BUS, car", "--coco-url", server.url, "--preview", "0")
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
    made = manifest.read(home.dataset("limited"))
    assert [category["name"] for category in made["categories"]] == [change[1]]
    assert len(list(home.dataset("limited").folder.glob("coco_val*"))) == (0 if "--splits" in change else 50)
    assert sorted(path.name for path in home.dataset("limited").folder.parent.iterdir()) == ["limited", "raw-data"]


def test_a_lost_file_is_noticed(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    before = contents(home.dataset("limited").folder)
    home.dataset("limited").record("val", 7).unlink()
    assert "1 of its files are gone or of another size than they had" in make_dataset(*request).stdout
    assert contents(home.dataset("limited").folder) == before


def test_two_builds_are_equal_byte_by_byte(make_dataset, server, home):
    request = ("limited", "--categories", "car person", "--coco-url", server.url)
    make_dataset(*request)
    first = contents(home.dataset("limited").folder)
    home.dataset("limited").manifest.unlink()
    make_dataset(*request)
    assert contents(home.dataset("limited").folder) == first


def test_unknown_categories_leave_the_dataset_that_is_there(make_dataset, server, home):
    make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    before = contents(home.folder)
    failed(make_dataset("limited", "--categories", "unicorn", "--coco-url", server.url), 2, "'unicorn'")
    assert contents(home.folder) == before


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


def files_of(folder, split: str) -> dict[str, tuple[int, int]]:
    """name -> (inode, time of the last change): equal only for what was not written again."""
    status = {path.name: path.stat() for path in folder.rglob(f"*{split}*")}
    return {name: (s.st_ino, s.st_mtime_ns) for name, s in status.items()}


def test_a_split_that_has_not_changed_is_taken_over(make_dataset, server, home):
    request = ("limited", "--categories", "car person", "--coco-url", server.url)
    folder = home.dataset("limited").folder
    make_dataset(*request, "--splits", "val")
    before = files_of(folder, "val")
    server.requests.clear()
    run = make_dataset(*request)
    assert run.returncode == 0, run.stderr
    assert files_of(folder, "val") == before
    assert not any("/val2017" in path for path in server.requests)
    both = contents(folder)
    home.dataset("limited").manifest.unlink()
    make_dataset(*request)
    assert contents(folder) == both, "as if both had been made at once"
    make_dataset(*request, "--splits", "train")
    assert not files_of(folder, "val")


def test_a_split_is_made_anew_if_anything_else_is_asked_for(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url, "--splits", "val")
    folder = home.dataset("limited").folder
    make_dataset(*request)
    for change in (("--negatives", "0.9"), ("--masks", "1"), ("--categories", "person")):
        before = files_of(folder, "val")
        assert make_dataset(*request, *change).returncode == 0
        assert not set(before.values()) & set(files_of(folder, "val").values())


def test_only_what_is_missing_of_the_images_is_fetched(make_dataset, server):
    request = ("limited", "--fetch", "images", "--coco-url", server.url, "--splits", "train")
    make_dataset(*request, "--categories", "car")
    assert sorted(server.images) == [f"/train2017/{number:012d}.jpg" for number in (9, 25)]
    server.requests.clear()
    make_dataset(*request, "--categories", "person")
    assert sorted(server.images) == [f"/train2017/{number:012d}.jpg" for number in (30, 42)]


def test_a_second_run_at_the_same_time_is_told_so(make_dataset, server, home):
    with files.locked(home.dataset("limited").folder.parent):
        run = make_dataset("limited", "--categories", "car", "--coco-url", server.url)
    failed(run, 1, "another run (process ", "is at work in", "wait until it has ended")
    assert server.requests == []
    assert make_dataset("limited", "--categories", "car", "--coco-url", server.url).returncode == 0


def test_a_manifest_of_another_format_counts_as_none(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    made = home.dataset("limited")
    whole = contents(made.folder)
    good = json.loads(made.manifest.read_text())
    damaged = [{"format": manifest.FORMAT}, {**good, "format": 1}, {**good, "splits": {}}, {**good, "categories": [3]}]
    for text in ("{", "[]", "[" * 100_000, *map(json.dumps, damaged)):
        made.manifest.write_text(text)
        assert "made " in make_dataset(*request).stdout
        assert contents(made.folder) == whole


def test_a_file_of_another_size_is_noticed_and_the_other_splits_stay(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    made = home.dataset("limited")
    before, val = contents(made.folder), files_of(made.folder, "val")
    made.record("train", 0).write_bytes(b"")
    made.annotations("train").unlink()
    assert "anew: 2 of its files are gone or of another size than they had" in make_dataset(*request).stdout
    assert contents(made.folder) == before
    assert files_of(made.folder, "val") == val


def test_a_lost_label_map_costs_nothing_else(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    made = home.dataset("limited")
    before, records = contents(made.folder), files_of(made.folder, "record")
    made.label_map.unlink()
    assert "anew: 1 of its files are gone" in make_dataset(*request).stdout
    assert contents(made.folder) == before
    assert files_of(made.folder, "record") == records


@pytest.mark.parametrize(
    "edit", [lambda text: text + " ", lambda text: text.replace("[30, 10, 34, 38]", "[30, 10, 30, 30]")]
)
def test_an_edited_annotation_file_is_noticed(edit, make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    made, raw = home.dataset("limited"), home.raw_data.annotations("train")
    val = files_of(made.folder, "val")
    text = raw.read_text()
    raw.write_text(edit(text))
    assert raw.read_text() != text
    assert "instances_train2017.json has changed since" in make_dataset(*request).stdout
    assert files_of(made.folder, "val") == val
    assert "is already there" in make_dataset(*request).stdout


def test_an_annotation_file_that_only_looks_new_is_none(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    home.raw_data.annotations("train").touch()
    assert "is already there" in make_dataset(*request).stdout


def test_pictures_that_are_missing_are_drawn(make_dataset, server, home):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request)
    made = home.dataset("limited")
    records = files_of(made.folder, "record")
    for lose in (lambda: None, made.preview.unlink, made.chart.unlink):
        lose()
        assert "is already there" in make_dataset(*request, "--preview", "0").stdout
        assert "anew: its pictures are not there" in make_dataset(*request, "--preview", "1").stdout
        assert made.preview.exists() and made.chart.exists()
        assert "is already there" in make_dataset(*request, "--preview", "1").stdout
    assert files_of(made.folder, "record") == records


def test_a_dataset_that_another_run_has_made_meanwhile_is_not_made_twice(make_dataset, server, home, monkeypatch):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    check = raw_data.check_source

    def other_run_first(*arguments) -> None:
        monkeypatch.setattr(raw_data, "check_source", check)
        make_dataset(*request)
        check(*arguments)

    monkeypatch.setattr(raw_data, "check_source", other_run_first)
    run = make_dataset(*request)
    assert run.returncode == 0
    assert "is already there" in run.stdout
    assert "making" not in run.stdout


def test_what_wrote_a_split_stays_with_it(make_dataset, server, home, monkeypatch):
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request, "--splits", "val")
    monkeypatch.setattr(todus, "__version__", "next")
    make_dataset(*request)
    splits = manifest.read(home.dataset("limited"))["splits"]
    assert splits["train"]["todus"] == "next" != splits["val"]["todus"]
