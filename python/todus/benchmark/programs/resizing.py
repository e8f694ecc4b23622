"""Bring an image to a network's size by OpenCV, as most programs on devices do. It takes no antialiasing filter, as
TensorFlow's operation in a frozen graph takes none."""

from __future__ import annotations

import cv2
import numpy as np

from todus.exporting.tflite_facts import Facts

_METHODS = {
    "BILINEAR": cv2.INTER_LINEAR,
    "NEAREST_NEIGHBOR": cv2.INTER_NEAREST,
    "BICUBIC": cv2.INTER_CUBIC,
    "AREA": cv2.INTER_AREA,
}


def resized(image: np.ndarray, facts: Facts) -> np.ndarray:
    """uint8 [height, width, 3] of any size -> uint8 [1, the network's height, its width, 3]."""
    return cv2.resize(image, (facts.width, facts.height), interpolation=_METHODS[facts.resize])[np.newaxis]


def set_threads(count: int) -> None:
    cv2.setNumThreads(count)
