"""Put labels beside the marks of a chart where they cover neither marks nor each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

FONT = 8.5  # points
GAP = 3.0  # points between a mark and its label
BETWEEN = 1.0  # pixels around a label that others are to leave free
# Degrees around the mark: beside it first, then above and below.
DIRECTIONS = (0, 180, 35, -35, 145, -145, 65, -65, 115, -115, 90, -90)
DISTANCES = (0, 10, 20, 32, 46, 62, 80, 100, 124)  # points beyond the gap; from the second on with a line to the mark
CROSSING = 10  # times as bad as what a label covers is a line through another one, which covers little of it
STEP = 3.0  # pixels between the points of a line that are looked at
POINTS_PER_INCH = 72


def label(
    axes: Axes,
    places: Sequence[tuple[float, float]],
    radii: Sequence[float],
    texts: Sequence[str],
    colours: Sequence[str],
) -> list[Bbox]:
    """Label every mark, as near to it as there is room; returns the pixels that each label takes.

    Args:
      places: of the marks, in the axes' units. radii: of the marks, points.
    """
    scale = axes.figure.dpi / POINTS_PER_INCH  # pixels a point
    centres = [axes.transData.transform(place) for place in places]
    marks = [_around(*centre, radius * scale) for centre, radius in zip(centres, radii, strict=True)]
    labels: list[Bbox] = []
    lines: list[Bbox] = []
    for place, radius, text, colour in zip(places, radii, texts, colours, strict=True):
        box, line = _place(axes, place, radius, (text, colour), [*marks, *labels, *lines], labels)
        labels.append(box)
        lines += line
    return labels


def _place(
    axes: Axes,
    place: tuple[float, float],
    radius: float,
    text: tuple[str, str],
    taken: Sequence[Bbox],
    labels: Sequence[Bbox],
) -> tuple[Bbox, list[Bbox]]:
    """Draw one label where it is free, or else where it covers least; returns what it and its line take."""
    centre = axes.transData.transform(place)
    best = None
    for has_line, offset in _offsets(radius):
        drawn = _draw(axes, place, text, offset, has_line)
        box = _box(drawn)
        line = _line(centre, np.array(offset) * axes.figure.dpi / POINTS_PER_INCH, radius) if has_line else []
        covered = sum(_overlap(box, other) for other in taken) + _outside(box, axes.bbox)
        covered += CROSSING * sum(_overlap(point, other) for point in line for other in labels)
        if best is None or covered < best[0]:
            if best is not None:
                best[1].remove()
            best = (covered, drawn, box, line)
        else:
            drawn.remove()
        if not covered:
            break
    return best[2], best[3]


def _offsets(radius: float) -> Iterator[tuple[bool, tuple[float, float]]]:
    """Where a label may begin, in points from its mark, the nearest first; and whether it needs a line."""
    for distance in DISTANCES:
        for degrees in DIRECTIONS:
            reach, angle = radius + GAP + distance, math.radians(degrees)
            yield distance > 0, (reach * math.cos(angle), reach * math.sin(angle))


def _draw(
    axes: Axes, place: tuple[float, float], text: tuple[str, str], offset: tuple[float, float], has_line: bool
) -> Annotation:
    words, colour = text
    across, along = (0 if part > 1 else 2 if part < -1 else 1 for part in offset)
    line = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 0, "relpos": (across / 2, along / 2)}
    return axes.annotate(
        words,
        place,
        offset,
        textcoords="offset points",
        ha=("left", "center", "right")[across],
        va=("bottom", "center", "top")[along],
        fontsize=FONT,
        color=colour,
        parse_math=False,
        arrowprops=line if has_line else None,
        zorder=4,
    )


def _box(drawn: Annotation) -> Bbox:
    from matplotlib.text import Text

    renderer = drawn.figure.canvas.get_renderer()
    drawn.update_positions(renderer)
    return Text.get_window_extent(drawn, renderer).padded(BETWEEN)  # an annotation's own has its line in it


def _line(centre: np.ndarray, offset: np.ndarray, radius: float) -> list[Bbox]:
    """Points of the line from a mark's edge to its label, as small boxes."""
    length = float(np.hypot(*offset))
    steps = np.arange(radius, length, STEP)
    return [_around(*(centre + offset * step / length), 1.0) for step in steps]


def _around(x: float, y: float, radius: float) -> Bbox:
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)


def _overlap(one: Bbox, other: Bbox) -> float:
    """Pixels that two boxes share."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(0.0, width) * max(0.0, height)


def _outside(box: Bbox, frame: Bbox) -> float:
    """Pixels of `box` that lie outside of `frame`."""
    return box.width * box.height - _overlap(box, frame)
