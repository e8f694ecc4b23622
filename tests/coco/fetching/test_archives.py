"""Zip archives from elsewhere: nothing leaves its folder, nothing grows without end, nothing damaged looks whole."""

from __future__ import annotations

import random
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from coco import mirror
from coco.fetching import hostile
from todus.coco.fetching import archives
from todus.download import NoRange, Patience
from todus.errors import TodusError, UserError, WorldError

QUICK = Patience(attempts=2, first_wait=0.001, timeout=5.0)


def unpack(path: Path, name: str = "wanted.json") -> bytes:
    target = path.parent / "out" / name
    with archives.opened(path) as members:
        members.extract(name, target)
    return target.read_bytes()


def pack(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def rewrite_directory(path: Path, offset: int, value: bytes) -> None:
    """Put `value` at `offset` of the first entry of the directory."""
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02") + offset
    data[start : start + len(value)] = value
    path.write_bytes(data)


def test_unpacks_a_member_by_its_bare_name(tmp_path):
    path = pack(tmp_path / "a.zip", ("annotations/", b""), ("annotations/wanted.json", b"data" * 1000))
    assert unpack(path) == b"data" * 1000
    with archives.opened(path) as members:
        assert members.sizes() == {"wanted.json": 4000}


@pytest.mark.parametrize(
    "name",
    [
        "../x.jpg",
        "a/../../x.jpg",
        "/tmp/x.jpg",
        "..\\x.jpg",
        "a\\..\\x.jpg",
        "C:\\x.jpg",
        "C:x.jpg",
        "\\\\host\\s\\x.jpg",
    ],
)
def test_refuses_a_member_that_wants_out(name, tmp_path):
    path = pack(tmp_path / "a.zip", ("wanted.json", b"{}"), (name, b"evil"))
    with pytest.raises(UserError, match="outside its folder"):
        unpack(path)
    assert [file.name for file in tmp_path.rglob("*")] == ["a.zip"]


def test_refuses_a_name_with_nul(tmp_path):
    path = pack(tmp_path / "a.zip", ("wanted.jsonQ.exe", b"{}"))
    path.write_bytes(path.read_bytes().replace(b"wanted.jsonQ", b"wanted.json\0"))
    with pytest.raises(UserError, match="outside its folder"):
        unpack(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_refuses_links_and_devices(kind, tmp_path):
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, (kind | 0o777) << 16
    with pytest.raises(UserError, match=r"link or a device \(link.jpg\)"):
        unpack(pack(tmp_path / "a.zip", (link, b"/etc/passwd"), ("wanted.json", b"{}")))


def test_refuses_two_files_of_one_name_where_that_is_wanted(tmp_path):
    path = pack(tmp_path / "a.zip", ("one/wanted.json", b"1"), ("two/wanted.json", b"2"), ("other.json", b"3"))
    assert unpack(path, "other.json") == b"3"
    with pytest.raises(UserError, match=r"two files called wanted\.json"):
        unpack(path)


def test_refuses_a_bomb_before_anything_is_written(tmp_path):
    path = pack(tmp_path / "a.zip", ("wanted.json", bytes(300_000_000)))
    with pytest.raises(UserError, match="announces 300,000,000 bytes"):
        unpack(path)
    assert not (tmp_path / "out").exists()


def test_refuses_an_absurd_size(tmp_path):
    path = pack(tmp_path / "a.zip", ("wanted.json", b"{}"))
    rewrite_directory(path, 24, struct.pack("<I", 0xFFFFFFF0))
    with pytest.raises(UserError, match="announces 4,294,967,280 bytes"):
        unpack(path)


@pytest.mark.parametrize("announced", [100, 9_999, 10_001, 50_000])
def test_the_size_announced_is_the_size_written_or_nothing(announced, tmp_path):
    path = pack(tmp_path / "a.zip", ("wanted.json", random.Random(0).randbytes(10_000)))
    rewrite_directory(path, 24, struct.pack("<I", announced))
    with pytest.raises(UserError, match="is damaged"):
        unpack(path)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("seed", range(150))
def test_garbage_is_refused_or_comes_out_whole(seed, tmp_path):
    chance = random.Random(seed)
    good = b"".join(chance.randbytes(50) * 3 for _ in range(20))
    path = pack(tmp_path / "a.zip", ("annotations/wanted.json", good), ("other.json", b"{}"))
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(len(data) - 200, len(data)) if chance.random() < 0.6 else chance.randrange(len(data))
        data[place] = chance.choice([0, 1, 0xFF, chance.randrange(256)])
    path.write_bytes(data[: len(data) - chance.choice([0, 0, 0, chance.randrange(len(data))])])
    try:
        assert unpack(path) == good
    except (TodusError, KeyError) as error:  # a name that was changed is not there
        assert isinstance(error, TodusError) or error.args == ("wanted.json",)
        assert not (tmp_path / "out" / "wanted.json").exists()


@pytest.fixture
def server(tmp_path):
    with hostile.serve(tmp_path) as server:
        yield server


def test_of_an_archive_on_a_server_only_the_directory_is_read(server, tmp_path):
    mirror.pack(
        tmp_path / "a.zip", {"x/large.bin": random.Random(0).randbytes(500_000), "x/wanted.json": b"data" * 1000}
    )
    with archives.opened_remotely(f"{server.url}/a.zip", QUICK) as (members, file):
        assert members.sizes() == {"large.bin": 500_000, "wanted.json": 4000}
        assert file.size == (tmp_path / "a.zip").stat().st_size
        first, stop = members.window("wanted.json")
    assert server.sent["/a.zip"] == 1 << 16
    assert first > 500_000 and stop - first < 1000
    assert (tmp_path / "a.zip").read_bytes()[first : first + 4] == b"PK\x03\x04"


def test_a_directory_larger_than_the_first_piece_is_read_too(server, tmp_path):
    names = {f"train2017/{number:012d}.jpg": b"%d" % number for number in range(3000)}
    mirror.pack(tmp_path / "a.zip", names)
    with archives.opened_remotely(f"{server.url}/a.zip", QUICK) as (members, _):
        assert len(members.sizes()) == 3000
    assert len(server.asked["/a.zip"]) == 2


def test_says_that_a_server_has_no_range_and_how_large_the_file_is(server, tmp_path):
    mirror.pack(tmp_path / "a.zip", {"x": bytes(100)})
    server.ranges = False
    with pytest.raises(NoRange) as lack, archives.opened_remotely(f"{server.url}/a.zip", QUICK):
        pass
    assert lack.value.size == (tmp_path / "a.zip").stat().st_size


@pytest.mark.parametrize("seed", range(40))
def test_garbage_on_a_server_is_refused(seed, server, tmp_path):
    chance = random.Random(seed)
    mirror.pack(tmp_path / "a.zip", {"annotations/wanted.json": chance.randbytes(1000), "other.json": b"{}"})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for _ in range(8):
        data[chance.randrange(len(data) - 200, len(data))] = chance.choice([0, 0xFF, chance.randrange(256)])
    (tmp_path / "a.zip").write_bytes(data)
    try:
        with archives.opened_remotely(f"{server.url}/a.zip", QUICK) as (members, _):
            first, stop = members.window("wanted.json")
        assert 0 <= first < stop <= len(data)
    except (UserError, WorldError, KeyError) as error:
        assert not isinstance(error, KeyError) or error.args == ("wanted.json",)
