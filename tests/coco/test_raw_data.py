"""What is fetched of COCO, what is not, and what happens with damaged or foreign archives."""

import json

import pytest

from coco import mirror
from todus import files
from todus.coco import raw_data
from todus.download import NotFound, Patience
from todus.errors import UserError, WorldError

QUICK = Patience(attempts=2, first_wait=0.001)
NOWHERE = "http://127.0.0.1:9"  # nobody listens there
NAMES = [image["file_name"] for image in mirror.train()["images"]]


@pytest.fixture
def raw(home):
    return home.raw_data


def names_in(folder) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_annotations_are_unpacked_one_file_at_a_time(raw, server):
    path = raw_data.annotations(raw, "val", server.url)
    assert json.loads(path.read_bytes()) == mirror.val()
    assert names_in(raw.annotations_folder) == ["instances_val2017.json"]
    assert sorted(names_in(raw.folder)) == ["annotations", "source.json"]
    raw_data.annotations(raw, "train", server.url)
    assert names_in(raw.annotations_folder) == ["instances_train2017.json", "instances_val2017.json"]


def test_annotations_come_from_the_archive_if_it_is_there(raw, mirror_folder):
    raw.folder.mkdir(parents=True)
    name = "annotations_trainval2017.zip"
    raw.archive(name).write_bytes((mirror_folder / "annotations" / name).read_bytes())
    assert json.loads(raw_data.annotations(raw, "val", NOWHERE, QUICK).read_bytes()) == mirror.val()


def test_test_dev_has_an_archive_of_its_own(raw, server):
    assert json.loads(raw_data.annotations(raw, "testdev", server.url).read_bytes()) == mirror.testdev()


def test_annotations_of_ones_own_need_no_network(raw):
    raw.annotations_folder.mkdir(parents=True)
    raw.annotations("train").write_text("{}")
    assert raw_data.annotations(raw, "train", NOWHERE, QUICK).read_text() == "{}"


def test_single_images_are_fetched_where_they_are_missing(raw, server, mirror_folder):
    folder = raw.images("train")
    folder.mkdir(parents=True)
    (folder / NAMES[0]).write_bytes(b"mine")
    raw_data.images(raw, "train", NAMES[:3], server.url + "/", fetch="images")
    assert names_in(folder) == NAMES[:3]
    assert (folder / NAMES[0]).read_bytes() == b"mine"
    assert (folder / NAMES[1]).read_bytes() == (mirror_folder / "train2017" / NAMES[1]).read_bytes()
    assert sorted(server.requests)[:-1] == [f"/train2017/{name}" for name in NAMES[1:3]]
    raw_data.images(raw, "train", NAMES[:3], NOWHERE, fetch="images", patience=QUICK)


def test_single_images_come_from_the_archive_if_it_is_there(raw, mirror_folder):
    raw.folder.mkdir(parents=True)
    raw.archive("train2017.zip").write_bytes((mirror_folder / "zips" / "train2017.zip").read_bytes())
    raw_data.images(raw, "train", NAMES[1:4], NOWHERE, fetch="images", patience=QUICK)
    assert names_in(raw.images("train")) == NAMES[1:4]


def test_all_images_come_from_the_archive(raw, server):
    raw_data.images(raw, "train", NAMES, server.url, fetch="archive")
    assert names_in(raw.images("train")) == NAMES
    assert raw.archive("train2017.zip").exists()
    raw_data.images(raw, "train", NAMES, NOWHERE, fetch="archive", patience=QUICK)
    assert set(server.requests) == {"/zips/train2017.zip"}


def test_unpacking_goes_on_where_it_was_interrupted(raw, server, mirror_folder):
    raw_data.images(raw, "train", NAMES, server.url, fetch="archive")
    folder = raw.images("train")
    (folder / NAMES[0]).unlink()
    untouched = (folder / NAMES[2]).stat()
    raw_data.images(raw, "train", NAMES, NOWHERE, fetch="archive", patience=QUICK)
    for name in NAMES:
        assert (folder / name).read_bytes() == (mirror_folder / "train2017" / name).read_bytes()
    assert (folder / NAMES[2]).stat().st_mtime_ns == untouched.st_mtime_ns
    assert (folder / NAMES[2]).stat().st_ino == untouched.st_ino


def test_images_of_ones_own_outlive_unpacking(raw, server, capsys):
    raw_data.images(raw, "train", NAMES, server.url, fetch="archive")
    folder = raw.images("train")
    (folder / NAMES[0]).unlink()
    (folder / NAMES[1]).write_bytes(b"mine")
    raw_data.images(raw, "train", NAMES, NOWHERE, fetch="archive", patience=QUICK)
    assert (folder / NAMES[1]).read_bytes() == b"mine"
    assert names_in(folder) == NAMES
    said = capsys.readouterr().out
    assert "warning: 1 images are not of the size that they have in train2017.zip" in said
    assert NAMES[1] in said


def test_two_images_of_one_file_are_fetched_once(raw, server):
    raw_data.images(raw, "train", NAMES[:2] * 3, server.url, fetch="images")
    assert names_in(raw.images("train")) == NAMES[:2]
    assert len(server.images) == 2


def test_images_that_only_the_archive_has_are_said_to_be_there(raw, server, mirror_folder):
    (mirror_folder / "train2017" / NAMES[1]).unlink()
    with pytest.raises(NotFound, match=rf"{NAMES[1]} does not exist.*FETCH=archive"):
        raw_data.images(raw, "train", NAMES, server.url, fetch="images")
    raw_data.images(raw, "train", NAMES, server.url, fetch="archive")
    (mirror_folder / "train2017" / NAMES[1]).unlink(missing_ok=True)
    with pytest.raises(NotFound) as error:
        raw_data.images(raw, "val", ["nowhere.jpg"], server.url, fetch="images")
    assert "FETCH" not in str(error.value), "the archive does not hold it either"


def test_the_inventory_is_read_while_another_run_is_at_work(raw, server, mirror_folder):
    sizes = {file.name: file.stat().st_size for file in (mirror_folder / "train2017").iterdir()}
    with files.locked(raw.folder):
        assert raw_data.inventory(raw, "train", server.url).sizes == sizes
    assert not raw.inventory("train").exists()
    raw_data.inventory(raw, "train", server.url)
    with files.locked(raw.folder):
        assert raw_data.inventory(raw, "train", NOWHERE.replace("9", "80"), QUICK).sizes == sizes


def test_a_file_address_serves_as_mirror(raw, mirror_folder):
    raw_data.annotations(raw, "train", mirror_folder.as_uri())
    raw_data.images(raw, "train", NAMES, mirror_folder.as_uri(), fetch="images")
    raw_data.images(raw, "val", ["000000000139.jpg"], mirror_folder.as_uri(), fetch="archive")
    assert names_in(raw.images("train")) == NAMES
    assert names_in(raw.images("val")) == ["000000000139.jpg"]


def test_the_source_is_noted_with_the_first_file_and_stays(raw, server):
    assert raw_data.source(raw) is None
    raw_data.annotations(raw, "val", server.url + "/")
    assert raw_data.source(raw) == server.url
    raw_data.images(raw, "train", NAMES, server.url.replace("127.0.0.1", "localhost"), fetch="archive")
    assert raw_data.source(raw) == server.url


@pytest.mark.parametrize("fetch", ["annotations", "single images", "all images"])
def test_nothing_of_another_source_is_fetched(fetch, raw, server, mirror_folder):
    raw_data.annotations(raw, "testdev", mirror_folder.as_uri())
    with pytest.raises(UserError, match=f"holds files of {mirror_folder.as_uri()}, but COCO_URL is {server.url}"):
        if fetch == "annotations":
            raw_data.annotations(raw, "train", server.url)
        elif fetch == "single images":
            raw_data.images(raw, "train", NAMES, server.url, fetch="images")
        else:
            raw_data.images(raw, "train", NAMES, server.url, fetch="archive")
    assert server.requests == []


def test_a_mirror_that_has_nothing_is_not_noted(raw, server):
    for fetch in (
        lambda url: raw_data.annotations(raw, "train", url),
        lambda url: raw_data.images(raw, "train", NAMES, url, "images"),
    ):
        with pytest.raises(NotFound):
            fetch(server.url + "/misspelt")
        assert raw_data.source(raw) is None
        fetch(server.url)
        raw.source.unlink()


def test_a_mirror_that_has_some_images_is_noted(raw, server, mirror_folder):
    (mirror_folder / "train2017" / NAMES[1]).unlink()
    with pytest.raises(NotFound):
        raw_data.images(raw, "train", NAMES, server.url, fetch="images")
    assert raw_data.source(raw) == server.url


def test_a_damaged_note_of_the_source_is_named(raw, server):
    raw.folder.mkdir(parents=True)
    for text in ("", "[]", "{}", "null"):
        raw.source.write_text(text)
        with pytest.raises(UserError, match=r"source\.json is damaged"):
            raw_data.annotations(raw, "train", server.url)


COCO = raw_data.DEFAULT_URL


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (COCO, COCO + "/", True),
        (COCO, COCO.upper().replace("HTTP", "http") + ":80", True),
        (COCO, COCO.replace("http:", "https:"), False),
        (COCO, COCO + "/sample", False),
        (COCO, COCO + ":8080", False),
        (COCO, COCO.replace("images", "sample"), False),
        ("http://127.0.0.1:41234/coco", "http://localhost:80/coco/", True),
        ("http://127.0.0.1:41234/coco", "http://127.0.0.1:41234/sample", False),
        ("http://127.0.0.1:41234/", "http://10.0.0.7:41234/", False),
        ("http://127.0.0.1/coco", "file:///coco", False),
        ("file:///my%20coco/", "file://localhost/my coco", True),
        ("file:///coco", "file:///coco/sample", False),
        (COCO, "http://[", False),
        (COCO, "", False),
    ],
)
def test_what_is_the_same_source(one, other, same):
    assert raw_data.same_source(one, other) is raw_data.same_source(other, one) is same


def test_names_the_address_that_is_no_mirror(raw, server):
    with pytest.raises(NotFound, match=rf"{server.url}/elsewhere/annotations/.*COCO_URL"):
        raw_data.annotations(raw, "train", server.url + "/elsewhere")
    with pytest.raises(WorldError, match=rf"{NOWHERE}/zips/train2017.zip"):
        raw_data.images(raw, "train", NAMES, NOWHERE, fetch="archive", patience=QUICK)


@pytest.mark.parametrize("damage", [lambda data: data[:-200], lambda data: b"<html>sorry</html>"])
def test_says_what_to_do_about_a_damaged_archive(damage, raw, mirror_folder):
    there = mirror_folder / "zips" / "train2017.zip"
    there.write_bytes(damage(there.read_bytes()))
    with pytest.raises(WorldError, match=r"train2017\.zip.*not a whole zip archive"):
        raw_data.images(raw, "train", NAMES, mirror_folder.as_uri(), "archive")
    assert not raw.archive("train2017.zip").exists()
    raw.archive("train2017.zip").write_bytes(there.read_bytes())
    with pytest.raises(UserError, match=r"train2017\.zip is damaged.*delete it and run again"):
        raw_data.images(raw, "train", NAMES, mirror_folder.as_uri())


def test_a_damaged_member_leaves_no_image(raw, mirror_folder):
    archive = mirror_folder / "zips" / "train2017.zip"
    data = bytearray(archive.read_bytes())
    data[200:260] = bytes(60)
    archive.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        raw_data.images(raw, "train", NAMES, mirror_folder.as_uri(), fetch="archive")
    for name in names_in(raw.images("train")):
        assert (raw.images("train") / name).read_bytes() == (mirror_folder / "train2017" / name).read_bytes()


@pytest.mark.parametrize("member", ["../../evil.jpg", "/tmp/evil.jpg", "train2017/../../evil.jpg", "..\\evil.jpg"])
def test_refuses_an_archive_that_wants_out(member, raw, mirror_folder, tmp_path):
    mirror.pack(mirror_folder / "zips" / "train2017.zip", {member: b"evil", f"train2017/{NAMES[0]}": b"fine"})
    with pytest.raises(UserError, match="outside"):
        raw_data.images(raw, "train", NAMES[:1], mirror_folder.as_uri(), fetch="archive")
    assert not raw.images("train").exists()
    assert not list(tmp_path.rglob("evil.jpg"))


def test_says_that_archive_and_annotations_do_not_match(raw, server):
    with pytest.raises(UserError, match=r"lacks 1 of the 2 images.*other\.jpg"):
        raw_data.images(raw, "train", [NAMES[0], "other.jpg"], server.url, fetch="archive")
    mirror_without = {"annotations/instances_val2017.json": b"{}"}
    mirror.pack(raw.archive("annotations_trainval2017.zip"), mirror_without)
    with pytest.raises(UserError, match=r"holds no instances_train2017\.json"):
        raw_data.annotations(raw, "train", server.url)


@pytest.mark.parametrize("name", ["../evil.jpg", "/tmp/evil.jpg", "a/evil.jpg", "..\\evil.jpg", "..", "", "evil\0.jpg"])
def test_refuses_a_name_that_is_no_file_name(name, raw, server):
    with pytest.raises(UserError, match="not a file name"):
        raw_data.images(raw, "train", [NAMES[0], name], server.url)
    assert server.requests == []
