"""From an SSD's raw heads to detections: decode the boxes, suppress non-maxima of each class by itself."""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf
from todus.converting import box_coder
from todus.exporting.tflite_facts import Facts


class RawHeads:
    """Gives the detections that the frozen graph's own post-processing gives. May be called from several threads.

    Source: object_detection/core/post_processing.py.

    Args:
      anchors: float32 [anchors, 4]: y and x of the centre, height, width; 0..1.
    """

    def __init__(self, anchors: np.ndarray, facts: Facts):
        with tf.Graph().as_default() as graph:
            self._encodings = tf.placeholder(tf.float32, [1, len(anchors), 4])
            self._scores = tf.placeholder(tf.float32, [1, len(anchors), None])
            boxes = box_coder.decoded(self._encodings, anchors, facts.box_scales)
            self._found = _suppressed(boxes, self._scores[:, :, -len(facts.labels) :], facts)
        self._session = tf.Session(graph=graph)

    def __call__(self, encodings: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes float32 [n, 4] (ymin, xmin, ymax, xmax), classes [n] (0 is the first label), scores [n], best first.

        Args:
          encodings: float32 [1, anchors, 4].
          scores: float32 [1, anchors, classes], or with the background before them.
        """
        boxes, found, classes, count = self._session.run(
            self._found, {self._encodings: encodings, self._scores: scores}
        )
        there = slice(int(count[0]))
        boxes = boxes[0, there]
        in_the_image = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # what lies outside has no area, once it is clipped
        return boxes[in_the_image], classes[0, there][in_the_image].astype(int), found[0, there][in_the_image]

    def close(self) -> None:
        self._session.close()


def _suppressed(boxes: tf.Tensor, scores: tf.Tensor, facts: Facts) -> tuple[tf.Tensor, ...]:
    """Boxes overlap as they are, and are clipped to the image afterwards, as the API does it."""
    return tf.image.combined_non_max_suppression(
        boxes[:, :, tf.newaxis],
        scores,
        max_output_size_per_class=facts.max_per_class,
        max_total_size=facts.max_detections,
        iou_threshold=facts.iou_threshold,
        score_threshold=facts.score_threshold,
        clip_boxes=True,
    )
