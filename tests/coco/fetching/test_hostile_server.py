"""Whatever a mirror does to an answer, what is fetched is complete and byte-exact, or one error tells what is not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coco import mirror
from coco.fetching import hostile
from todus.coco import raw_data
from todus.coco.fetching import official
from todus.download import Patience
from todus.errors import TodusError, WorldError
from todus.layout import CHECKOUT

QUICK = Patience(attempts=4, first_wait=0.01, timeout=0.5)
NAMES = [image["file_name"] for image in mirror.train()["images"]]
ANNOTATIONS = "/annotations/annotations_trainval2017.zip"
ARCHIVE = "/zips/train2017.zip"
LARGE = 8_000_000  # bytes of a file that is interrupted


@pytest.fixture
def raw(home):
    return home.raw_data


@pytest.fixture
def server(mirror_folder):
    with hostile.serve(mirror_folder) as server:
        yield server


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("ranges", [True, False], ids=["", "without Range"])
@pytest.mark.parametrize("fault", hostile.FAULTS)
class TestOneFaultADayIsNoHarm:
    def test_annotations_are_whole(self, fault, ranges, server, raw):
        server.every, server.ranges = [fault, None, fault], ranges
        path = raw_data.annotations(raw, "train", server.url, QUICK)
        assert json.loads(path.read_bytes()) == mirror.train()
        assert list(contents(raw.annotations_folder)) == [path.name]

    def test_single_images_are_whole(self, fault, ranges, server, raw, mirror_folder):
        server.every, server.ranges = [fault], ranges
        raw_data.images(raw, "train", NAMES, server.url, "images", 4, QUICK)
        assert contents(raw.images("train")) == contents(mirror_folder / "train2017")

    def test_the_archive_is_whole(self, fault, ranges, server, raw, mirror_folder):
        server.faults[ARCHIVE], server.ranges = [None, fault], ranges
        raw_data.images(raw, "train", NAMES, server.url, "archive", 4, QUICK)
        assert contents(raw.images("train")) == contents(mirror_folder / "train2017")
        assert raw.archive("train2017.zip").read_bytes() == (mirror_folder / ARCHIVE[1:]).read_bytes()


@pytest.mark.parametrize("fault", ["reset", "503", "429", "cut off", "announces more", "announces less", "html"])
def test_one_fault_for_ever_is_one_error_and_leaves_nothing_that_looks_whole(fault, server, raw):
    server.every = [fault] * 100
    patience = Patience(attempts=2, first_wait=0.001, timeout=0.5)
    for fetch in (
        lambda: raw_data.annotations(raw, "train", server.url, patience),
        lambda: raw_data.images(raw, "train", NAMES, server.url, "archive", 4, patience),
        lambda: raw_data.images(raw, "train", NAMES, server.url, "images", 4, patience),
    ):
        with pytest.raises(WorldError) as error:
            fetch()
        assert server.url in str(error.value)
    assert not raw.annotations("train").exists()
    assert not raw.archive("train2017.zip").exists()
    assert not contents(raw.images("train"))


def test_what_could_not_be_fetched_is_counted_and_the_rest_is_there(server, raw):
    server.faults[f"/train2017/{NAMES[2]}"] = ["html"] * 100
    with pytest.raises(WorldError, match=rf"1 of 6 images could not be fetched.*{NAMES[2]}.*not an image"):
        raw_data.images(raw, "train", NAMES, server.url, "images", 4, QUICK)
    assert sorted(contents(raw.images("train"))) == sorted(set(NAMES) - {NAMES[2]})


def test_an_archive_that_changes_between_attempts_is_not_mixed(server, raw, mirror_folder):
    archive = mirror_folder / ARCHIVE[1:]
    server.faults[ARCHIVE] = [None, "cut off"]
    with pytest.raises(WorldError):
        raw_data.images(raw, "train", NAMES, server.url, "archive", 4, Patience(1, 0.001))
    assert raw.archive("train2017.zip.part").exists()
    data = {f"train2017/{name}": (mirror_folder / "train2017" / name).read_bytes() for name in reversed(NAMES)}
    mirror.pack(archive, data)
    raw_data.images(raw, "train", NAMES, server.url, "archive", 4, QUICK)
    assert raw.archive("train2017.zip").read_bytes() == archive.read_bytes()


def test_annotations_that_change_while_they_are_fetched_are_the_new_ones(server, raw, mirror_folder):
    path = raw.annotations("train")
    server.faults[ANNOTATIONS] = [None, "cut off"]
    with pytest.raises(WorldError):
        raw_data.annotations(raw, "train", server.url, Patience(1, 0.001))
    new = json.dumps({**mirror.train(), "info": "another version"}).encode()
    mirror.pack(
        mirror_folder / ANNOTATIONS[1:],
        {"annotations/instances_train2017.json": new, "annotations/instances_val2017.json": b"{}"},
    )
    assert not path.exists()
    assert raw_data.annotations(raw, "train", server.url, QUICK).read_bytes() == new


def test_annotations_that_come_damaged_are_fetched_once_more(server, raw):
    server.faults[ANNOTATIONS] = [None, "garbled"]
    path = raw_data.annotations(raw, "train", server.url, QUICK)
    assert json.loads(path.read_bytes()) == mirror.train()


def test_annotations_that_come_damaged_out_of_the_archive_come_with_the_whole_of_it(server, raw, capsys):
    server.faults[ANNOTATIONS] = [None, "garbled"] * 2
    path = raw_data.annotations(raw, "train", server.url, QUICK)
    assert json.loads(path.read_bytes()) == mirror.train()
    assert "so the whole archive is fetched" in capsys.readouterr().out
    assert raw.archive("annotations_trainval2017.zip").exists()


def test_annotations_that_are_damaged_in_any_way_are_told_of(server, raw):
    server.faults[ANNOTATIONS] = ["garbled"] * 100
    with pytest.raises(TodusError, match=r"annotations_trainval2017\.zip(:| is damaged).*"):
        raw_data.annotations(raw, "val", server.url, QUICK)
    assert not raw.annotations_folder.exists() or not contents(raw.annotations_folder)


def test_a_wrong_md5_is_tried_once_more_and_then_told(server, raw, monkeypatch):
    """COCO's own address, answered by a proxy on this machine."""
    monkeypatch.setenv("http_proxy", server.url)
    with pytest.raises(WorldError, match=r"is not COCO's train2017\.zip: its MD5 is"):
        raw_data.images(raw, "train", NAMES, official.DEFAULT_URL, "archive", 4, QUICK)
    assert len(server.asked[ARCHIVE]) == 3  # the directory, and twice the archive
    assert [path.name for path in raw.folder.glob("train2017*")] == []


def large_archive(path: Path, member: str) -> bytes:
    data = random.Random(0).randbytes(LARGE)
    mirror.pack(path, {member: data, "other.json": b"{}" * 40_000})
    return data


def run_until_killed(code: str, part: Path, server: hostile.HostileServer) -> int:
    """Run `code` slowly, kill -9 it when `part` is half there; returns how much of it there is."""
    server.pause = 0.02
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python")}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > LARGE // 3):
        assert process.poll() is None and time.monotonic() < deadline, "it was not slow enough to be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.pause = 0.0
    return part.stat().st_size


def test_an_annotation_file_goes_on_after_kill_9(server, raw, mirror_folder):
    data = large_archive(mirror_folder / ANNOTATIONS[1:], "annotations/instances_train2017.json")
    code = (
        "from pathlib import Path; from todus import layout; from todus.coco import raw_data; "
        f"raw_data.annotations(layout.RawData(Path({str(raw.folder)!r})), 'train', {server.url!r})"
    )
    here = run_until_killed(code, raw.annotations_folder / "instances_train2017.json.zipped.part", server)
    assert not raw.annotations("train").exists()
    server.sent.clear()
    assert raw_data.annotations(raw, "train", server.url, QUICK).read_bytes() == data
    assert server.sent[ANNOTATIONS] < LARGE - here + 300_000
    assert list(contents(raw.annotations_folder)) == ["instances_train2017.json"]


def test_an_archive_goes_on_after_kill_9(server, raw, mirror_folder):
    large_archive(mirror_folder / ARCHIVE[1:], "train2017/large.jpg")
    code = (
        "from pathlib import Path; from todus import layout; from todus.coco import raw_data; "
        f"raw = layout.RawData(Path({str(raw.folder)!r})); "
        f"raw_data.images(raw, 'train', ['large.jpg'], {server.url!r}, 'archive')"
    )
    here = run_until_killed(code, raw.archive("train2017.zip.part"), server)
    server.sent.clear()
    raw_data.images(raw, "train", ["large.jpg"], server.url, "archive", 4, QUICK)
    assert raw.archive("train2017.zip").read_bytes() == (mirror_folder / ARCHIVE[1:]).read_bytes()
    assert server.sent[ARCHIVE] < LARGE - here + 300_000
