"""Where the raw files came from: a sample of COCO never passes for COCO."""

import json

import pytest

from coco.made import contents, failed

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
