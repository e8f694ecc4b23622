"""Records, judged by TensorFlow's reader and by the Object Detection API's own writer."""

import hashlib
import io
import struct

import pytest
from PIL import Image

from coco import mirror
from todus.coco import annotations, records
from todus.coco.protos import Example
from todus.errors import UserError
from todus.layout import Dataset


@pytest.fixture
def dataset():
    return annotations.clean(mirror.train())[0]


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


def test_image_i_goes_to_shard_i(dataset, mirror_folder, tmp_path):
    target = Dataset(tmp_path / "made")
    written = records.write_split(dataset, mirror_folder / "train2017", target, "train")
    assert (written.images, written.annotations, written.size_differs) == (6, 7, 0)
    assert len(list(target.folder.iterdir())) == 100
    for shard, image in enumerate(dataset["images"]):
        (message,) = messages(target.record("train", shard))
        assert features(message)["image/source_id"] == [str(image["id"]).encode()]
    assert target.record("train", 6).read_bytes() == b""


def test_shards_are_filled_in_turn(dataset, mirror_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(records.layout.SHARDS, "train", 4)
    target = Dataset(tmp_path / "made")
    records.write_split(dataset, mirror_folder / "train2017", target, "train")
    numbers = [[features(m)["image/source_id"][0] for m in messages(target.record("train", i))] for i in range(4)]
    assert numbers == [[b"9", b"36"], [b"25", b"42"], [b"30"], [b"34"]]


def test_features_of_an_image(dataset, mirror_folder, tmp_path):
    target = Dataset(tmp_path / "made")
    records.write_split(dataset, mirror_folder / "train2017", target, "train")
    found = features(messages(target.record("train", 2))[0])
    encoded = (mirror_folder / "train2017" / "000000000030.jpg").read_bytes()
    assert found["image/encoded"] == [encoded]  # the very bytes
    assert found["image/key/sha256"] == [hashlib.sha256(encoded).hexdigest().encode()]
    assert (found["image/height"], found["image/width"]) == ([40], [30])
    assert found["image/format"] == [b"jpeg"]
    assert found["image/filename"] == [b"000000000030.jpg"]
    assert found["image/object/class/text"] == [b"traffic light", b"person"]
    assert found["image/object/is_crowd"] == [0, 1]
    assert found["image/object/bbox/xmax"] == pytest.approx([6.6 / 30, 1])
    assert features(messages(target.record("train", 3))[0])["image/object/bbox/xmin"] == []


def test_the_same_dataset_makes_the_same_bytes(dataset, mirror_folder, tmp_path):
    for name in "ab":
        records.write_split(dataset, mirror_folder / "train2017", Dataset(tmp_path / name), "train")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    data = Dataset(tmp_path / "a").record("train", 0).read_bytes()
    names = sorted(messages(Dataset(tmp_path / "a").record("train", 0))[0].features.feature)
    places = [data.index(name.encode()) for name in names]
    assert places == sorted(places)  # the entries of a map have no order of their own


def test_images_of_another_size_are_counted(dataset, mirror_folder, tmp_path):
    Image.new("RGB", (10, 10)).save(mirror_folder / "train2017" / "000000000009.jpg")
    written = records.write_split(dataset, mirror_folder / "train2017", Dataset(tmp_path / "made"), "train")
    assert written.size_differs == 1


def broken_images() -> dict[str, bytes]:
    jpeg, png = io.BytesIO(), io.BytesIO()
    Image.effect_noise((64, 48), 50).save(jpeg, "JPEG")
    Image.new("RGB", (64, 48)).save(png, "PNG")
    return {
        "empty": b"",
        "HTML": b"<html>not found</html>",
        "cut off": jpeg.getvalue()[:-400],
        "PNG": png.getvalue(),
    }


@pytest.mark.parametrize("kind", broken_images())
def test_refuses_an_image_that_is_no_whole_jpeg(kind, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(broken_images()[kind])
    with pytest.raises(UserError, match=r"bad\.jpg.*; delete it and run again"):
        records.read_jpeg(tmp_path / "bad.jpg")


def test_a_whole_jpeg_with_something_behind_it_is_fine(mirror_folder):
    path = mirror_folder / "train2017" / "000000000009.jpg"
    path.write_bytes(path.read_bytes() + b"maker's notes")
    assert records.read_jpeg(path) == (path.read_bytes(), (64, 48))


def test_names_an_image_that_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"gone\.jpg"):
        records.read_jpeg(tmp_path / "gone.jpg")
