"""A chart of the formats: AP against milliseconds, the area of a mark for the size of the file. Needs matplotlib when
it is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from todus import files, picture
from todus.benchmark import formats, labelling
from todus.benchmark.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (8.6, 4.8)  # inches
DOTS_PER_INCH = 110
LARGEST, SMALLEST = 1100.0, 14.0  # square points: the area of the largest mark, and the least that can be seen
LOGARITHMIC = 5.0  # times the fastest that the slowest takes: from there on the scale of time is logarithmic
LEAST_SPREAD = 2.0  # percent of AP that the axis shows at least, so that what hardly differs looks it
TICKS = (1, 2, 5)  # times a power of ten
INK, FAINT = "#202024", "#8a8a90"


def write(path: Path, rows: Sequence[Row], title: str, subtitle: str) -> bool:
    """Write a PNG of the rows that have a time and an AP; False, and no file, where there is none."""
    shown = [row for row in rows if row.figures and row.accuracy and row.accuracy.average_precision is not None]
    if not shown:
        path.unlink(missing_ok=True)
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here, because it takes half a second
    from matplotlib.figure import Figure

    figure = Figure(SIZE, DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _scale(axes, shown)
    figure.suptitle(title, x=0.02, ha="left", fontsize=11, fontweight="bold", color=INK, parse_math=False)
    axes.set_title(f"{subtitle}; larger marks are larger files", loc="left", fontsize=8, color=FAINT, parse_math=False)
    figure.draw_without_rendering()  # settles the layout, by which labels are placed; it is to stay
    figure.set_layout_engine("none")
    _draw(axes, shown)
    with files.atomic_file(path) as unfinished:
        figure.savefig(unfinished, format="png", metadata={"Software": None})
    return True


def _scale(axes: Axes, rows: Sequence[Row]) -> None:
    times = [row.figures.median for row in rows]
    precisions = [_percent(row) for row in rows]
    if max(times) / min(times) > LOGARITHMIC:
        axes.set_xscale("log")
        axes.set_xlim(min(times) / 1.5, max(times) * 1.7)
        powers = range(math.floor(math.log10(min(times))) - 1, math.ceil(math.log10(max(times))) + 1)
        ticks = [step * 10.0**power for power in powers for step in TICKS]
        low, high = axes.get_xlim()
        inside = [tick for tick in ticks if low <= tick <= high]
        axes.set_xticks(inside, [f"{tick:g}" for tick in inside])
        axes.set_xticks([], minor=True)
    else:
        axes.set_xlim(0, max(times) * 1.25)
    room = max(max(precisions) - min(precisions), LEAST_SPREAD) * 0.35
    axes.set_ylim(min(precisions) - room, max(precisions) + room)
    axes.set_xlabel("milliseconds an image, median (left is faster)", fontsize=9, color=INK)
    axes.set_ylabel("AP, percent (up is better)", fontsize=9, color=INK)
    axes.grid(color="#e6e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=INK, length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _draw(axes: Axes, rows: Sequence[Row]) -> None:
    largest = max(row.made.size for row in rows)
    marks = []
    for row in sorted(rows, key=lambda row: -row.made.size):  # small ones are drawn over large ones
        area = max(SMALLEST, LARGEST * row.made.size / largest)
        place = (row.figures.median, _percent(row))
        axes.scatter(*place, s=area, color=_colour(row.name), alpha=0.75, edgecolors="white", linewidths=0.8, zorder=3)
        text = f"{row.title}, {row.made.size / 1e6:.1f} MB"
        marks.append((place, math.sqrt(area / math.pi), text, _colour(row.name)))
    labelling.label(axes, *zip(*reversed(marks), strict=True))  # small ones choose first: they have the least room


def _percent(row: Row) -> float:
    return 100 * row.accuracy.average_precision


def _colour(name: str) -> str:
    index = {formats.PRETRAINED: 5, formats.EXPORTED: 4, formats.SAVED_MODEL: 4, formats.ONNX: 9}.get(name, 11)
    return "#{:02x}{:02x}{:02x}".format(*picture.COLOURS[index])
