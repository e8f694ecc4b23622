"""What comes of one image: what a detector finds in it and how long that takes, or why it cannot be used."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from todus.picture import Box

if TYPE_CHECKING:
    from todus.evaluation.detectors import Detections, Detector


class InputError(Exception):
    """One image or video cannot be used; the text says why, in a few words. The others go on."""


@dataclass(frozen=True)
class ImageResult:
    """What was found in one image, or in one frame of a video (`frame` from 0, `seconds` from its beginning).

    width, height: in pixels, upright; `boxes` are in these pixels, best first.
    milliseconds: that the detector alone took.
    """

    image: Path
    width: int
    height: int
    milliseconds: float
    boxes: list[Box]
    frame: int | None = None
    seconds: float | None = None


class TimedDetector:
    """Finds the objects of one image at a time, and tells how long that took.

    The first image goes through it twice: what is built for the first run is not what a run takes.
    """

    def __init__(self, detector: Detector):
        self._detector, self._is_warm = detector, False

    def __call__(self, pixels: np.ndarray) -> tuple[Detections, float]:
        """The detections in `pixels`, uint8 [height, width, 3], RGB; and the milliseconds that they took.

        Raises:
          InputError: the detector cannot take this image, for instance one that is 1 pixel high and 10,000 wide.
        """
        try:
            if not self._is_warm:
                self._detector.detect([pixels])
                self._is_warm = True
            started = time.perf_counter()
            (found,) = self._detector.detect([pixels])
        except Exception as error:  # TensorFlow, LiteRT and onnxruntime have no class of errors in common
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"the detector failed ({reason})") from None
        return found, (time.perf_counter() - started) * 1000


def boxes_from(threshold: float, detections: Detections, width: int, height: int) -> list[Box]:
    """The boxes of at least `threshold`, best first, in an image of `width` and `height` pixels."""
    least = np.float32(threshold)  # as the scores are
    found = zip(detections.in_pixels(width, height), detections.names, detections.scores, strict=True)
    return [Box(bbox, name, float(score)) for bbox, name, score in found if score >= least]
