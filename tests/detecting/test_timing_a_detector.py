"""The stopwatch: the first run, which builds the graph, is not in it; and what a detector cannot take is told of."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from todus.detecting.inputs import InputError
from todus.detecting.timed_detector import TimedDetector
from todus.evaluation.detectors import Detections, Detector

SLOW = 0.3  # seconds that the first run takes


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
