"""Detectors of the zoo's own pipelines, in full size, on photographs: ONNX finds what the frozen graph finds.

The zoo's weights cannot be fetched in a test, so they are random ones under which outputs depend on the image. Runs
where TODUS_SHARED names a folder with coco-sample/, zoo-configs/ and golden/.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todus import checkpoint
from todus.bench import lifelike
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.coco.label_map import LabelMap
from todus.converting import (
    onnx_check,
    onnx_conversion,
    onnx_graph,
    onnx_runner,
    onnx_source,
    onnx_suppression,
)
from todus.converting.onnx_facts import BOXES, CLASSES, COUNT, IMAGE, SCORES, Form
from todus.converting.onnx_source import Source

SHARED = os.environ.get("TODUS_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="TODUS_SHARED is not set")

CATEGORIES = LabelMap({1: "person", 2: "car", 3: "dog"})
NAMES = (
    "as-shipped/ssd_mobilenet_v1_coco_2018_01_28",
    "as-shipped/ssd_mobilenet_v2_coco_2018_03_29",
    "ssdlite_mobilenet_v2_coco",
    "ssd_inception_v2_coco",
    "ssd_mobilenet_v1_fpn_shared_box_predictor_640x640_coco14_sync",
    "ssd_mobilenet_v1_ppn_shared_box_predictor_300x300_coco14_sync",
)
# Minutes for all of them; the small families of tests/converting are compared each time.
TRIED = NAMES if os.environ.get("TODUS_THOROUGH") else NAMES[::5]
CALIBRATION_IMAGES = 4


def photographs() -> list[np.ndarray]:
    """Of several sizes, uint8 [height, width, 3]."""
    paths = sorted((Path(SHARED) / "coco-sample" / "val2017").glob("*.jpg"))[:CALIBRATION_IMAGES]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def shipped(name: str) -> pipelines.Pipeline:
    """With fewer classes, or the API takes long to build a suppression for each; and every score counts."""
    pipeline = pipelines.load(Path(SHARED) / "zoo-configs" / f"{name}.config")
    pipeline.model.ssd.num_classes = len(CATEGORIES)
    pipeline.model.ssd.feature_extractor.override_base_feature_extractor_hyperparams = True
    pipeline.model.ssd.post_processing.batch_non_max_suppression.score_threshold = 1e-8
    pipeline.eval_config.use_moving_averages = False
    return pipeline


@pytest.mark.parametrize("name", TRIED)
def test_on_photographs_it_finds_what_the_frozen_graph_finds(name: str, tmp_path: Path) -> None:
    pipeline, photos = shipped(name), photographs()
    graph = detection_model.build_graph(pipeline)
    size = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    resized = [np.asarray(Image.fromarray(photo).resize((size.width, size.height))) for photo in photos]
    variables = lifelike.variables(graph, np.stack(resized))
    checkpoint.write(tmp_path / "model.ckpt", variables)
    form = Form(preprocess=True)
    source = Source("model.ckpt", pipeline, tmp_path / "model.ckpt", CATEGORIES)
    facts = onnx_source.facts_of(source, form, None)
    model = onnx_conversion.convert(onnx_graph.build(pipeline, source.prefix, facts, form), form.opset)
    onnx_suppression.append(model, facts, form)
    onnx_conversion.describe(model, facts, form)
    session, names = onnx_runner.session(model), [BOXES, SCORES, CLASSES]
    first = None
    for photo in photos[:2]:
        *found, count = (value[0] for value in session.run([*names, COUNT], {IMAGE: photo[None]}))
        said = lifelike.say(graph, variables, photo[None]).outputs
        expected = tuple(said[name][0] for name in names)
        assert count == said[COUNT][0] == 100
        np.testing.assert_allclose(found[1], expected[1], atol=1e-3)
        assert onnx_check.unlike(tuple(found), expected) <= 2, "of scores all but equal, either can be the hundredth"
        assert first is None or onnx_check.unlike(first, expected) > 50, "another photograph gives others"
        first = expected


def test_the_quantized_detector_of_tensorflow_1_15_becomes_one_of_8_bits() -> None:
    folder = Path(SHARED) / "golden" / "qat_small"
    images = np.load(folder / "infer_golden.npz")["input_uint8"]
    source = Source("model.ckpt-20", pipelines.load(folder / "pipeline.config"), folder / "model.ckpt-20", CATEGORIES)
    form = Form()
    facts = onnx_source.facts_of(source, form, None)
    graph = onnx_graph.build(source.pipeline, source.prefix, facts, form)
    model = onnx_conversion.convert(graph, form.opset)
    onnx_suppression.append(model, facts, form)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["QuantizeLinear"] >= 47 and kinds["DequantizeLinear"] >= kinds["QuantizeLinear"] + kinds["Conv"]
    assert len(model.SerializeToString()) < 600_000, "a quarter of its weights in floating point, 1.6 MB"
    for image in images[:3]:
        assert onnx_check.require_agreement(graph, model, facts, form, image).largest < 0.1
