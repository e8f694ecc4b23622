"""A few images of a batch as the detector saw them, with what it was to find."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from todus import picture

COUNT = 3


def drawn(images: np.ndarray, boxes: np.ndarray) -> Iterator[np.ndarray]:
    """The first COUNT images with their boxes: uint8 [height, width, 3] each.

    Args:
      images: uint8 [batch, height, width, 3].
      boxes: float32 [batch, n, 4], (ymin, xmin, ymax, xmax) from 0 to 1; rows of zeros are none.
    """
    for image, corners in zip(images[:COUNT], boxes[:COUNT], strict=True):
        height, width = image.shape[:2]
        top, left, bottom, right = (corners[corners.any(axis=1)] * [height, width, height, width]).T
        found = np.stack([left, top, right - left, bottom - top], axis=1)
        yield np.asarray(picture.draw_boxes(Image.fromarray(image), [picture.Box(box, "") for box in found]))
