"""Greedy non-maximum suppression, for models that leave it to whoever runs them."""

import numpy as np
from common import inside


def suppressed(boxes: np.ndarray, scores: np.ndarray, facts: dict, least: float = 0) -> tuple:
    """The best boxes, without those that overlap a better one of their class too much: greedy non-maximum suppression.

    Args:
      boxes: float32 [anchors, 4], ymin, xmin, ymax, xmax.
      scores: float32 [anchors, classes], without the background.
      facts: score_threshold, iou_threshold, max_per_class, max_detections.
      least: lower scores are not asked for. They never suppress a better one, and are most of the work.
    """
    anchors, classes = [], []
    for number in range(scores.shape[1]):
        of_class = scores[:, number]
        is_good = (of_class > np.float32(facts["score_threshold"])) & (of_class >= np.float32(least))
        waiting = np.flatnonzero(is_good)
        waiting = waiting[np.argsort(-of_class[waiting], kind="mergesort")]
        for _ in range(facts["max_per_class"]):
            if not len(waiting):
                break
            anchors.append(waiting[0])
            classes.append(number + 1)
            overlap = overlaps(boxes[waiting[0]], boxes[waiting[1:]])
            waiting = waiting[1:][overlap <= np.float32(facts["iou_threshold"])]
    anchors, classes = np.array(anchors, int), np.array(classes, int)
    boxes, classes, scores = inside(boxes[anchors], classes, scores[anchors, classes - 1])
    best = np.argsort(-scores, kind="mergesort")[: facts["max_detections"]]
    return boxes[best], classes[best], scores[best]


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with each of the others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.prod(np.maximum(sides, 0), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - common
    return np.where(common > 0, common / np.where(union > 0, union, 1), 0)
