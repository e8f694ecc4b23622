"""The graph for TensorFlow Lite: that of the API's own exporter, with the outputs that were asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from todus import checkpoint
from todus.bridge import pipeline as pipelines
from todus.bridge import preprocessing, tflite_exporter
from todus.bridge.graph_mode import tf
from todus.bridge.tflite_exporter import ANCHORS, BOXES, INPUT, POST_PROCESS, SCORES
from todus.coco.label_map import LabelMap
from todus.demo import zoo_archive
from todus.errors import UserError
from todus.exporting import tflite_facts, tflite_graph
from todus.exporting.tflite_graph import Settings
from zoo import families

CATEGORIES = LabelMap({1: "dog", 2: "cat", 3: "traffic light"})


@pytest.fixture(scope="module")
def fpn(tmp_path_factory: pytest.TempPathFactory) -> tuple[pipelines.Pipeline, Path]:
    """A pipeline whose graph is rewritten on export, and a checkpoint of it that has a global_step."""
    pipeline = families.pipeline(families.SSD["fpn"])
    pipeline.model.ssd.num_classes = len(CATEGORIES)
    pipeline.eval_config.use_moving_averages = False
    prefix = tmp_path_factory.mktemp("fpn") / "model.ckpt"
    zoo_archive.random_checkpoint(pipeline, prefix, seed=1)
    checkpoint.write(prefix, {**checkpoint.read(prefix), "global_step": np.int64(0)})
    return pipeline, prefix


def nodes(graph: tf.GraphDef) -> dict[str, tuple]:
    return {node.name: (node.op, *node.input) for node in graph.node if not node.name.startswith("save/")}


def test_it_is_the_graph_of_the_api_s_own_exporter(fpn: tuple, tmp_path: Path) -> None:
    from object_detection import export_tflite_ssd_graph_lib as lib

    pipeline, prefix = fpn
    facts = tflite_graph.facts_of(pipeline, CATEGORIES, Settings(max_detections=7), "model.ckpt")
    ours = tflite_exporter.frozen_graph(pipeline, prefix, tflite_graph.post_processing(facts))
    with tf.Graph().as_default():
        lib.export_tflite_graph(pipeline, str(prefix), str(tmp_path), True, 7, 1, facts.max_per_class)
    theirs = tf.GraphDef.FromString((tmp_path / "tflite_graph.pb").read_bytes())
    assert nodes(ours) == nodes(theirs)
    (operation,), (expected,) = ([n for n in graph.node if n.op == POST_PROCESS] for graph in (ours, theirs))
    assert operation == expected
    image = np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    for mine, its in zip(raw_outputs(ours, image), raw_outputs(theirs, image), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert not any("Pack" in node.op for node in ours.node if "FeatureMaps" in node.name), "upsampling is one operation"


def raw_outputs(graph: tf.GraphDef, image: np.ndarray) -> list[np.ndarray]:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(tf.graph_util.extract_sub_graph(graph, [BOXES, SCORES]), name="")
        return session.run([f"{BOXES}:0", f"{SCORES}:0"], {f"{INPUT}:0": image})


def test_settings_reach_the_operation_and_the_facts(fpn: tuple) -> None:
    pipeline, prefix = fpn
    facts = tflite_graph.facts_of(pipeline, CATEGORIES, Settings("regular", 5, 0.25), "model.ckpt")
    graph = tflite_exporter.frozen_graph(pipeline, prefix, tflite_graph.post_processing(facts))
    (operation,) = [node.attr for node in graph.node if node.op == POST_PROCESS]
    assert operation["use_regular_nms"].b and operation["max_detections"].i == 5
    assert operation["nms_score_threshold"].f == 0.25 and operation["nms_iou_threshold"].f == pytest.approx(0.6)
    assert operation["num_classes"].i == len(CATEGORIES)
    by_default = tflite_graph.facts_of(pipeline, CATEGORIES, Settings(), "")
    limits = pipeline.model.ssd.post_processing.batch_non_max_suppression
    assert by_default.max_detections == limits.max_total_detections and by_default.suppression == "fast"
    assert tflite_facts.from_json(json.dumps(facts.to_json()), "here") == facts


def test_raw_heads_leave_the_operation_out_and_keep_the_anchors(fpn: tuple) -> None:
    pipeline, prefix = fpn
    graph = tflite_exporter.frozen_graph(pipeline, prefix, None)
    names = nodes(graph)
    assert POST_PROCESS not in names and {BOXES, SCORES, ANCHORS} <= set(names)


def test_a_checkpoint_of_another_model_is_refused_in_one_line(fpn: tuple) -> None:
    pipeline = pipelines.copy(fpn[0])
    pipeline.model.ssd.num_classes += 1
    with pytest.raises(UserError, match=r"does not fit pipeline.config") as raised:
        tflite_exporter.frozen_graph(pipeline, fpn[1], None)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("change", "reason"), [("keep", "no fixed shape"), ("grey", "grey"), ("rcnn", "two stages")])
def test_what_cannot_be_expressed_is_refused(change: str, reason: str) -> None:
    pipeline = families.pipeline(families.ALL["faster rcnn" if change == "rcnn" else "ssd mobilenet v1"])
    if change == "keep":
        pipeline.model.ssd.image_resizer.keep_aspect_ratio_resizer.min_dimension = 100
    if change == "grey":
        pipeline.model.ssd.image_resizer.fixed_shape_resizer.convert_to_grayscale = True
    with pytest.raises(UserError, match=reason):
        tflite_graph.require_ssd(pipeline)


@pytest.mark.parametrize(
    ("family", "mean", "deviation"),
    [("ssd mobilenet v1", [127.5] * 3, [127.5] * 3), ("resnet fpn", [123.68, 116.779, 103.939], [1.0] * 3)],
)
def test_normalisation_is_that_of_the_feature_extractor(family: str, mean: list, deviation: list) -> None:
    assert preprocessing.normalisation(families.pipeline(families.SSD[family])) == (
        pytest.approx(mean, abs=1e-3),
        pytest.approx(deviation, abs=1e-3),
    )
