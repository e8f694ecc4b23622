"""Small ONNX models for the tests, and TensorRT's EfficientNMS_TRT by its definition."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from todus.converting import onnx_suppression
from todus.converting.onnx_facts import DYNAMIC, RAW_BOXES, RAW_SCORES, Form
from todus.exporting.tflite_facts import Facts


def facts(**changed: object) -> Facts:
    given = {
        "checkpoint": "model.ckpt-7",
        "labels": ["dog", "???", "traffic light"],
        "height": 96,
        "width": 96,
        "resize": "BILINEAR",
        "mean": [127.5] * 3,
        "deviation": [127.5] * 3,
        "is_quantized": False,
        "suppression": "regular",
        "score_threshold": 0.1,
        "iou_threshold": 0.5,
        "max_detections": 12,
        "max_per_class": 8,
        "box_scales": [10.0, 10.0, 5.0, 5.0],
    }
    return Facts(**{**given, **changed})


def suppression_alone(facts: Facts, form: Form) -> onnx.ModelProto:
    """A model that takes raw boxes and scores, and only suppresses."""
    batch = "batch" if form.batch == DYNAMIC else 1
    inputs = [
        helper.make_tensor_value_info(RAW_BOXES, TensorProto.FLOAT, [batch, "anchors", 4]),
        helper.make_tensor_value_info(RAW_SCORES, TensorProto.FLOAT, [batch, "anchors", 1 + len(facts.labels)]),
    ]
    graph = helper.make_graph([], "suppression", inputs, [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", form.opset)], ir_version=8)
    onnx_suppression.append(model, facts, form)
    return model


def crowd(images: int, anchors: int = 60, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Many boxes in few places, some beyond the image, some without area in it; scores with the background first."""
    random = np.random.default_rng(seed)
    places = random.uniform(-0.2, 1.1, (6, 2))
    corners = places[random.integers(0, 6, (images, anchors))] + random.normal(0, 0.03, (images, anchors, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0.05, 0.3, (images, anchors, 2))], axis=2)
    boxes[:, :5] = [1.1, 1.1, 1.4, 1.4]
    scores = random.uniform(0, 1, (images, anchors, 1 + classes))
    return boxes.astype(np.float32), scores.astype(np.float32)


def efficient_nms(
    boxes: np.ndarray, scores: np.ndarray, attributes: dict
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What EfficientNMS_TRT gives for corners and given scores: count, boxes, scores, classes.

    Source: NVIDIA/TensorRT, plugin/efficientNMSPlugin (Apache-2.0): README.md, efficientNMSInference.cu.
    """
    assert (attributes["box_coding"], attributes["score_activation"], attributes["class_agnostic"]) == (0, 0, 0)
    most, found = attributes["max_output_boxes"], []
    for of_image, scores_of_image in zip(boxes, scores, strict=True):
        anchors, classes = np.nonzero(scores_of_image >= np.float32(attributes["score_threshold"]))
        is_object = classes != attributes["background_class"]
        anchors, classes = anchors[is_object], classes[is_object]
        best = np.argsort(-scores_of_image[anchors, classes], kind="stable")
        kept: list[tuple[int, int]] = []
        for candidate in zip(anchors[best], classes[best], strict=True):
            if len(kept) < most and not _overlaps(candidate, kept, of_image, attributes["iou_threshold"]):
                kept.append(candidate)
        found.append(_written(kept, of_image, scores_of_image, most))
    return tuple(np.stack(values) for values in zip(*found, strict=True))


def _overlaps(candidate: tuple[int, int], kept: list[tuple[int, int]], boxes: np.ndarray, limit: float) -> bool:
    anchor, number = candidate
    return any(number == other and overlap(boxes[anchor], boxes[place]) >= limit for place, other in kept)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes, corner by corner."""
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    if height <= 0 or width <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(height * width / (sum(areas) - height * width))


def _written(kept: list[tuple[int, int]], boxes: np.ndarray, scores: np.ndarray, most: int) -> tuple[np.ndarray, ...]:
    count = np.array([len(kept)], np.int32)
    padding = most - len(kept)
    anchors, classes = (np.array([pair[i] for pair in kept], int) for i in (0, 1))
    return (
        count,
        np.pad(boxes[anchors], ((0, padding), (0, 0))),
        np.pad(scores[anchors, classes], (0, padding)),
        np.pad(classes, (0, padding)).astype(np.int32),
    )
