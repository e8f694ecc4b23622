"""A detector with a stopwatch."""

from __future__ import annotations

import time

import numpy as np

from todus.detecting.inputs import InputError
from todus.evaluation.detectors import Detections, Detector


class TimedDetector:
    """Finds the objects of one image at a time, and tells how long that took.

    The first image goes through it twice: what is built for the first run is not what a run takes.
    """

    def __init__(self, detector: Detector):
        self._detector, self._is_warm = detector, False

    def __call__(self, image: np.ndarray) -> tuple[Detections, float]:
        """The detections in `image`, uint8 [height, width, 3], RGB; and the milliseconds that they took.

        Raises:
          InputError: the detector cannot take this image, for one that is 1 pixel high and 10,000 wide.
        """
        try:
            if not self._is_warm:
                self._detector.detect([image])
                self._is_warm = True
            started = time.perf_counter()
            (found,) = self._detector.detect([image])
        except Exception as error:  # TensorFlow, LiteRT and onnxruntime have no class of errors in common
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"the detector failed ({reason})") from None
        return found, (time.perf_counter() - started) * 1000
