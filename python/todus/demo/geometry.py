"""The outlines that objects are drawn with: polygons, float64 [n, 2] of (x, y), x to the right and y down."""

from __future__ import annotations

from math import tau

import numpy as np


def ellipse(x: float, y: float, rx: float, ry: float, start: float = 0.0, stop: float = 1.0, n: int = 44) -> np.ndarray:
    """Points on an ellipse from turn `start` to turn `stop` (0 is to the right, 0.25 is down)."""
    angle = np.linspace(start, stop, n, endpoint=stop - start != 1.0) * tau
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def ribbon(points: np.ndarray | list, widths: float | np.ndarray) -> np.ndarray:
    """The outline of a band along a line; `widths` is its full width, at every point or everywhere."""
    points = np.asarray(points, dtype=float)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * (np.broadcast_to(widths, len(points)) / 2)[:, None]
    return np.concatenate([points + across, (points - across)[::-1]])


def rounded_box(half_width: float, half_height: float, radius: float) -> np.ndarray:
    corners = [(1, 1, 0.0), (-1, 1, 0.25), (-1, -1, 0.5), (1, -1, 0.75)]
    return np.concatenate(
        [
            ellipse(sx * (half_width - radius), sy * (half_height - radius), radius, radius, turn, turn + 0.25, 8)
            for sx, sy, turn in corners
        ]
    )


def regular_polygon(sides: int, radius: float, turn: float) -> np.ndarray:
    return ellipse(0, 0, radius, radius, turn, turn + 1.0, sides)
