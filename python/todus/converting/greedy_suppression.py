"""Non-maximum suppression as the Object Detection API does it, in NumPy: what a file's own is compared with, and what
detects with a file that has none.

Source: object_detection/core/post_processing.py (multiclass_non_max_suppression).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from todus.exporting.tflite_facts import Facts


def suppressed(boxes: np.ndarray, scores: np.ndarray, facts: Facts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The detections of one image, best first: boxes float32 [n, 4], scores float32 [n], classes int [n], from 1.

    Each class by itself; then the best of all classes, clipped to the image, less those without area there.

    Args:
      boxes: float32 [anchors, 4]: ymin, xmin, ymax, xmax, 0..1.
      scores: float32 [anchors, 1 + classes], the background first.
    """
    anchors, classes = [], []
    for class_number, of_class in enumerate(scores.T[1:], start=1):
        kept = list(_kept(boxes, of_class, facts))
        anchors += kept
        classes += [class_number] * len(kept)
    anchors, classes = np.array(anchors, int), np.array(classes, int)
    inside, found = np.clip(boxes[anchors], np.float32(0), np.float32(1)), scores[anchors, classes]
    candidates = np.flatnonzero(_area(inside) > 0)
    best = candidates[np.argsort(-found[candidates], kind="stable")][: facts.max_detections]
    return inside[best], found[best], classes[best]


def _kept(boxes: np.ndarray, scores: np.ndarray, facts: Facts) -> Iterator[int]:
    """The anchors of one class that survive, best first."""
    above = np.flatnonzero(scores > np.float32(facts.score_threshold))
    waiting = above[np.argsort(-scores[above], kind="stable")]
    for _ in range(facts.max_per_class):
        if not len(waiting):
            return
        yield int(waiting[0])
        overlap = intersection_over_union(boxes[waiting[0]], boxes[waiting[1:]])
        waiting = waiting[1:][overlap <= np.float32(facts.iou_threshold)]


def intersection_over_union(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float32 [n], of one box, [4], with each of `others`, [n, 4]; 0 where they do not overlap."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.prod(np.maximum(sides, 0), axis=1)
    union = _area(box[np.newaxis]) + _area(others) - common
    return np.divide(common, union, out=np.zeros_like(common), where=common > 0)


def _area(boxes: np.ndarray) -> np.ndarray:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
