"""The records of a split: which image is where, what is in it, and what is left out."""

import hashlib
import json
import os
import struct

import msgspec
import pytest
from PIL import Image

from coco import mirror
from coco.records import pictures
from todus.coco import annotations
from todus.coco.protos import Example
from todus.coco.records import shard, writer
from todus.errors import UserError
from todus.layout import Dataset


@pytest.fixture
def truth():
    return annotations.clean(mirror.truth(mirror.train()))[0]


@pytest.fixture
def images_folder(mirror_folder):
    return mirror_folder / "train2017"


def messages(path) -> list[Example]:
    """A reader of our own that trusts the lengths and leaves the checksums to TensorFlow."""
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(Example.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    return found


def features(message: Example) -> dict:
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in message.features.feature.items()
    }


def ids(target: Dataset, shards: int) -> list[list[bytes]]:
    """Per shard of train, the ids of its images."""
    return [[features(m)["image/source_id"][0] for m in messages(target.record("train", i))] for i in range(shards)]


def files_of(target: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in target.folder.iterdir()}


def test_image_i_goes_to_shard_i(truth, images_folder, tmp_path):
    target = Dataset(tmp_path / "made")
    written = writer.write_split(truth, images_folder, target, "train")
    assert written == writer.Written(6, 7, size_differs=0, without_mask=0, converted={}, skipped={})
    assert len(list(target.folder.iterdir())) == 100
    assert ids(target, 7) == [[str(image["id"]).encode()] for image in truth.images] + [[]]
    assert target.record("train", 6).read_bytes() == b""


def test_shards_are_filled_in_turn(truth, images_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(writer.layout.SHARDS, "train", 4)
    target = Dataset(tmp_path / "made")
    writer.write_split(truth, images_folder, target, "train")
    assert ids(target, 4) == [[b"9", b"36"], [b"25", b"42"], [b"30"], [b"34"]]


def test_features_of_an_image(truth, images_folder, tmp_path):
    target = Dataset(tmp_path / "made")
    writer.write_split(truth, images_folder, target, "train")
    found = features(messages(target.record("train", 2))[0])
    encoded = (images_folder / "000000000030.jpg").read_bytes()
    assert found["image/encoded"] == [encoded]  # the very bytes
    assert found["image/key/sha256"] == [hashlib.sha256(encoded).hexdigest().encode()]
    assert (found["image/height"], found["image/width"]) == ([40], [30])
    assert found["image/format"] == [b"jpeg"]
    assert found["image/filename"] == [b"000000000030.jpg"]
    assert found["image/object/class/text"] == [b"traffic light", b"person"]
    assert found["image/object/is_crowd"] == [0, 1]
    assert found["image/object/bbox/xmax"] == pytest.approx([6.6 / 30, 1])
    assert "image/object/mask" not in found
    assert features(messages(target.record("train", 3))[0])["image/object/bbox/xmin"] == []


def test_the_entries_of_a_record_have_an_order(truth, images_folder, tmp_path):
    target = Dataset(tmp_path / "made")
    writer.write_split(truth, images_folder, target, "train")
    data = target.record("train", 0).read_bytes()
    names = sorted(messages(target.record("train", 0))[0].features.feature)
    places = [data.index(name.encode()) for name in names]
    assert places == sorted(places)  # those of a map have none of their own


@pytest.mark.parametrize("masks", [False, True])
def test_any_number_of_processes_writes_the_same_bytes(masks, truth, images_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(writer, "WORTH_PROCESSES_WITH_MASKS", 0)
    (images_folder / "000000000025.jpg").write_bytes(b"<html>not found</html>")
    (images_folder / "000000000034.jpg").write_bytes(pictures.made_png()["GIF"])
    truth.boxes[0].segmentation = msgspec.Raw(b"null")
    made = {}
    for processes in (1, 2, 5):
        target = Dataset(tmp_path / str(processes))
        written = writer.write_split(truth, images_folder, target, "train", masks=masks, processes=processes)
        made[processes] = written, files_of(target)
    assert made[1] == made[2] == made[5]
    assert made[1][0] == writer.Written(
        images=5,
        annotations=6,
        size_differs=1,
        without_mask=int(masks),
        converted={"GIF made PNG": 1},
        skipped={"image file that is not an image": [25]},
    )


def test_a_small_split_is_written_in_this_process(truth, images_folder, tmp_path, monkeypatch):
    wrote: list[int] = []
    write = shard.write
    monkeypatch.setattr(shard, "write", lambda job: wrote.append(os.getpid()) or write(job))
    writer.write_split(truth, images_folder, Dataset(tmp_path / "made"), "train", processes=5)
    assert wrote == [os.getpid()] * 100


def test_images_of_another_size_are_counted(truth, images_folder, tmp_path):
    Image.new("RGB", (10, 10)).save(images_folder / "000000000009.jpg")
    written = writer.write_split(truth, images_folder, Dataset(tmp_path / "made"), "train")
    assert written.size_differs == 1


@pytest.mark.parametrize("kind", pictures.broken())
def test_an_image_that_is_not_whole_is_left_out_and_leaves_a_gap(kind, truth, images_folder, tmp_path, capsys):
    encoded, problem = pictures.broken()[kind]
    (images_folder / "000000000030.jpg").write_bytes(encoded)
    target = Dataset(tmp_path / "made")
    written = writer.write_split(truth, images_folder, target, "train")
    assert (written.images, written.annotations) == (5, 5)
    assert written.skipped == {f"image file that is {problem}": [30]}
    assert ids(target, 4) == [[b"9"], [b"25"], [], [b"34"]]
    said = capsys.readouterr().out
    assert f"000000000030.jpg is {problem}); delete" in said and "1 train images are left out" in said


def test_images_left_out_are_in_the_order_of_the_file(truth, images_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(writer.layout.SHARDS, "train", 4)
    for image in truth.images:
        (images_folder / image["file_name"]).write_bytes(b"")
    written = writer.write_split(truth, images_folder, Dataset(tmp_path / "made"), "train")
    assert written.skipped == {"image file that is not an image": [9, 25, 30, 34, 36, 42]}
    assert "000000000009.jpg" in capsys.readouterr().out


def test_an_image_that_the_api_cannot_read_is_made_anew(truth, images_folder, tmp_path):
    (images_folder / "000000000030.jpg").write_bytes(pictures.made_png()["WEBP"])
    target = Dataset(tmp_path / "made")
    written = writer.write_split(truth, images_folder, target, "train")
    assert written.converted == {"WEBP made PNG": 1}
    found = features(messages(target.record("train", 2))[0])
    assert found["image/format"] == [b"png"]
    assert found["image/key/sha256"] == [hashlib.sha256(found["image/encoded"][0]).hexdigest().encode()]


def test_masks_without_an_outline_are_counted_and_empty(images_folder, tmp_path):
    dataset = mirror.train()
    del dataset["annotations"][0]["segmentation"]
    truth, _ = annotations.clean(mirror.truth(json.loads(json.dumps(dataset))))
    target = Dataset(tmp_path / "made")
    written = writer.write_split(truth, images_folder, target, "train", masks=True)
    assert written.without_mask == 1
    assert len(features(messages(target.record("train", 0))[0])["image/object/mask"]) == 2


@pytest.mark.parametrize("processes", [1, 2])
def test_names_an_image_that_is_missing(processes, truth, images_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "WORTH_PROCESSES", 0)
    (images_folder / "000000000034.jpg").unlink()
    with pytest.raises(UserError, match=r"there is no image .*000000000034\.jpg; run again to fetch it"):
        writer.write_split(truth, images_folder, Dataset(tmp_path / "made"), "train", processes=processes)


def test_test_dev_has_images_only(mirror_folder, tmp_path):
    truth, _ = annotations.clean(mirror.truth(mirror.testdev()))
    target = Dataset(tmp_path / "made")
    written = writer.write_split(truth, mirror_folder / "test2017", target, "testdev", masks=True)
    assert (written.images, written.annotations) == (2, 0)
    assert features(messages(target.record("testdev", 1))[0])["image/object/mask"] == []
