"""Detectors of every SSD family find as ONNX, in onnxruntime, what the frozen graph finds in TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from todus import checkpoint
from todus.bench import lifelike
from todus.bridge import detection_model
from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.converting import (
    onnx_check,
    onnx_conversion,
    onnx_graph,
    onnx_runner,
    onnx_source,
    onnx_suppression,
)
from todus.converting.onnx_check import DisagreementError
from todus.converting.onnx_facts import BOXES, CLASSES, COUNT, IMAGE, RAW_BOXES, RAW_SCORES, SCORES, Form
from todus.converting.onnx_source import Source
from todus.errors import UserError
from todus.exporting.tflite_facts import Facts
from zoo import families

CATEGORIES = LabelMap({1: "dog", 2: "cat", 3: "traffic light"})
FAMILIES = {
    "ssd mobilenet v1": Form(batch="dynamic"),
    "ssd with hidden layers": Form(batch="dynamic", input="float", layout="nchw", opset=15),  # MobileNet v2
    "ssdlite": Form(batch="dynamic", opset=18),
    "ssd inception v2": Form(batch="dynamic", layout="nchw"),
    "fpn": Form(batch="dynamic", preprocess=True),
    "ppn": Form(batch="dynamic", input="float"),
}


@dataclass(frozen=True)
class Detector:
    source: Source
    images: np.ndarray
    said: lifelike.Said


def detector(family: str, folder: Path) -> Detector:
    """One with weights under which what it says depends on the image, and what TensorFlow says of three images."""
    pipeline = families.pipeline(families.SSD[family])
    pipeline.model.ssd.num_classes = len(CATEGORIES)
    pipeline.eval_config.use_moving_averages = False
    limits = pipeline.model.ssd.post_processing.batch_non_max_suppression
    for field in ("use_combined_nms", "change_coordinate_frame"):
        limits.ClearField(field)
    limits.max_detections_per_class, limits.max_total_detections = 20, 30
    graph = detection_model.build_graph(pipeline)
    images = lifelike.images(3, pipeline.model.ssd.image_resizer.fixed_shape_resizer.height)
    variables = lifelike.variables(graph, images)
    checkpoint.write(folder / "model.ckpt", variables)
    return Detector(
        Source("model.ckpt", pipeline, folder / "model.ckpt", CATEGORIES),
        images,
        lifelike.say(graph, variables, images),
    )


def converted(source: Source, form: Form) -> tuple[onnx.ModelProto, Facts, object]:
    """The model as the verb makes it, its facts, and the graph that it was made of."""
    facts = onnx_source.facts_of(source, form, None)
    graph = onnx_graph.build(source.pipeline, source.prefix, facts, form)
    model = onnx_conversion.convert(graph, form.opset)
    onnx_suppression.append(model, facts, form)
    onnx_conversion.describe(model, facts, form)
    return model, facts, graph


def fed(images: np.ndarray, form: Form) -> np.ndarray:
    """Images of the network's own size, as `form` wants them."""
    if form.input == "float":
        images = images.astype(np.float32) / np.float32(127.5) - 1
    return images.transpose(0, 3, 1, 2) if form.layout == "nchw" else images


@pytest.mark.parametrize("family", FAMILIES)
def test_it_finds_what_the_frozen_graph_finds(family: str, tmp_path: Path) -> None:
    form, known = FAMILIES[family], detector(family, tmp_path)
    model, facts, graph = converted(known.source, form)
    outputs = onnx_runner.session(model).run([BOXES, SCORES, CLASSES, COUNT], {IMAGE: fed(known.images, form)})
    boxes, scores, classes, counts = outputs
    expected = known.said.outputs
    np.testing.assert_array_equal(counts, expected[COUNT])
    np.testing.assert_allclose(scores, expected[SCORES], atol=1e-3)
    for i, count in enumerate(counts.astype(int)):
        found = (boxes[i, :count], scores[i, :count], classes[i, :count])
        theirs = tuple(expected[name][i, :count] for name in (BOXES, SCORES, CLASSES))
        assert count > 10 and onnx_check.unlike(found, theirs) == 0
        others = tuple(expected[name][i - 1, :count] for name in (BOXES, SCORES, CLASSES))
        assert onnx_check.unlike(found, others) > count / 2, "another image gives others, or this shows nothing"
    raw = onnx_runner.session(onnx_check.without_suppression(model)).run(None, {IMAGE: fed(known.images, form)})
    for mine, name in zip(raw, (RAW_BOXES, RAW_SCORES), strict=True):
        np.testing.assert_allclose(mine, expected[name], atol=5e-3)
    if family == "ssd mobilenet v1":
        check_what_is_refused(model, facts, graph, known)


def check_what_is_refused(model: onnx.ModelProto, facts: Facts, graph: object, known: Detector) -> None:
    """The check at the end of a conversion passes what is right, and not what is wrong."""
    form = FAMILIES["ssd mobilenet v1"]
    distance = onnx_check.require_agreement(graph, model, facts, form, known.images[0])
    assert distance.largest < 1e-3
    wrong = onnx.ModelProto.FromString(model.SerializeToString())
    weights = max(wrong.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = onnx.numpy_helper.to_array(weights)
    weights.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values[::-1]), weights.name))
    with pytest.raises(DisagreementError, match="disagrees with its graph"):
        onnx_check.require_agreement(graph, wrong, facts, form, known.images[0])
    with pytest.raises(DisagreementError, match=r"detections .* are not those"):
        onnx_check.require_agreement(graph, model, replace(facts, max_per_class=1), form, known.images[0])


def test_a_detector_without_background_is_given_one_so_that_columns_are_ids() -> None:
    pipeline = families.pipeline(families.SSD["ssd without background"])
    scores = np.random.default_rng(0).uniform(size=(2, 5, 3)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(onnx_graph.with_background(tf.constant(scores), pipeline))
    np.testing.assert_array_equal(found[:, :, 1:], scores)
    assert (found[:, :, 0] == 0).all()


@pytest.mark.parametrize("change", ["keep", "grey", "rcnn", "soft", "agnostic"])
def test_what_cannot_be_expressed_is_refused(change: str) -> None:
    pipeline = families.pipeline(families.ALL["faster rcnn" if change == "rcnn" else "ssd mobilenet v1"])
    ssd = pipeline.model.ssd
    if change == "keep":
        ssd.image_resizer.keep_aspect_ratio_resizer.min_dimension = 100
    elif change == "grey":
        ssd.image_resizer.fixed_shape_resizer.convert_to_grayscale = True
    elif change == "soft":
        ssd.post_processing.batch_non_max_suppression.soft_nms_sigma = 0.5
    elif change == "agnostic":
        ssd.post_processing.batch_non_max_suppression.use_class_agnostic_nms = True
    reason = {"keep": "no fixed shape", "rcnn": "two stages", "agnostic": "across classes"}.get(change, change)
    with pytest.raises(UserError, match=f"cannot be written as ONNX: .*{reason}"):
        onnx_source.require_expressible(pipeline)
