"""What comes of one image: its boxes in pixels, and the time without the first run, which builds the graph."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from todus.detecting.results import InputError, TimedDetector, boxes_from
from todus.evaluation.detectors import Detections, Detector

SLOW = 0.3  # seconds that the first run takes


def test_boxes_are_in_pixels() -> None:
    boxes = np.array([[0.25, 0.5, 0.75, 1.0], [0, 0, 1, 1]], np.float32)
    first, second = boxes_from(0.0, Detections(boxes, np.array([0.5, 0.25], np.float32), ["bear", "horse"]), 640, 400)
    assert (first.bbox, first.name, first.score) == ([320, 100, 320, 200], "bear", 0.5)
    assert (second.bbox, second.name, second.score) == ([0, 0, 640, 400], "horse", 0.25)


def test_a_score_that_equals_the_threshold_counts() -> None:
    scores = np.array([0.9, 0.7, 0.69], np.float32)  # 0.7 is less in 32 bits than in 64
    found = Detections(np.zeros((3, 4), np.float32), scores, ["bear"] * 3)
    assert len(boxes_from(0.7, found, 64, 64)) == 2


class SlowAtFirst(Detector):
    """Takes its time for the first image, and no image that is one pixel high."""

    def __init__(self) -> None:
        self.runs = 0

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        if len(images[0]) == 1:
            raise RuntimeError("cannot resize\nto 0 pixels")
        self.runs += 1
        if self.runs == 1:
            time.sleep(SLOW)
        return [Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])]

    def close(self) -> None:
        pass


def test_the_first_run_does_not_count() -> None:
    detector = SlowAtFirst()
    timed = TimedDetector(detector)
    assert all(timed(np.zeros((4, 4, 3), np.uint8))[1] < SLOW * 1000 for _ in range(2))
    assert detector.runs == 3


def test_an_image_that_the_detector_cannot_take_is_told_of_in_a_line() -> None:
    timed = TimedDetector(SlowAtFirst())
    with pytest.raises(InputError, match=r"^the detector failed \(cannot resize\)$"):
        timed(np.zeros((1, 4, 3), np.uint8))
    assert timed(np.zeros((4, 4, 3), np.uint8))[0].names == []
