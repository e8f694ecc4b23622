"""The converter of today beside that of TensorFlow 1.15.5: the files of golden/, and what they gave.

Runs where TODUS_SHARED names a folder with golden/.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from todus.bridge import pipeline as pipelines
from todus.bridge import tflite_exporter
from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.converting import frozen_graph, tflite_check, tflite_conversion, tflite_file, tflite_ranges, tflite_source
from todus.converting.tflite_runner import Runner
from todus.exporting import tflite_graph
from todus.exporting.tflite_facts import Facts
from todus.exporting.tflite_graph import Settings

SHARED = os.environ.get("TODUS_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="TODUS_SHARED is not set")

GOLDEN = Path(SHARED or ".") / "golden"
CATEGORIES = LabelMap({1: "person", 2: "car", 3: "dog"})

# How far TensorFlow 1.15's own uint8 file is from its own graph, in steps of the output (golden/README.md).
SPREAD_OF_BOXES, SPREAD_OF_CLASSES = 1.98, 1.36
MOST_STEPS = 45


def golden(folder: str) -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / folder / "infer_golden.npz"))


@pytest.fixture(scope="module")
def quantized() -> tflite_source.Source:
    """The graph that TensorFlow 1.15.5 exported with fake quantization."""
    folder = GOLDEN / "qat_small"
    return tflite_source.load(folder / "tflite_graph.pb", folder / "pipeline.config", CATEGORIES)


def heads_of_file(content: bytes | Path, images: np.ndarray) -> list[np.ndarray]:
    """Box encodings and class scores as the file computes them, in its own 8-bit steps."""
    runner = Runner(content, keeps_tensors=True)
    said = []
    for image in images.astype(np.float32):
        runner(image[np.newaxis])
        said.append(runner.raw_outputs())
    return [np.concatenate(values) for values in zip(*said, strict=True)]


def steps(values: np.ndarray, quantization: np.ndarray) -> np.ndarray:
    scale, zero_point = quantization
    return np.round(values / scale + zero_point)


def test_everything_that_the_uint8_flags_gave_comes_from_graph_and_pipeline(quantized: tflite_source.Source) -> None:
    facts = quantized.facts
    assert facts.is_quantized and tflite_ranges.layers_without(quantized.graph) == []
    assert (facts.height, facts.width, facts.suppression, facts.max_detections) == (160, 160, "fast", 10)
    assert tflite_conversion.input_statistics(facts) == (128, 128), "--mean_values=128 --std_dev_values=128"


def test_the_uint8_file_is_nearer_to_the_golden_one_than_that_is_to_its_graph(quantized: tflite_source.Source) -> None:
    was = golden("qat_small")
    images = was["input_uint8"]
    content = tflite_conversion.convert(quantized.graph.definition, quantized.facts, "uint8")
    runner = Runner(content)
    assert (runner.input["dtype"], runner.input["quantization"]) == (np.uint8, (1 / 128, 128))
    ours = heads_of_file(content, images)
    theirs = heads_of_file(GOLDEN / "qat_small" / "ssd_coco_quant_postprocess.tflite", images)
    others = heads_of_file(content, np.roll(images, 1, axis=0))
    for mine, its, other, name, spread in zip(
        ours, theirs, others, ("box_encodings", "class_predictions"), (SPREAD_OF_BOXES, SPREAD_OF_CLASSES), strict=True
    ):
        quantization = was[f"tflite_raw_{name}_quant"]
        apart = np.abs(mine - its) / quantization[0]
        assert apart.mean() <= spread and apart.max() <= MOST_STEPS, name  # 0.29 and 0.19 steps, 10 at most
        assert np.abs(other - its).mean() / quantization[0] > 3 * spread, (
            "another image is far off, or this shows nothing"
        )
        # Today's runtime rounds otherwise than that of 2020: the golden file itself is 2.06 and 1.22 steps from what it
        # gave then, the new one 2.04 and 1.21.
        stored = was[f"tflite_raw_{name}"].astype(float)
        new, old = (np.abs(steps(values, quantization) - stored).mean() for values in (mine, its))
        assert new <= old + 0.1, name


def test_the_uint8_file_agrees_with_its_graph_and_has_the_golden_outputs(quantized: tflite_source.Source) -> None:
    facts = quantized.facts
    content = tflite_conversion.convert(quantized.graph.definition, facts, "uint8")
    whole = tflite_file.dress(content, "golden", facts)
    image = golden("qat_small")["input_uint8"][:1].astype(np.float32)
    distance = tflite_check.require_agreement(quantized.graph.definition, whole, facts, "uint8", image)
    assert distance.largest < 0.1
    assert outputs_of(whole) == outputs_of(GOLDEN / "qat_small" / "ssd_coco_quant_postprocess.tflite")


def outputs_of(content: bytes | Path) -> list[tuple]:
    given = {"model_content": content} if isinstance(content, bytes) else {"model_path": str(content)}
    interpreter = Interpreter(**given)
    interpreter.allocate_tensors()
    details = interpreter.get_output_details()
    return [(detail["name"], detail["shape"].tolist(), detail["dtype"]) for detail in details]


def test_the_float_file_from_the_golden_checkpoint() -> None:
    folder, was = GOLDEN / "float_small", golden("float_small")
    pipeline = pipelines.load(folder / "pipeline.config")
    facts: Facts = tflite_graph.facts_of(pipeline, CATEGORIES, Settings(max_detections=10), "model.ckpt-20")
    post_processing = tflite_graph.post_processing(facts)
    graph = tflite_exporter.frozen_graph(pipeline, folder / "model.ckpt-20", post_processing)
    np.testing.assert_allclose(frozen_graph.FrozenGraph(graph).constant("anchors"), was["anchors"], atol=1e-6)
    content = tflite_conversion.convert(graph, facts, "float32")
    boxes, scores = heads_of_file(content, was["input_uint8"])
    np.testing.assert_allclose(boxes, was["tflite_raw_box_encodings"], atol=1e-4)
    np.testing.assert_allclose(scores, was["tflite_raw_class_predictions"], atol=3e-5)
    runner = Runner(content, keeps_tensors=True)
    for i, image in enumerate(was["input_uint8"].astype(np.float32)):
        expected = tflite_check.raw_outputs(graph, runner.seen(image[np.newaxis]))
        runner(image[np.newaxis])
        for mine, its, most in zip(runner.raw_outputs(), expected, (1e-4, 2e-5), strict=True):
            assert np.abs(mine - its).max() <= most, (
                "TensorFlow 1.15: 6.2e-5 and 8.1e-6; here 6.3e-5 and 1.1e-5 (other kernels)"
            )
        found, classes, found_scores, count = runner(image[np.newaxis])
        np.testing.assert_allclose(found[0], was["tflite_TFLite_Detection_PostProcess"][i], atol=1e-4)
        np.testing.assert_array_equal(classes[0], was["tflite_TFLite_Detection_PostProcess_1"][i])
        np.testing.assert_allclose(found_scores[0], was["tflite_TFLite_Detection_PostProcess_2"][i], atol=3e-5)
        assert count[0] == was["tflite_TFLite_Detection_PostProcess_3"][i]


def test_without_its_ranges_the_quantized_graph_is_a_float_one(quantized: tflite_source.Source) -> None:
    plain = tflite_ranges.without(quantized.graph.definition)
    assert not tflite_ranges.are_there(frozen_graph.FrozenGraph(plain))
    assert {node.op for node in plain.node} & {"FakeQuantWithMinMaxVars"} == set()
    content = tflite_conversion.convert(quantized.graph.definition, quantized.facts, "float32")
    image = golden("qat_small")["input_uint8"][:1].astype(np.float32)
    tflite_check.require_agreement(quantized.graph.definition, content, quantized.facts, "float32", image)
    assert isinstance(plain, tf.GraphDef)
