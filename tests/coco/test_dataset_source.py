"""Where the raw files came from: a sample of COCO never passes for COCO."""

import json

import pytest

from coco import mirror
from coco.made import contents, failed

SAMPLE_FIRST = "whoever tries a sample first must not train on it without a word"


def sources_of(home) -> dict[str, str | None]:
    splits = json.loads(home.dataset("limited").manifest.read_text())["splits"]
    return {split: entry["coco_url"] for split, entry in splits.items()}


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
    assert sources_of(home) == {"train": None}
    assert server.requests == []

    assert make_dataset(*request).returncode == 0  # the images of val have to be fetched
    assert sources_of(home) == {"train": None, "val": server.url}
    run = make_dataset("limited", "--categories", "person", "--coco-url", mirror_folder.as_uri())
    failed(run, 2, f"holds files of {server.url}")


def test_splits_of_two_mirrors_are_not_mixed(make_dataset, mirror_folder, server, home):
    request = ("limited", "--categories", "car", "--preview", "1")
    make_dataset(*request, "--splits", "train", "--coco-url", mirror_folder.as_uri())
    made = home.dataset("limited")
    before = made.record("train", 0).stat().st_ino
    home.raw_data.folder.rename(home.folder / "moved away")
    run = make_dataset(*request, "--coco-url", server.url)
    assert run.returncode == 0, run.stderr
    assert sources_of(home) == {"train": server.url, "val": server.url}
    assert made.record("train", 0).stat().st_ino != before
    assert made.preview.exists()


def test_a_split_is_kept_without_its_raw_files_if_the_mirror_is_the_same(make_dataset, mirror_folder, home):
    request = ("limited", "--categories", "car", "--coco-url", mirror_folder.as_uri(), "--preview", "1")
    make_dataset(*request, "--splits", "train")
    before = home.dataset("limited").record("train", 0).stat().st_ino
    home.raw_data.folder.rename(home.folder / "moved away")
    assert make_dataset(*request).returncode == 0
    assert home.dataset("limited").record("train", 0).stat().st_ino == before
    assert home.dataset("limited").preview.exists(), "drawn from the images of val"


def test_that_there_is_nothing_to_draw_is_said(make_dataset, mirror_folder, home):
    request = ("limited", "--categories", "car", "--coco-url", mirror_folder.as_uri(), "--splits", "train")
    make_dataset(*request)
    home.raw_data.folder.rename(home.folder / "moved away")
    run = make_dataset(*request, "--preview", "1")
    assert "note: no preview.png is drawn: " in run.stdout
    assert home.dataset("limited").chart.exists()
    assert "is already there" in make_dataset(*request, "--preview", "1").stdout


def test_a_split_of_files_of_ones_own_that_have_gone_is_made_anew(make_dataset, mirror_folder, server, home):
    raw = home.raw_data
    raw.annotations_folder.mkdir(parents=True)
    raw.annotations("val").write_text(json.dumps(mirror.val()))
    raw.images("val").symlink_to(mirror_folder / "val2017")
    request = ("limited", "--categories", "car", "--coco-url", server.url)
    make_dataset(*request, "--splits", "val")
    assert sources_of(home) == {"val": None}
    raw.folder.rename(home.folder / "moved away")
    make_dataset(*request)
    assert sources_of(home) == {"train": server.url, "val": server.url}


def test_coco_itself_is_not_asked_about_a_misspelt_category(make_dataset, server, home, monkeypatch):
    """COCO's own address, answered by a proxy on this machine."""
    monkeypatch.setenv("http_proxy", server.url)
    failed(make_dataset("limited", "--categories", "hores"), 2, "'hores' (nearest: horse", "all 80 names are in ")
    assert server.requests == []
    assert make_dataset("limited", "--categories", "animal", "--splits", "val").returncode == 1  # the mirror is tiny
    assert server.requests


def test_no_categories_at_all_are_refused_before_anything(make_dataset, server, home):
    for text in ("", " , "):
        failed(make_dataset("limited", "--categories", text, "--coco-url", server.url), 2, "no categories are given")
    assert server.requests == []
    assert not home.folder.exists()


@pytest.mark.parametrize("url", ["", "ftp://example.org", "http://[x", "http://", "/a/folder"])
def test_a_mirror_that_cannot_be_is_refused_though_the_dataset_is_there(url, make_dataset, mirror_folder):
    request = ("limited", "--categories", "car")
    make_dataset(*request, "--coco-url", mirror_folder.as_uri())
    failed(make_dataset(*request, "--coco-url", url), 2, f"COCO_URL={url} is no mirror")
