"""The ends of ONNX detectors: ONNX's own operations do what the API does; the plugin's node is as TensorRT wants it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from converting import onnx_models
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.converting import greedy_suppression, onnx_runner
from todus.converting.onnx_facts import BOXES, CLASSES, COUNT, RAW_BOXES, RAW_SCORES, SCORES, Form
from todus.exporting.tflite_facts import Facts

NAMES = [BOXES, SCORES, CLASSES, COUNT]


def of_the_api(boxes: np.ndarray, scores: np.ndarray, facts: Facts) -> list[np.ndarray]:
    """The detections of a batch by the Object Detection API's own post-processing, as its exporter writes them."""
    from object_detection.builders import post_processing_builder

    config = pipelines.parse("model { ssd { post_processing { batch_non_max_suppression {} } } }")
    limits = config.model.ssd.post_processing.batch_non_max_suppression
    limits.score_threshold, limits.iou_threshold = facts.score_threshold, facts.iou_threshold
    limits.max_detections_per_class, limits.max_total_detections = facts.max_per_class, facts.max_detections
    with tf.Graph().as_default(), tf.Session() as session:
        suppress, _ = post_processing_builder.build(config.model.ssd.post_processing)
        window = tf.constant([0, 0, 1, 1], tf.float32)
        found = suppress(tf.constant(boxes[:, :, None]), tf.constant(scores[:, :, 1:]), clip_window=window)
        return session.run([found[0], found[1], found[2] + 1, tf.cast(found[5], tf.float32)])


@pytest.mark.parametrize("opset", [13, 18])
def test_it_finds_what_the_api_finds_in_each_image_of_a_batch(opset: int) -> None:
    facts, form = onnx_models.facts(), Form(batch="dynamic", opset=opset)
    boxes, scores = onnx_models.crowd(images=4)
    scores[1] *= 0.105  # few are above the threshold: padding
    scores[2] = 0  # none are
    model = onnx_models.suppression_alone(facts, form)
    onnx.checker.check_model(model, full_check=True)
    found = onnx_runner.session(model).run(NAMES, {RAW_BOXES: boxes, RAW_SCORES: scores})
    for mine, its in zip(found, of_the_api(boxes, scores, facts), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_array_equal(mine, its)
    assert found[3].tolist()[0] == 12 and found[3].tolist()[2] == 0 and 0 < found[3].tolist()[1] < 12


def test_both_limits_and_both_thresholds_count() -> None:
    boxes, scores = onnx_models.crowd(images=1)
    usual = onnx_models.facts()
    counts = [_count(boxes, scores, usual)]
    fewer = {"max_detections": 5, "max_per_class": 5}
    for change in ({"max_per_class": 1}, fewer, {"score_threshold": 0.97}, {"iou_threshold": 0.01}):
        facts = onnx_models.facts(**change)
        counts.append(_count(boxes, scores, facts))
        assert counts[-1] == of_the_api(boxes, scores, facts)[3][0]
    assert counts[0] == 12 and 0 < counts[1] <= 3 and counts[2] == 5 and 0 < counts[3] < 12, counts


def _count(boxes: np.ndarray, scores: np.ndarray, facts: Facts) -> float:
    model = onnx_models.suppression_alone(facts, Form())
    return onnx_runner.session(model).run([COUNT], {RAW_BOXES: boxes, RAW_SCORES: scores})[0][0]


def test_the_suppression_in_numpy_is_the_api_s_too() -> None:
    facts = onnx_models.facts()
    for seed in range(3):
        boxes, scores = onnx_models.crowd(images=1, seed=seed)
        expected = of_the_api(boxes, scores, facts)
        n = int(expected[3][0])
        for mine, its in zip(greedy_suppression.suppressed(boxes[0], scores[0], facts), expected, strict=False):
            np.testing.assert_array_equal(mine, its[0, :n])
    nothing = greedy_suppression.suppressed(boxes[0], np.zeros_like(scores[0]), facts)
    assert [len(values) for values in nothing] == [0, 0, 0]


def plugin_of(model: onnx.ModelProto) -> onnx.NodeProto:
    (node,) = [node for node in model.graph.node if node.op_type == "EfficientNMS_TRT"]
    return node


@pytest.mark.parametrize(("batch", "size"), [("1", 1), ("dynamic", "batch")])
def test_the_plugin_s_node_is_as_its_definition_wants_it(batch: str, size: int | str) -> None:
    facts = onnx_models.facts()
    model = onnx_models.suppression_alone(facts, Form(nms="tensorrt", batch=batch))
    onnx.checker.check_model(model, full_check=True)
    node = plugin_of(model)
    assert {a.name: (a.type, onnx.helper.get_attribute_value(a)) for a in node.attribute} == {
        "plugin_version": (onnx.AttributeProto.STRING, b"1"),
        "score_threshold": (onnx.AttributeProto.FLOAT, pytest.approx(0.1)),
        "iou_threshold": (onnx.AttributeProto.FLOAT, pytest.approx(0.5)),
        "max_output_boxes": (onnx.AttributeProto.INT, 12),
        "background_class": (onnx.AttributeProto.INT, 0),
        "score_activation": (onnx.AttributeProto.INT, 0),
        "class_agnostic": (onnx.AttributeProto.INT, 0),
        "box_coding": (onnx.AttributeProto.INT, 0),
    }
    assert list(node.input) == [RAW_BOXES, RAW_SCORES]
    assert list(node.output) == ["num_detections", "detection_boxes", "detection_scores", "detection_classes"]
    assert {entry.domain for entry in model.opset_import} == {"", node.domain}
    int32, float32 = onnx.TensorProto.INT32, onnx.TensorProto.FLOAT
    assert {output.name: _type(output) for output in model.graph.output} == {
        COUNT: (int32, [size, 1]),
        BOXES: (float32, [size, 12, 4]),
        SCORES: (float32, [size, 12]),
        CLASSES: (int32, [size, 12]),
    }


def _type(value: onnx.ValueInfoProto) -> tuple[int, list]:
    tensor = value.type.tensor_type
    return tensor.elem_type, [dimension.dim_param or dimension.dim_value for dimension in tensor.shape.dim]


def test_by_its_definition_the_plugin_finds_what_the_api_finds() -> None:
    facts = onnx_models.facts(max_per_class=12)  # it knows no limit for a class
    boxes, scores = onnx_models.crowd(images=2)
    boxes = (boxes * 0.6 + 0.15).astype(np.float32)  # what lies outside the image, it keeps
    node = plugin_of(onnx_models.suppression_alone(facts, Form(nms="tensorrt")))
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    count, found, found_scores, classes = onnx_models.efficient_nms(boxes, scores, attributes)
    expected = of_the_api(boxes, scores, facts)
    np.testing.assert_array_equal(np.clip(found, 0, 1), expected[0])
    np.testing.assert_array_equal(found_scores, expected[1])
    np.testing.assert_array_equal(classes, expected[2])
    np.testing.assert_array_equal(count[:, 0], expected[3])
    assert (count.dtype, classes.dtype) == (np.int32, np.int32)
