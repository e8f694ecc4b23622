"""Recognise the non-maximum suppression at the end of an SSD's graph, and what it is told.

Recognised is what the API has exported since 2019: in a loop over the images a NonMaxSuppressionV5 for each class, all
on the same boxes; then the boxes of all classes together are clipped to the image, those without area dropped, and the
best kept. Source: object_detection/core/post_processing.py (multiclass_non_max_suppression). Anything else, the
suppression of older exports, soft, class-agnostic or combined suppression among them, is left to the graph itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from todus.bridge.graph_mode import tf
from todus.converting.frozen_graph import FrozenGraph, inputs
from todus.evaluation.detectors.preparation import element_shape

_LOOP = "Postprocessor/BatchMultiClassNonMaxSuppression/map/while/MultiClassNonMaxSuppression/"
_STEPS = ("ClipToWindow", "ChangeCoordinateFrame", "SortByField", "SortByField_1")
_OPERATION = "NonMaxSuppressionV5"
_HANDED_ON = {"Identity", "Reshape", "Slice", "Unpack", "TensorArrayReadV3"}


@dataclass(frozen=True)
class Suppression:
    """What the graph suppresses, and how.

    boxes: name of the node with the decoded boxes, float32 [batch, anchors, 1, 4], neither clipped nor sorted.
    scores: name of the node with the scores, float32 [batch, anchors, classes], without background.
    score_threshold: scores have to be above it.
    iou_threshold: of two boxes of a class that overlap by more, the worse goes.
    """

    boxes: str
    scores: str
    class_count: int
    score_threshold: np.float32
    iou_threshold: np.float32
    max_per_class: int
    max_total: int


def find(graph: FrozenGraph) -> Suppression | None:
    """The suppression of `graph`, or None if it is not the kind that is known."""
    operations = [node for node in graph.nodes.values() if node.op.startswith(("NonMaxSuppression", "Combined"))]
    steps = {name.removeprefix(_LOOP).split("/")[0] for name in graph.nodes if name.startswith(_LOOP)}
    in_place = all(node.op == _OPERATION and node.name.startswith(_LOOP) for node in operations)
    max_total = _max_total(graph)
    if not operations or not in_place or not steps.issuperset(_STEPS) or max_total is None:
        return None
    settings = {_settings(graph, node) for node in operations}
    boxes = {_source(graph, node.input[0])[0] for node in operations}
    scores = {_source(graph, node.input[1])[0] for node in operations}
    columns = sorted(_source(graph, node.input[1])[1] for node in operations)
    if len(settings) > 1 or len(boxes) > 1 or len(scores) > 1 or columns != list(range(len(operations))):
        return None
    (found,), (box,), (score,) = settings, boxes, scores
    if found is None or box is None or score is None:
        return None
    max_per_class, iou_threshold, score_threshold = found
    return Suppression(box, score, len(operations), score_threshold, iou_threshold, max_per_class, max_total)


def _max_total(graph: FrozenGraph) -> int | None:
    """How many detections the graph gives for an image: the loop pads those of each image to that."""
    shape = element_shape(graph.source("detection_boxes"))
    return shape[0].value if shape.rank == 2 else None


def _settings(graph: FrozenGraph, node: tf.NodeDef) -> tuple[int, np.float32, np.float32] | None:
    """Most boxes of a class, IoU threshold, score threshold; None if they are computed, or the suppression is soft."""
    limit = graph.source(inputs(node)[2])
    most = [value for name in inputs(limit) if (value := graph.constant(name)) is not None]
    thresholds = [graph.constant(name) for name in inputs(node)[3:6]]
    if limit.op != "Minimum" or len(most) != 1 or any(value is None for value in thresholds):
        return None
    iou, score, soft_sigma = (np.float32(value) for value in thresholds)
    return (int(most[0]), iou, score) if soft_sigma == 0 and score >= 0 else None


def _source(graph: FrozenGraph, name: str) -> tuple[str | None, int]:
    """Where the loop takes a value from, seen through all that only cuts it up; and the class that it is cut down to.

    None where the value is changed on its way.
    """
    column = -1
    node = graph.nodes[name.split(":")[0]]
    while node.op in _HANDED_ON:
        if node.op == "Slice" and node.name.startswith(_LOOP):
            begin = graph.constant(inputs(node)[1])
            column = int(begin[-1]) if begin is not None else -1
        if node.op == "TensorArrayReadV3":
            return _scattered(graph, node), column
        node = graph.nodes[inputs(node)[0]]
    return None, column


def _scattered(graph: FrozenGraph, read: tf.NodeDef) -> str | None:
    """What was put into the array that `read` takes an image's part of."""
    entered = graph.nodes[inputs(read)[2]]
    scatter = graph.nodes[inputs(entered)[0]] if entered.op == "Enter" else entered
    return inputs(scatter)[2] if scatter.op == "TensorArrayScatterV3" else None
