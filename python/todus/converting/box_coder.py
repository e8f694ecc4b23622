"""From encoded boxes to boxes, in a TensorFlow graph."""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf


def decoded(encodings: tf.Tensor, anchors: np.ndarray, scales: list[float]) -> tf.Tensor:
    """Corners (ymin, xmin, ymax, xmax) of encoded boxes, both float32 [batch, anchors, 4].

    Source: object_detection/box_coders/faster_rcnn_box_coder.py.

    Args:
      anchors: float32 [anchors, 4]: y and x of the centre, height, width.
      scales: what encoded boxes are divided by.
    """
    centre = encodings[:, :, :2] * (anchors[:, 2:] / np.float32(scales[:2])) + anchors[:, :2]
    half = tf.exp(encodings[:, :, 2:] / np.float32(scales[2:])) * (anchors[:, 2:] / 2)
    return tf.concat([centre - half, centre + half], axis=2)
