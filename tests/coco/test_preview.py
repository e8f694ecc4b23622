"""The pictures of a dataset: which images the sheet shows and what is on it, and the chart's bars and numbers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coco import mirror
from todus import picture
from todus.coco import annotations, chart, preview
from todus.coco.annotations import GroundTruth

NAMES = ["cat", "dog", "emu"]
PAINTS = {"grey": (90, 90, 90), "red": (150, 0, 0), "green": (0, 150, 0), "lilac": (150, 0, 150), "teal": (0, 150, 150)}


def truth(*images: tuple[str, ...], categories: list[str] = NAMES) -> GroundTruth:
    """Images of 64 x 48 pixels, each with a box for each of the names; ids from 1."""
    ids = {name: number for number, name in enumerate(categories, start=1)}
    return mirror.truth(
        {
            "images": [
                {"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in range(1, len(images) + 1)
            ],
            "categories": [{"id": number, "name": name} for name, number in ids.items()],
            "annotations": [
                {"id": 100 * i + k, "image_id": i, "category_id": ids[name], "bbox": [8 + 2 * k, 16, 30, 20]}
                for i, names in enumerate(images, start=1)
                for k, name in enumerate(names)
            ],
        }
    )


def paint(folder: Path, *paints: str) -> Path:
    """The files of `truth`, each of one colour."""
    for number, name in enumerate(paints, start=1):
        Image.new("RGB", (64, 48), PAINTS[name]).save(folder / f"{number}.jpg", "PNG")
    return folder


def shown(sheet: Path) -> set[str]:
    """The names of the paints on the sheet."""
    pixels = np.asarray(Image.open(sheet).convert("RGB"))
    return {name for name, colour in PAINTS.items() if (pixels == colour).all(axis=2).sum() > 1000}


def test_every_category_is_seen_even_if_one_of_them_is_rare(tmp_path):
    dataset = truth(("cat",), ("cat",), ("cat", "dog"), ("cat",), ("emu",))
    folder = paint(tmp_path, "grey", "red", "green", "teal", "lilac")
    for seed in range(5):
        preview.write_preview(dataset, folder, tmp_path / "preview.png", count=2, seed=seed)
        assert shown(tmp_path / "preview.png") == {"green", "lilac"}  # the only two that show all three


def test_an_image_without_a_box_is_not_chosen(tmp_path):
    dataset = truth((), ("cat",), ())
    preview.write_preview(dataset, paint(tmp_path, "grey", "red", "green"), tmp_path / "preview.png")
    assert shown(tmp_path / "preview.png") == {"red"}


def test_the_seed_alone_chooses(tmp_path):
    dataset = truth(*[("cat",)] * 5)
    folder = paint(tmp_path, *PAINTS)

    def sheet(seed: int) -> bytes:
        preview.write_preview(dataset, folder, tmp_path / "preview.png", count=1, seed=seed)
        return (tmp_path / "preview.png").read_bytes()

    sheets = [sheet(seed) for seed in range(8)]
    assert sheets == [sheet(seed) for seed in range(8)]
    assert len(set(sheets)) > 1


def test_an_image_with_more_boxes_than_can_be_read_is_chosen_last(tmp_path):
    dataset = truth(("cat",) * (preview.MANY_BOXES + 1), ("cat",))
    folder = paint(tmp_path, "grey", "red")
    for seed in range(4):
        preview.write_preview(dataset, folder, tmp_path / "preview.png", count=1, seed=seed)
        assert shown(tmp_path / "preview.png") == {"red"}
    preview.write_preview(dataset, folder, tmp_path / "preview.png", count=2)
    assert shown(tmp_path / "preview.png") == {"grey", "red"}


def test_sixteen_images_make_a_sheet_of_four_times_four(tmp_path):
    paint(tmp_path, *["grey"] * 20)
    preview.write_preview(truth(*[("cat",)] * 20), tmp_path, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as sheet:
        cell_height = round(preview.CELL * 48 / 64)
        assert sheet.size == (4 * preview.CELL + 5 * picture.GAP, 4 * cell_height + 5 * picture.GAP)


def test_boxes_are_where_they_belong_though_the_file_is_of_another_size(tmp_path):
    Image.new("RGB", (640, 480), PAINTS["grey"]).save(tmp_path / "1.jpg", quality=95)  # ten times what is annotated
    preview.write_preview(truth(("dog",)), tmp_path, tmp_path / "preview.png")
    sheet = np.asarray(Image.open(tmp_path / "preview.png"))
    line = (sheet == picture.COLOURS[1]).all(axis=2)
    scale, gap = preview.CELL / 64, picture.GAP
    left, top, right, bottom = (round(side * scale) + gap for side in (8, 16, 38, 36))
    middle = (top + bottom) // 2
    assert np.nonzero(line[middle])[0][[0, -1]].tolist() == [left, right - 1]
    assert line[bottom - 1, left:right].all()


@pytest.mark.parametrize("mode", ["L", "CMYK", "1", "P", "RGBA", "I;16"])
def test_images_of_any_kind_are_drawn(mode, tmp_path):
    kind = {"CMYK": "JPEG", "L": "JPEG"}.get(mode, "PNG")
    grey = Image.new("L", (64, 48), 90)
    (grey if mode == "L" else grey.convert("RGB").convert(mode) if mode != "I;16" else Image.new(mode, (64, 48))).save(
        tmp_path / "1.jpg", kind
    )
    preview.write_preview(truth(("cat",)), tmp_path, tmp_path / "preview.png")
    assert Image.open(tmp_path / "preview.png").mode == "RGB"


def cut_off() -> bytes:
    whole = io.BytesIO()
    Image.effect_noise((64, 48), 80).save(whole, "JPEG")
    return whole.getvalue()[: len(whole.getvalue()) // 2]


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", cut_off(), b"\x89PNG\r\n\x1a\n" + b"\0" * 30, None]
)
def test_another_image_takes_the_place_of_one_that_cannot_be_read(content, tmp_path):
    paint(tmp_path, "grey", "red")
    (tmp_path / "1.jpg").unlink()
    if content is not None:
        (tmp_path / "1.jpg").write_bytes(content)
    preview.write_preview(truth(("cat",), ("cat",)), tmp_path, tmp_path / "preview.png", count=1)
    assert shown(tmp_path / "preview.png") == {"red"}


@pytest.mark.parametrize("dataset", [truth((), ()), mirror.truth(mirror.testdev()), truth(("cat",))])
def test_without_a_box_or_an_image_there_is_no_sheet(dataset, tmp_path):
    preview.write_preview(dataset, tmp_path, tmp_path / "preview.png")
    assert list(tmp_path.iterdir()) == []


def bars(chart: Path, colour: int) -> list[int]:
    """The lengths in pixels of the chart's bars of one of picture's colours, from the top."""
    own = (np.asarray(Image.open(chart).convert("RGB")) == picture.COLOURS[colour]).all(axis=2)
    lengths = [max(len(run) for run in bytes(row).split(b"\0")) for row in own]
    thick = [length if length > 15 else 0 for length in lengths]  # no line of a letter in the panel's title is so long
    return [thick[y + 3] for y in range(1, len(thick)) if thick[y] and not thick[y - 1]]


def boxes(*numbers: int) -> GroundTruth:
    """A truth with so many boxes of each of NAMES."""
    return truth(*[(name,) for name, number in zip(NAMES, numbers, strict=True) for _ in range(number)])


def test_the_chart_has_a_bar_per_category_and_split_the_longest_first(tmp_path):
    chart.write_chart({"train": boxes(10, 40, 20), "val": boxes(1, 4, 2)}, tmp_path / "categories.png")
    for colour in (4, 0):  # of train, of val
        lengths = bars(tmp_path / "categories.png", colour)
        assert len(lengths) == 3
        assert lengths[0] / lengths[1] == pytest.approx(2, abs=0.05)
        assert lengths[1] / lengths[2] == pytest.approx(2, abs=0.1)


def test_bars_that_differ_a_hundredfold_are_all_seen(tmp_path):
    chart.write_chart({"train": boxes(300, 30, 3)}, tmp_path / "categories.png")
    longest, middle, shortest = bars(tmp_path / "categories.png", 4)
    assert longest - middle == pytest.approx(middle - shortest, abs=2)  # logarithmic: equal steps for equal ratios
    assert shortest > 30


def test_equal_input_makes_equal_bytes(tmp_path):
    for name in ("one.png", "two.png"):
        chart.write_chart({"train": boxes(3, 2, 1)}, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("count", [1, 80])
def test_the_chart_grows_with_the_categories(count, tmp_path):
    names = [f"category {number}" for number in range(count)]
    chart.write_chart({"train": truth(*[(name,) for name in names], categories=names)}, tmp_path / "categories.png")
    assert len(bars(tmp_path / "categories.png", 4)) == count


@pytest.mark.parametrize(
    "truths",
    [
        {"train": boxes(2, 1, 0), "val": boxes(0, 0, 0)},
        {"train": boxes(200, 1, 0), "val": boxes(0, 0, 0)},
        {"train": boxes(0, 0, 0)},
        {"train": boxes(1, 1, 1), "testdev": mirror.truth(mirror.testdev())},
        {"train": truth(("a $very_ long$ {name} " * 4,), categories=["a $very_ long$ {name} " * 4])},
    ],
)
def test_a_chart_of_next_to_nothing_is_drawn(truths, tmp_path):
    chart.write_chart(truths, tmp_path / "categories.png")
    assert [path.name for path in tmp_path.iterdir()] == ["categories.png"]


def test_without_annotations_there_is_no_chart(tmp_path):
    chart.write_chart({"testdev": mirror.truth(mirror.testdev())}, tmp_path / "categories.png")
    assert list(tmp_path.iterdir()) == []


def test_the_mini_coco_has_both_pictures(tmp_path, mirror_folder):
    kept = {"train": annotations.clean(mirror.truth(mirror.train()))[0]}
    preview.write_preview(kept["train"], mirror_folder / "train2017", tmp_path / "preview.png")
    chart.write_chart(kept, tmp_path / "categories.png")
    assert 1400 < Image.open(tmp_path / "preview.png").width <= 1600
    assert len(bars(tmp_path / "categories.png", 4)) == 4
