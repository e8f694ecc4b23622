"""What a frozen detection graph tells of itself: how many classes it has, and which scores it drops."""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf
from todus.zoo.class_axis import SECOND_STAGE


def class_count(graph: tf.GraphDef) -> int | None:
    """How many classes a frozen graph scores, the background not counted; None if that cannot be told.

    Told by the biases of its heads. Faster R-CNN and Mask R-CNN have an output for each class and the background. With
    R-FCN each bin of a box has these, and in another head 4 for each class. Each anchor of an SSD has them, and in
    another head 4 whatever the classes. The first stage only tells objects from background.
    """
    ends = ("Predictor/biases", "/class_predictions/biases", "/refined_locations/biases")
    sizes = {n.name: _constant(n).size for n in graph.node if n.op == "Const" and n.name.endswith(ends)}
    second_stage = {name: size for name, size in sizes.items() if f"{SECOND_STAGE}/" in name}
    count = _classes_of_second_stage(second_stage) if second_stage else _classes_of_ssd(sizes)
    return count if count and count > 0 else None


def _classes_of_second_stage(sizes: dict[str, int]) -> int | None:
    by_layer = {name.split("/")[-2]: size for name, size in sizes.items()}
    if "ClassPredictor" in by_layer:
        return by_layer["ClassPredictor"] - 1
    scores, boxes = by_layer.get("class_predictions"), by_layer.get("refined_locations")
    if scores is None or boxes is None or boxes % 4 or scores <= boxes // 4:
        return None
    bins = scores - boxes // 4  # the columns of the background, which has no box
    return boxes // 4 // bins if boxes // 4 % bins == 0 else None


def _classes_of_ssd(sizes: dict[str, int]) -> int | None:
    for name, scores in sizes.items():
        scope, found, _ = name.rpartition("ClassPredictor/biases")
        box_heads = (f"{scope}{layer}/biases" for layer in ("BoxEncodingPredictor", "BoxPredictor"))
        boxes = next((sizes[head] for head in box_heads if head in sizes), None)
        if found and boxes and "FirstStage" not in scope and 4 * scores % boxes == 0:
            return 4 * scores // boxes - 1
    return None


def baked_score_threshold(graph: tf.GraphDef) -> float | None:
    """The score threshold that a frozen graph was exported with, if it can be told.

    Exports of 2018 and before drop low scores in an operation of their own, before non-maximum suppression; later
    ones give the threshold as the fifth input of NonMaxSuppressionV3 and its successors (-inf there drops nothing), and
    as the sixth of CombinedNonMaxSuppression.
    """
    nodes = {node.name: node for node in graph.node}
    filters = [node for name, node in nodes.items() if name.endswith("FilterGreaterThan/Greater/y")]
    given = [name for node in graph.node for name in node.input[_threshold_of(node)]]
    candidates = [*filters, *(nodes.get(name.split(":")[0]) for name in given)]
    thresholds = [float(_constant(node)) for node in candidates if node is not None and node.op == "Const"]
    return max(0.0, *thresholds) if thresholds else None


def _threshold_of(node: tf.NodeDef) -> slice:
    """Which of its inputs is a score threshold."""
    if node.op == "CombinedNonMaxSuppression":
        return slice(5, 6)
    return slice(4, 5) if node.op.startswith("NonMaxSuppressionV") else slice(0)


def _constant(node: tf.NodeDef) -> np.ndarray:
    return tf.make_ndarray(node.attr["value"].tensor)
