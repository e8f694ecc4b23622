"""Which way moves fewer bytes, and what is known about the bytes."""

from __future__ import annotations

import pytest

from coco import mirror
from coco.fetching import hostile
from todus.coco import raw_data
from todus.coco.fetching import fetch_plan, inventory, official
from todus.coco.fetching.fetch_plan import HEADERS
from todus.download import Patience
from todus.errors import WorldError

QUICK = Patience(attempts=2, first_wait=0.001)
NAMES = [image["file_name"] for image in mirror.train()["images"]]
THOUSAND = {f"{number}.jpg": 100_000 for number in range(1000)}
KNOWN = inventory.of_sizes(100_500_000, THOUSAND)


def some(count: int) -> list[str]:
    return list(THOUSAND)[:count]


def test_few_images_come_one_by_one_and_all_of_them_in_the_archive():
    few = fetch_plan.choose("auto", "train", some(3), KNOWN, 0)
    assert few.way == "images" and few.download == 3 * (100_000 + HEADERS)
    assert few.reason == "3 train images one by one move 301.5 kB, the archive 100.5 MB: fetching one by one"
    more = inventory.of_sizes(90_000_000, THOUSAND)
    every = fetch_plan.choose("auto", "train", some(1000), more, 0)
    assert every.way == "archive" and every.download == 90_000_000
    assert every.reason == "1,000 train images one by one move 100.5 MB, the archive 90.0 MB: fetching the archive"


def test_only_what_is_left_of_the_archive_counts():
    assert fetch_plan.choose("auto", "train", some(500), KNOWN, 0).way == "images"
    begun = fetch_plan.choose("auto", "train", some(500), KNOWN, 99_000_000)
    assert begun.way == "archive" and begun.download == 1_500_000
    assert "the archive 1.5 MB more" in begun.reason


@pytest.mark.parametrize(("way", "count"), [("archive", 1), ("images", 1000)])
def test_the_user_has_the_last_word(way, count):
    plan = fetch_plan.choose(way, "train", some(count), KNOWN, 0)
    assert plan.way == way and plan.reason.endswith(f"as FETCH={way} says")


def test_an_archive_that_lacks_an_image_or_is_not_there_is_not_chosen():
    small = inventory.of_sizes(10, {"1.jpg": 100_000})
    assert fetch_plan.choose("auto", "train", ["1.jpg"], small, 0).way == "archive"
    assert fetch_plan.choose("auto", "train", ["1.jpg", "2.jpg"], small, 0).way == "images"
    nowhere = inventory.as_published("train2017.zip", None)
    plan = fetch_plan.choose("auto", "train", ["1.jpg"], nowhere, 0)
    assert plan.way == "images"
    assert plan.reason.startswith("1 train images one by one move about 164.0 kB, the size of the archive is not known")


def test_sizes_as_published_stand_for_those_not_known():
    known = inventory.as_published("val2017.zip", 815_585_330)
    assert not known.is_exact
    assert known.size(str(number) for number in range(5000)) == 815_585_330
    assert KNOWN.is_exact and KNOWN.size(["0.jpg", "1.jpg", "not in the archive"]) == 300_000


@pytest.fixture
def raw(home):
    return home.raw_data


@pytest.fixture
def server(mirror_folder):
    with hostile.serve(mirror_folder) as server:
        yield server


def sizes_in(folder) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def test_the_inventory_is_read_once_without_the_archive(server, raw, mirror_folder):
    known = raw_data.inventory(raw, "train", server.url, QUICK)
    assert known.sizes == sizes_in(mirror_folder / "train2017")
    assert known.archive_size == (mirror_folder / "zips" / "train2017.zip").stat().st_size
    assert raw_data.inventory(raw, "train", server.url, QUICK) == known
    assert len(server.asked["/zips/train2017.zip"]) == 1
    assert raw_data.source(raw) == server.url


def test_a_damaged_inventory_is_read_anew(server, raw):
    known = raw_data.inventory(raw, "train", server.url, QUICK)
    for text in ("", "{}", "[]", '{"archive_size": 1, "sizes": {"a": "b"}}', '{"archive_size": 1, "sizes": []}'):
        raw.inventory("train").write_text(text)
        assert raw_data.inventory(raw, "train", server.url, QUICK) == known


def test_without_range_or_archive_the_inventory_is_an_estimate_and_not_kept(server, raw, mirror_folder):
    server.ranges = False
    archive = mirror_folder / "zips" / "train2017.zip"
    known = raw_data.inventory(raw, "train", server.url, QUICK)
    assert (known.is_exact, known.archive_size) == (False, archive.stat().st_size)
    assert known.mean == official.ARCHIVES["train2017.zip"].mean
    archive.unlink()
    assert raw_data.inventory(raw, "train", server.url, QUICK).archive_size is None
    assert not raw.inventory("train").exists()


@pytest.mark.parametrize("count", [1, len(NAMES)])
def test_auto_moves_fewer_bytes(count, server, raw, mirror_folder, capsys):
    raw_data.images(raw, "train", NAMES[:count], server.url, patience=QUICK)
    assert sizes_in(raw.images("train")).items() <= sizes_in(mirror_folder / "train2017").items()
    assert sorted(sizes_in(raw.images("train"))) == NAMES[:count]
    whole = count == len(NAMES)
    assert raw.archive("train2017.zip").exists() == whole
    assert f"fetching {'the archive' if whole else 'one by one'}\n" in capsys.readouterr().out


def test_auto_does_without_an_archive_that_is_damaged(server, raw, mirror_folder):
    (mirror_folder / "zips" / "train2017.zip").write_bytes(b"not a zip")
    raw_data.images(raw, "train", NAMES, server.url, patience=QUICK)
    assert sorted(sizes_in(raw.images("train"))) == NAMES


def test_nothing_is_fetched_that_the_disk_has_no_room_for(server, raw):
    known = raw_data.inventory(raw, "train", server.url, QUICK)
    inventory.write(raw.inventory("train"), inventory.of_sizes(1 << 60, dict.fromkeys(known.sizes, 1 << 58)))
    for way in ("images", "archive"):
        with pytest.raises(WorldError, match=r"too small for .*TB are needed, .* are free"):
            raw_data.images(raw, "train", NAMES, server.url, way, patience=QUICK)
    assert not raw.images("train").exists()


@pytest.mark.parametrize("name", ["a b.jpg", "a#b?c.jpg", "100%.jpg", "%2e%2e.jpg", "ä&=+.jpg"])
def test_names_are_quoted(name, server, raw, mirror_folder):
    data = (mirror_folder / "train2017" / NAMES[0]).read_bytes()
    (mirror_folder / "train2017" / name).write_bytes(data)
    for url in (server.url, mirror_folder.as_uri()):
        raw_data.images(raw, "train", [name], url, patience=QUICK)
        (raw.images("train") / name).unlink()
        raw.source.unlink()
        raw.inventory("train").unlink()
