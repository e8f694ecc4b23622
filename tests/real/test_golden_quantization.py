"""The graphs of quantization-aware training are those of TensorFlow 1.15, node for node where it matters.

Compared with lists of the real one's graphs of ssd_mobilenet_v1 and v2 (300x300, 90 classes): every variable, and every
FakeQuant with what it rounds and who takes it; but for gradients, which the lists are without, and post-processing,
which rounds nothing and takes half a minute to build.
"""

from __future__ import annotations

import json

import golden
import numpy as np
import pytest

from todus.bridge import detection_model
from todus.bridge.graph_mode import tf

LEFT_OUT = ("Postprocessor/", "gradients/")
pytestmark = pytest.mark.skipif(not golden.FOLDER.is_dir(), reason="TODUS_SHARED names no folder with golden/")


def graph_that_trains(version: str) -> tf.Graph:
    with tf.Graph().as_default() as graph:
        images = np.zeros([2, 300, 300, 3], np.uint8)
        boxes, classes = [np.array([[0.1, 0.1, 0.6, 0.6]], np.float32)] * 2, [np.array([1])] * 2
        golden.training_step(golden.pipeline_of(version), images, boxes, classes)
    return graph


def graph_that_evaluates(version: str) -> tf.Graph:
    pipeline = golden.pipeline_of(version)
    with tf.Graph().as_default() as graph:
        golden.heads_for_inference(pipeline, tf.placeholder(tf.float32, [1, 300, 300, 3]))
        detection_model.fake_quantization(pipeline)()
    return graph


@pytest.fixture(scope="module", params=["v1", "v2"])
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def trains(version: str) -> tf.Graph:
    return graph_that_trains(version)


@pytest.fixture(scope="module")
def evaluates(version: str) -> tf.Graph:
    return graph_that_evaluates(version)


def variables(graph: tf.Graph) -> dict[str, tuple]:
    return {
        variable.op.name: (variable.shape.as_list(), variable.dtype.base_dtype.name, variable.trainable)
        for variable in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    }


def golden_variables(kind: str, version: str) -> dict[str, tuple]:
    return {
        row["name"]: (json.loads(row["shape"]), row["dtype"], row["trainable"] == "1")
        for row in golden.rows(f"qat_{kind}_vars_{version}")
    }


def fake_quants(graph: tf.Graph) -> dict[str, tuple]:
    return {
        op.name: (
            str(op.get_attr("num_bits")),
            str(op.get_attr("narrow_range")),
            *[tensor.name for tensor in op.inputs],
            sorted(name for consumer in op.outputs[0].consumers() if not (name := consumer.name).startswith(LEFT_OUT)),
        )
        for op in graph.get_operations()
        if op.type == "FakeQuantWithMinMaxVars"
    }


def golden_fake_quants(kind: str, version: str) -> dict[str, tuple]:
    return {
        row["op"]: (
            *[row[column] for column in ("num_bits", "narrow_range", "input", "min", "max")],
            sorted(name for name in row["consumers"].split(",") if not name.startswith(LEFT_OUT)),
        )
        for row in golden.rows(f"qat_{kind}_fakequant_{version}")
    }


def test_the_variables_of_training_are_those_of_tensorflow_1(trains, version):
    assert variables(trains) == golden_variables("train", version)


def test_training_rounds_where_tensorflow_1_does(trains, version):
    assert fake_quants(trains) == golden_fake_quants("train", version)


@pytest.mark.parametrize("kind", ["eval", "export"])
def test_the_variables_of_evaluation_and_export_are_those_of_tensorflow_1(evaluates, version, kind):
    expected = golden_variables(kind, version)
    expected.pop("global_step", None)  # not the detector's
    assert variables(evaluates) == expected


@pytest.mark.parametrize("kind", ["eval", "export"])
def test_evaluation_and_export_round_where_tensorflow_1_does(evaluates, version, kind):
    assert fake_quants(evaluates) == golden_fake_quants(kind, version)
