"""The chart: labels cover neither each other nor marks, whatever the figures; it is a picture."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from todus import files
from todus.benchmark import chart, formats, labelling
from todus.benchmark.figures import Figures
from todus.benchmark.making import Made
from todus.benchmark.rows import Accuracy, Row


def rows(folder: Path, times: list[float], precision: float | None = 0.74) -> list[Row]:
    made = []
    for number, (one, time) in enumerate(zip(formats.FORMATS, times, strict=False), start=1):
        path = folder / one.name
        files.write_text(path, "x" * 1000 * number)
        found = Figures(time, time, None, None, None)
        made.append(Row(Made(one, path), 1000, "", None, found, Accuracy(precision, precision, 0.0)))
    return made


@pytest.mark.parametrize("times", [[5.0], [5.0, 5.0, 5.1], [15.6, 6.6, 6.6, 1.1, 1.1, 1.1, 0.8, 0.9, 1.7]])
def test_it_is_a_picture(tmp_path: Path, times: list[float]):
    assert chart.write(tmp_path / "chart.png", rows(tmp_path, times), "a $model, model.ckpt-0: bear", "one core")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.size == tuple(round(side * chart.DOTS_PER_INCH) for side in chart.SIZE)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20, "marks in colours on white"


def test_without_ap_there_is_none_and_an_older_one_goes(tmp_path: Path):
    path = tmp_path / "chart.png"
    path.touch()
    assert not chart.write(path, rows(tmp_path, [5.0], precision=None), "a model", "one core")
    assert not path.exists()


@pytest.mark.parametrize("spread", [0.0, 0.2, 1.0])
def test_labels_cover_neither_each_other_nor_marks(spread: float):
    figure = Figure(chart.SIZE, chart.DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    places = [(5 + spread * (n % 3), 5 + spread * (n // 3)) for n in range(8)]
    texts = [f"TFLite float{n}, 1.{n} MB" for n in range(8)]
    boxes = labelling.label(axes, places, [6.0] * 8, texts, ["#000000"] * 8)
    assert not [pair for pair in itertools.combinations(boxes, 2) if labelling._overlap(*pair)]
    for place in places:
        assert not any(box.contains(*axes.transData.transform(place)) for box in boxes)
    assert all(axes.bbox.contains(*corner) for box in boxes for corner in (box.min, box.max))
