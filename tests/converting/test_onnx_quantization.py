"""Fake quantization becomes QuantizeLinear and DequantizeLinear that round just as TensorFlow did in training."""

from __future__ import annotations

import collections

import numpy as np
import onnx
import onnxruntime
import pytest

from todus.bridge.graph_mode import tf
from todus.converting import onnx_conversion, onnx_graph, onnx_quantization
from todus.converting.onnx_facts import IMAGE, RAW_BOXES, RAW_SCORES

RANGE_OF_IMAGE, RANGE_OF_OUTPUT = (-1.0, 1.02), (0.0, 5.3)


def quantized_graph() -> tf.GraphDef:
    """A convolution and a depthwise one, as make export leaves them of a detector: ranges and rounding throughout."""
    random = np.random.default_rng(0)
    with tf.Graph().as_default() as graph:
        image = tf.placeholder(tf.float32, [1, 8, 8, 3], name=IMAGE)
        values = _rounded(image, *RANGE_OF_IMAGE)
        weights = tf.constant(random.normal(0, 0.5, [3, 3, 3, 8]).astype(np.float32))
        values = tf.nn.conv2d(values, _rounded(weights, -1.2, 1.3, narrow=True), [1, 1, 1, 1], "SAME")
        values = _rounded(tf.nn.relu6(tf.nn.bias_add(values, tf.constant(random.normal(size=8), tf.float32))), 0, 5.3)
        depthwise = tf.constant(random.normal(0, 0.5, [3, 3, 8, 1]).astype(np.float32))
        values = tf.nn.depthwise_conv2d(values, _rounded(depthwise, -0.9, 1.1, narrow=True), [1, 1, 1, 1], "SAME")
        values = _rounded(values, -7.1, 6.4)
        tf.identity(tf.reshape(values, [1, -1, 4]), name=RAW_BOXES)
        tf.identity(tf.reshape(values, [1, -1, 8]), name=RAW_SCORES)
        return graph.as_graph_def()


def _rounded(values: tf.Tensor, low: float, high: float, narrow: bool = False) -> tf.Tensor:
    return tf.quantization.fake_quant_with_min_max_vars(values, low, high, num_bits=8, narrow_range=narrow)


@pytest.fixture(scope="module")
def graph() -> tf.GraphDef:
    return quantized_graph()


@pytest.fixture(scope="module")
def model(graph: tf.GraphDef) -> onnx.ModelProto:
    return onnx_conversion.convert(graph, 13)


def plainly(model: onnx.ModelProto, image: np.ndarray) -> list[np.ndarray]:
    """Operation by operation; else onnxruntime computes in 8 bits, and rounds elsewhere."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run([RAW_BOXES, RAW_SCORES], {IMAGE: image})


def test_it_computes_what_the_fake_quantized_graph_computes(graph: tf.GraphDef, model: onnx.ModelProto) -> None:
    image = np.random.default_rng(1).uniform(-1.5, 1.5, (1, 8, 8, 3)).astype(np.float32)
    step = (6.4 + 7.1) / 255
    for mine, its in zip(plainly(model, image), onnx_graph.run(graph, image), strict=True):
        assert (np.abs(mine - its) < 1e-4).mean() > 0.99, "but for sums that lie between two steps"
        assert np.abs(mine - its).max() < 1.01 * step
        assert its.std() > 10 * step


def test_weights_are_stored_in_8_bits_and_activations_are_rounded(model: onnx.ModelProto) -> None:
    kinds = collections.Counter(node.op_type for node in model.graph.node)
    assert (kinds["QuantizeLinear"], kinds["Conv"]) == (3, 2)
    assert kinds["DequantizeLinear"] == 3 + 1 + 2, "of activations, the last of which goes two ways; of weights"
    makers = {output: node for node in model.graph.node for output in node.output}
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for layer in (node for node in model.graph.node if node.op_type == "Conv"):
        integers = onnx.numpy_helper.to_array(tensors[makers[layer.input[1]].input[0]])
        assert integers.dtype == np.uint8 and integers.min() >= 1 and len(np.unique(integers)) > 30
    assert sum(tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 4 for tensor in tensors.values()) == 0


@pytest.mark.parametrize("is_narrow", [False, True])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 6.0), (-0.37, 5.1), (0.2, 1.0), (-3.0, -0.1)])
def test_the_steps_are_tensorflow_s(low: float, high: float, is_narrow: bool) -> None:
    scale, zero_point = onnx_quantization.steps(low, high, is_narrow)
    values = np.linspace(low - 1, high + 1, 1001, dtype=np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        expected = session.run(_rounded(tf.constant(values), low, high, is_narrow))
    found = (np.clip(np.round(values / scale) + zero_point, int(is_narrow), 255) - zero_point) * scale
    assert (np.abs(found - expected) < 1e-5).mean() > 0.99, "but for what lies between two steps"
    assert np.abs(found - expected).max() <= 1.01 * scale


def test_weights_that_8_bits_would_change_stay_as_they_are(graph: tf.GraphDef) -> None:
    values = np.array([[0.1, 0.25], [-0.5, 0.9]], np.float32)
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")
    tensors = [onnx.numpy_helper.from_array(values, "w")]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], initializer=tensors))
    rounded = onnx_graph.RoundedWeights(values, -1.0, 1.0, True)
    assert onnx_quantization.store_weights(model, [rounded]) == 0
    assert [tensor.name for tensor in model.graph.initializer] == ["w"]
