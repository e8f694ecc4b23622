"""The objects of the mini-COCO: ten COCO categories, each with the vector shape and the colours that it is drawn with.

Every shape is a list of polygons in units of the object's radius (x to the right, y down). Those that make its
silhouette are also its segmentation, so that ground truth and pixels come from the same points. Each category has a
main colour and a shape of its own: a detector that is small enough to train in two minutes can tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import tau

import numpy as np

from todus.demo.geometry import ellipse, regular_polygon, ribbon, rounded_box

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Part:
    """A filled polygon: `points` is float64 [n, 2] of (x, y)."""

    points: np.ndarray
    colour: Colour
    silhouette: bool = False

    def moved(self, matrix: np.ndarray, offset: np.ndarray) -> Part:
        return Part(self.points @ matrix.T + offset, self.colour, self.silhouette)


@dataclass(frozen=True)
class Kind:
    """A drawable COCO category. `tilt` is the largest rotation in degrees, `roundness` how much the light curves."""

    id: int
    name: str
    supercategory: str
    colour: Colour
    draw: Callable[[Colour, np.random.Generator], list[Part]]
    tilt: float
    roundness: float


def toned(colour: Colour, factor: float) -> Colour:
    """A darker (factor < 1) or a lighter (factor > 1, up to 2 for white) tone of a colour."""
    if factor <= 1:
        return tuple(round(channel * factor) for channel in colour)
    return tuple(round(channel + (255 - channel) * (factor - 1)) for channel in colour)


def traffic_light(colour: Colour, rng: np.random.Generator) -> list[Part]:
    parts = [
        Part(rounded_box(0.46, 1.06, 0.2), (232, 186, 52), silhouette=True),
        Part(rounded_box(0.4, 1.0, 0.16), colour),
    ]
    lit = rng.integers(3)
    for lamp, (y, light) in enumerate([(-0.62, (255, 64, 48)), (0.0, (255, 196, 40)), (0.62, (70, 230, 110))]):
        parts.append(Part(ellipse(0, y, 0.29, 0.29), toned(colour, 0.45)))
        parts.append(Part(ellipse(0, y, 0.24, 0.24), light if lamp == lit else toned(light, 0.42)))
        parts.append(Part(ellipse(-0.07, y - 0.08, 0.08, 0.06), toned(light, 1.6 if lamp == lit else 0.7)))
        parts.append(Part(ribbon(ellipse(0, y, 0.29, 0.29, 0.55, 0.95, 12), 0.07), toned(colour, 0.5)))
    return parts


def stop_sign(colour: Colour, rng: np.random.Generator) -> list[Part]:
    white = (248, 246, 242)
    turn = 1 / 16
    parts = [
        Part(regular_polygon(8, 1.06, turn), white, silhouette=True),
        Part(regular_polygon(8, 0.96, turn), colour),
    ]
    letters = {  # each letter is strokes in a box of 2 x 4, its corner at the upper left
        "S": [[(2, 0), (0, 0), (0, 2), (2, 2), (2, 4), (0, 4)]],
        "T": [[(0, 0), (2, 0)], [(1, 0), (1, 4)]],
        "O": [[(0, 0), (2, 0), (2, 4), (0, 4), (0, 0)]],
        "P": [[(0, 4), (0, 0), (2, 0), (2, 2), (0, 2)]],
    }
    unit, width = 0.135, 0.105
    for column, letter in enumerate("STOP"):
        corner = np.array([(column - 1.5) * 0.42 - unit, -2 * unit])
        for stroke in letters[letter]:
            points = np.array(stroke, dtype=float) * unit + corner
            for start, end in pairwise(points):
                overlap = (end - start) / np.linalg.norm(end - start) * width / 2
                parts.append(Part(ribbon([start - overlap, end + overlap], width), white))
    return parts


def umbrella(colour: Colour, rng: np.random.Generator) -> list[Part]:
    steel, grip = (92, 92, 100), (120, 74, 44)
    rim, top, panels = 0.12, -0.92, 4
    edges = np.cos(np.linspace(0.5, 0.0, panels + 1) * tau)
    hook = np.concatenate([[(0.0, 0.72)], ellipse(0.14, 0.86, 0.14, 0.16, 0.5, 0.02, 12)])
    parts = [
        Part(ribbon([(0, top - 0.14), (0, top + 0.2)], 0.06), steel, silhouette=True),
        Part(ribbon([(0, 0), (0, 0.74)], 0.06), steel, silhouette=True),
        Part(ribbon(hook, 0.1), grip, silhouette=True),
    ]
    for panel, (left, right) in enumerate(pairwise(edges.tolist())):
        height = rim - top
        down = np.linspace(0, 0.25, 14) * tau  # from the top to the rim, along the rib at `left`, then at `right`
        rib = [np.stack([edge * np.sin(down), rim - height * np.cos(down)], axis=1) for edge in (left, right)]
        middle, half = (left + right) / 2, (right - left) / 2
        scallop = ellipse(middle, rim, half, 0.13, 0.5, 1.0, 10)  # the rim curves up between the ribs
        tone = (0.86, 1.12, 0.98, 0.8)[panel]
        parts.append(Part(np.concatenate([rib[0], scallop, rib[1][::-1]]), toned(colour, tone), silhouette=True))
    return parts


def frisbee(colour: Colour, rng: np.random.Generator) -> list[Part]:
    flat = rng.uniform(0.5, 0.68)
    lip = 0.2

    def ring(radius: float) -> np.ndarray:
        return ellipse(0, -lip / 2, radius, radius * flat)

    outline = np.concatenate(
        [ellipse(0, -lip / 2, 1, flat, 0.5, 1.0, 26), ellipse(0, lip / 2, 1, flat, 0.0, 0.5, 26)],
    )
    return [
        Part(outline, toned(colour, 0.62), silhouette=True),
        Part(ring(1.0), colour),
        Part(ring(0.9), toned(colour, 1.22)),
        Part(ring(0.86), toned(colour, 0.9)),
        Part(ring(0.66), toned(colour, 1.12)),
        Part(ring(0.63), toned(colour, 0.98)),
        Part(ring(0.34), toned(colour, 1.7)),
        Part(ring(0.24), toned(colour, 0.98)),
    ]


def kite(colour: Colour, rng: np.random.Generator) -> list[Part]:
    top, right, bottom, left, middle = np.array([(0, -1.1), (0.72, -0.42), (0, 0.62), (-0.72, -0.42), (0, -0.42)])
    y = np.linspace(bottom[1] - 0.04, 1.22, 22)
    bend = rng.choice([-1, 1]) * 0.13 * np.sin((y - y[0]) / (y[-1] - y[0]) * 1.25 * tau)
    tail = np.stack([bend, y], axis=1)
    parts = [Part(ribbon(tail, 0.07), toned(colour, 0.55), silhouette=True)]
    for at in (9, 19):
        for side in (-1, 1):
            wing = tail[at] + np.array([(0, 0), (side * 0.2, -0.1), (side * 0.2, 0.1)])
            parts.append(Part(wing, (250, 222, 92), silhouette=True))
    # One polygon under the four panels, so that the silhouette has no seams.
    parts.append(Part(np.array([top, right, bottom, left]), toned(colour, 0.55), silhouette=True))
    panels = [((top, right), 1.28), ((right, bottom), 0.84), ((bottom, left), 1.1), ((left, top), 0.96)]
    parts += [Part(np.array([*edge, middle]), toned(colour, tone)) for edge, tone in panels]
    parts += [Part(ribbon(line, 0.04), toned(colour, 0.5)) for line in ([top, bottom], [left, right])]
    return parts


def banana(colour: Colour, rng: np.random.Generator) -> list[Part]:
    brown = (104, 76, 36)
    at = np.linspace(0, 1, 36)
    middle = ellipse(0, -0.62, 1.0, 1.0, 0.04, 0.47, 36)
    widths = 0.1 + 0.44 * np.sin(at * tau / 2) ** 0.62
    stem = ribbon([middle[0] + (0.02, -0.24), middle[0] + (0.01, -0.08), middle[2]], np.array([0.13, 0.1, 0.16]))
    outer, inner = middle * 1.0, middle.copy()
    centre = np.array([0, -0.62])
    outer += (middle - centre) * (widths * 0.2)[:, None]
    inner -= (middle - centre) * (widths * 0.3)[:, None]
    return [
        Part(stem, (150, 140, 50), silhouette=True),
        Part(ribbon(middle, widths), colour, silhouette=True),
        Part(ribbon(outer[2:-2], widths[2:-2] * 0.5), toned(colour, 0.88)),
        Part(ribbon(inner[4:-4], widths[4:-4] * 0.16), toned(colour, 1.45)),
        Part(ribbon(middle[3:-3], 0.025), toned(colour, 0.76)),
        Part(ribbon(middle[-3:], widths[-3:]), brown),
        Part(stem[[0, 1, 4, 5]], brown),
    ]


def apple(colour: Colour, rng: np.random.Generator) -> list[Part]:
    angle = np.linspace(0, 1, 56, endpoint=False) * tau
    x = np.sin(angle)
    y = -np.cos(angle)
    dip = 0.3 * np.exp(-((x / 0.3) ** 2)) * (y < 0) - 0.1 * np.exp(-((x / 0.22) ** 2)) * (y > 0)
    body = np.stack([x * (1 - 0.1 * (y + 0.2)), 0.12 + y * 0.9 + dip], axis=1)
    stem = ribbon([(0.0, -0.44), (0.04, -0.72), (0.14, -0.98)], np.array([0.1, 0.1, 0.14]))
    turns = np.linspace(0, 0.5, 14) * tau
    leaf = np.stack([0.5 * (1 - np.cos(turns)), 0.2 * np.sin(turns)], axis=1)
    leaf = np.concatenate([leaf, leaf[-2:0:-1] * (1, -0.7)]) @ np.array([(0.62, -0.36), (0.44, 0.8)]) + (0.06, -0.66)
    return [
        Part(body, colour, silhouette=True),
        Part(ellipse(0.0, -0.47, 0.25, 0.1), toned(colour, 0.66)),
        Part(stem, (98, 68, 40), silhouette=True),
        Part(leaf, toned(colour, 0.6), silhouette=True),
        Part(ellipse(-0.42, -0.22, 0.17, 0.26), toned(colour, 1.3)),
        Part(ellipse(-0.44, -0.25, 0.1, 0.17), toned(colour, 1.55)),
    ]


def orange(colour: Colour, rng: np.random.Generator) -> list[Part]:
    parts = [Part(ellipse(0, 0, 1, 0.97), colour, silhouette=True)]
    for _ in range(46):
        distance, turn = np.sqrt(rng.uniform(0, 0.84)), rng.uniform()
        x, y = distance * np.cos(turn * tau), distance * np.sin(turn * tau)
        size = 0.026 * np.sqrt(1 - distance**2) + 0.012
        parts.append(Part(ellipse(x, y, size, size, n=8), toned(colour, 0.87)))
    parts.append(Part(ellipse(-0.38, -0.42, 0.2, 0.15), toned(colour, 1.3)))
    parts.append(Part(ellipse(-0.41, -0.45, 0.11, 0.08), toned(colour, 1.55)))
    star = np.array([0.2 if corner % 2 else 0.09 for corner in range(10)])[:, None] * regular_polygon(10, 1, 0)
    parts.append(Part(star * (1, 0.6) + (0.16, -0.62), (96, 128, 48)))
    parts.append(Part(ellipse(0.16, -0.63, 0.05, 0.035, n=12), (70, 60, 30)))
    return parts


def donut(colour: Colour, rng: np.random.Generator) -> list[Part]:
    dough = (206, 154, 92)
    hole = 0.3
    parts = []
    for start in (0.0, 0.5):  # COCO's polygons know no holes: a ring is two half rings
        outer = ellipse(0, 0, 1, 1, start, start + 0.5, 30)
        inner = ellipse(0, 0, hole, hole, start + 0.5, start, 20)
        parts.append(Part(np.concatenate([outer, inner]), dough, silhouette=True))
    parts.append(Part(ribbon(ellipse(0, 0, hole + 0.03, hole + 0.03, 0, 0.999, 30), 0.08), toned(dough, 0.74)))
    phase = rng.uniform(0, tau, size=2)
    icing = []
    for start in (0.0, 0.5):
        turns = np.linspace(start, start + 0.51, 36)  # the halves overlap a little: no seam
        radius = 0.64 + 0.02 * np.sin(turns * 3 * tau + phase[0])
        width = 0.5 + 0.05 * np.sin(turns * 7 * tau + phase[1])
        line = ellipse(0, 0, 1, 1, start, start + 0.51, 36) * radius[:, None]
        icing.append((line, width))
    below = np.array([0.0, 0.03])
    parts += [Part(ribbon(line + below, width), toned(colour, 0.72)) for line, width in icing]
    parts += [Part(ribbon(line, width), colour) for line, width in icing]
    parts.append(Part(ribbon(ellipse(0, 0, 0.74, 0.74, 0.53, 0.72, 16), 0.07), toned(colour, 1.55)))
    sprinkles = [(255, 255, 255), (255, 222, 84), (96, 190, 236), (128, 86, 190), (120, 206, 120)]
    for index in range(22):
        distance, turn, lean = rng.uniform(0.48, 0.8), (index + rng.uniform(-0.3, 0.3)) / 22 * tau, rng.uniform(0, tau)
        centre = distance * np.array([np.cos(turn), np.sin(turn)])
        half = 0.065 * np.array([np.cos(lean), np.sin(lean)])
        parts.append(Part(ribbon([centre - half, centre + half], 0.055), sprinkles[index % len(sprinkles)]))
    return parts


def clock(colour: Colour, rng: np.random.Generator) -> list[Part]:
    frame, ink = (74, 62, 58), (40, 40, 46)
    parts = [
        Part(ellipse(0, 0, 1, 1), frame, silhouette=True),
        Part(ellipse(0, 0, 0.93, 0.93), toned(frame, 1.3)),
        Part(ellipse(0, 0, 0.87, 0.87), toned(frame, 0.7)),
        Part(ellipse(0, 0, 0.84, 0.84), colour),
    ]
    for hour in range(12):
        out = np.array([np.sin(hour / 12 * tau), -np.cos(hour / 12 * tau)])
        long = hour % 3 == 0
        parts.append(Part(ribbon([out * (0.6 if long else 0.68), out * 0.76], 0.075 if long else 0.04), ink))
    time = rng.uniform(0, 12)
    for turn, length, width, paint in (
        (time / 12, 0.4, 0.09, ink),
        (time % 1, 0.62, 0.06, ink),
        (rng.uniform(), 0.68, 0.025, (206, 52, 44)),
    ):
        out = np.array([np.sin(turn * tau), -np.cos(turn * tau)])
        parts.append(Part(ribbon([out * -0.12, out * length], width), paint))
    parts.append(Part(ellipse(0, 0, 0.07, 0.07, n=16), (206, 52, 44)))
    return parts


KINDS = (  # ids, names and supercategories are COCO's
    Kind(10, "traffic light", "outdoor", (58, 62, 68), traffic_light, tilt=6, roundness=0.2),
    Kind(13, "stop sign", "outdoor", (200, 36, 40), stop_sign, tilt=8, roundness=0.2),
    Kind(28, "umbrella", "accessory", (136, 72, 182), umbrella, tilt=22, roundness=0.7),
    Kind(34, "frisbee", "sports", (36, 178, 172), frisbee, tilt=24, roundness=0.5),
    Kind(38, "kite", "sports", (44, 104, 214), kite, tilt=28, roundness=0.3),
    Kind(52, "banana", "food", (246, 212, 56), banana, tilt=40, roundness=0.4),
    Kind(53, "apple", "food", (122, 188, 62), apple, tilt=12, roundness=1.0),
    Kind(55, "orange", "food", (242, 140, 34), orange, tilt=30, roundness=1.0),
    Kind(60, "donut", "food", (238, 130, 178), donut, tilt=30, roundness=0.7),
    Kind(85, "clock", "indoor", (246, 243, 234), clock, tilt=6, roundness=0.3),
)
