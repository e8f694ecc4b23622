"""What was found in one image: boxes in its pixels, in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from todus.evaluation.detectors import Detections

MOST_SCORES = 5  # of a category that are told in words


@dataclass(frozen=True)
class Found:
    """One object; `box` is COCO's [x, y, width, height] in pixels of the upright image."""

    category: str
    score: float
    box: list[float]


@dataclass(frozen=True)
class Seen:
    """One image, or one frame of a video (`frame` from 0, `seconds` from its beginning).

    milliseconds: that the detector alone took.
    """

    image: Path
    width: int
    height: int
    milliseconds: float
    found: list[Found]
    frame: int | None = None
    seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        place = {} if self.frame is None else {"frame": self.frame, "seconds": self.seconds}
        return {
            "image": str(self.image),
            **place,
            "width": self.width,
            "height": self.height,
            "milliseconds": round(self.milliseconds, 3),
            "detections": [{"category": one.category, "score": one.score, "box": one.box} for one in self.found],
        }


def in_pixels(detections: Detections, width: int, height: int, threshold: float) -> list[Found]:
    """Those of at least `threshold`, best first, in an image of `width` and `height` pixels."""
    boxes = detections.boxes * np.array([height, width, height, width], np.float64)
    found = []
    for (top, left, bottom, right), score, name in zip(
        boxes.tolist(), detections.scores, detections.names, strict=True
    ):
        if score >= np.float32(threshold):
            found.append(Found(name, float(score), [left, top, right - left, bottom - top]))
    return found


def in_words(found: Sequence[Found]) -> str:
    """`2 bear 0.91 0.84, 1 horse 0.77`; the category with the best score first."""
    scores: dict[str, list[str]] = {}
    for one in found:
        scores.setdefault(one.category, []).append(f"{one.score:.2f}")
    return ", ".join(f"{len(own)} {name} {_few(own)}" for name, own in scores.items()) or "nothing"


def _few(scores: list[str]) -> str:
    return " ".join(scores[:MOST_SCORES]) + (" ..." if len(scores) > MOST_SCORES else "")
