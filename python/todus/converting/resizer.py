"""Bring an image to a network's size as the frozen graph itself does: TensorFlow's own operation, the same result."""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf
from todus.exporting.tflite_facts import Facts


class Resizer:
    """May be called from several threads. Source of the operation: object_detection/core/preprocessor.py."""

    def __init__(self, height: int, width: int, method: str = "BILINEAR"):
        with tf.Graph().as_default() as graph:
            self._image = tf.placeholder(tf.uint8, [None, None, 3])
            images = tf.cast(self._image, tf.float32)[tf.newaxis]
            how = getattr(tf.image.ResizeMethod, method)
            self._resized = tf.image.resize_images(images, [height, width], how, align_corners=False)
        self._session = tf.Session(graph=graph)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 [height, width, 3] of any size -> float32 [1, the network's height, its width, 3], 0..255."""
        return self._session.run(self._resized, {self._image: image})

    def close(self) -> None:
        self._session.close()


def of(facts: Facts) -> Resizer:
    return Resizer(facts.height, facts.width, facts.resize)
