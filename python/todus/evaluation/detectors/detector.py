"""What every detector is, whatever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from todus.coco.label_map import LabelMap


@dataclass(frozen=True)
class Detections:
    """What was found in one image, best score first.

    boxes: float32 [n, 4], ymin, xmin, ymax, xmax, normalised to 0..1.
    scores: float32 [n], 0..1.
    names: the category of each, n of them.
    """

    boxes: np.ndarray
    scores: np.ndarray
    names: list[str]

    def in_pixels(self, width: int, height: int) -> list[list[float]]:
        """The boxes as COCO has them, [x, y, width, height], in an image of `width` and `height` pixels."""
        boxes = self.boxes * np.array([height, width, height, width], np.float64)
        return [[left, top, right - left, bottom - top] for top, left, bottom, right in boxes.tolist()]


class Detector(ABC):
    """Finds the objects in images.

    label_map: the classes that it names; detections of others are left out.
    score_threshold: what it drops by itself, or None if that cannot be told.
    batch_size: how many images it likes to be given at once.
    at_once: how many threads may be in detect(): as many as keep the cores busy, each takes memory.
    """

    label_map: LabelMap
    score_threshold: float | None
    batch_size: int
    at_once: int = 2

    @abstractmethod
    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        """Find the objects in `images`; any number, any sizes. May be called from several threads.

        Args:
          images: uint8 [height, width, 3] each, RGB.

        Returns:
          The detections of each image, in the images' order.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what the detector holds. It cannot be used afterwards."""


def named(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, label_map: LabelMap) -> Detections:
    """Detections of the classes that `label_map` names (COCO's 90 ids have holes).

    Args:
      boxes: float32 [n, 4].
      scores: float32 [n], best first.
      classes: [n], ids of the label map.
    """
    names = [label_map.names.get(int(number)) for number in classes]
    kept = [i for i, name in enumerate(names) if name is not None]
    return Detections(boxes[kept], scores[kept], [names[i] for i in kept])
