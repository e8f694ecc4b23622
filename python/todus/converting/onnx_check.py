"""Whether an ONNX model computes what the graph it was made of computes, shown on one image."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from todus.bridge.graph_mode import tf
from todus.converting import agreement, greedy_suppression, onnx_graph, onnx_runner
from todus.converting.agreement import DisagreementError, Distance
from todus.converting.onnx_facts import BOXES, CLASSES, COUNT, IMAGE, ONNX, RAW_BOXES, RAW_SCORES, SCORES, Form
from todus.converting.quiet import quiet
from todus.exporting.tflite_facts import Facts

# The largest Distance that is allowed. In 8 bits onnxruntime rounds in other places.
TOLERANCE, TOLERANCE_IN_8_BITS = 0.001, 0.2
SAME_SCORE, SAME_PLACE = 1e-3, 0.99  # of two detections: difference of the scores, intersection over union of the boxes
_MOST_OTHERS = 0.05  # of the detections: boxes that overlap by the limit, to the last bit, can fall either way


def require_agreement(
    graph: tf.GraphDef, model: onnx.ModelProto, facts: Facts, form: Form, image: np.ndarray
) -> Distance:
    """How far `model` is from `graph` on an image, uint8 [height, width, 3] of any size.

    Raises:
      DisagreementError: farther than it may, or its detections are not those of its boxes and scores.
    """
    feeder = onnx_runner.Feeder(facts, form)
    fed = feeder(image)
    feeder.close()
    found = onnx_runner.session(without_suppression(model)).run([RAW_BOXES, RAW_SCORES], {IMAGE: fed})
    with quiet():
        expected = onnx_graph.run(graph, fed)
    distance = agreement.distance(expected, found)
    allowed = tolerance(facts)
    if not distance.largest <= allowed:  # not a number is no agreement
        raise DisagreementError(
            f"the ONNX file disagrees with its graph: boxes by {distance.boxes:.2g} and scores by "
            f"{distance.scores:.2g} of their spread, where {allowed:g} is allowed; it was not kept"
        )
    if form.nms == ONNX:
        _require_detections(model, fed, greedy_suppression.suppressed(found[0][0], found[1][0], facts))
    return distance


def tolerance(facts: Facts) -> float:
    return TOLERANCE_IN_8_BITS if facts.is_quantized else TOLERANCE


def without_suppression(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, giving raw boxes and scores."""
    heads = onnx.ModelProto()
    heads.CopyFrom(model)
    nodes = [node for node in heads.graph.node if not node.name.startswith("suppression")]
    del heads.graph.node[:]
    heads.graph.node.extend(nodes)
    del heads.graph.output[:]
    heads.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3) for name in (RAW_BOXES, RAW_SCORES)
    )
    return heads


def _require_detections(model: onnx.ModelProto, fed: np.ndarray, expected: tuple[np.ndarray, ...]) -> None:
    names = [BOXES, SCORES, CLASSES, COUNT]
    boxes, scores, classes, count = (output[0] for output in onnx_runner.session(model).run(names, {IMAGE: fed}))
    n = int(count)
    others = abs(n - len(expected[0])) + unlike((boxes[:n], scores[:n], classes[:n]), expected)
    if others > _MOST_OTHERS * max(n, len(expected[0])):
        raise DisagreementError(
            f"{others} of the {n} detections of the ONNX file are not those of its boxes and scores; it was not kept"
        )


def unlike(found: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...]) -> int:
    """How many detections have no counterpart of the same class, score and place among those expected.

    Args:
      found, expected: boxes [n, 4], scores [n], classes [n].
    """
    return sum(not _is_among(*detection, *expected) for detection in zip(*found, strict=True))


def _is_among(
    box: np.ndarray, score: float, number: float, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray
) -> bool:
    alike = (np.abs(scores - score) < SAME_SCORE) & (classes == number)
    return bool((greedy_suppression.intersection_over_union(box, boxes[alike]) > SAME_PLACE).any())
