"""Small TensorFlow graphs for the tests of graphsurgeon and uff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from todus.bridge.graph_mode import tf


def nodes(text: str) -> Any:
    """A GraphDef from lines such as `Relu a/relu x ^b`: operation, name, inputs. Placeholders are of floats."""
    graph_def = tf.GraphDef()
    for line in text.strip().splitlines():
        op, name, *inputs = line.split()
        node = graph_def.node.add(op=op, name=name, input=inputs)
        if op == "Placeholder":
            node.attr["dtype"].type = tf.float32.as_datatype_enum
    return graph_def


def built(build: Callable[[], Any]) -> Any:
    """The GraphDef of what `build` makes in a graph of its own."""
    with tf.Graph().as_default() as graph:
        build()
    return graph.as_graph_def()


def ssd() -> Any:
    """A detector of two layers of features, as the zoo's graphs have their names; every operation is a real one."""
    return built(_build_ssd)


def _build_ssd() -> None:
    image = tf.placeholder(tf.uint8, [1, None, None, 3], name="image_tensor")
    pixels = tf.cast(image, tf.float32, name="ToFloat")
    with tf.name_scope("Preprocessor/"):
        resized = tf.image.resize_bilinear(pixels, [8, 8], name="map/resize")
        true_shape = tf.shape(resized, name="map/TensorArrayStack_1/TensorArrayGatherV3")
        preprocessed = tf.subtract(resized * (2 / 255), 1.0, name="sub")
    first = _convolved(preprocessed, "FeatureExtractor/MobilenetV1/Conv2d_0", 4)
    second = _convolved(first, "FeatureExtractor/MobilenetV1/Conv2d_1", 6)
    boxes, scores = zip(*(_head(f"BoxPredictor_{k}/", layer) for k, layer in enumerate((first, second))), strict=True)
    concat = tf.concat(boxes, 1, name="concat")
    squeezed = tf.squeeze(concat, [2], name="Squeeze")
    concat_1 = tf.concat(scores, 1, name="concat_1")
    with tf.name_scope("MultipleGridAnchorGenerator/"):
        grids = [tf.to_float(tf.shape(layer)[1:3], name=f"grid_{k}") for k, layer in enumerate((first, second))]
        anchors = tf.concat(grids, 0, name="Concatenate/concat")
        anchors = tf.identity(anchors, name="Identity")
    _postprocess(true_shape, squeezed, anchors, concat_1)


def _convolved(x: Any, name: str, channels: int) -> Any:
    with tf.name_scope(f"{name}/"):
        weights = tf.ones([3, 3, x.shape[-1], channels], name="weights")
        weights = tf.identity(weights, name="weights/read")
        convolved = tf.nn.conv2d(x, weights, strides=2, padding="SAME", name="Conv2D")
        return tf.nn.relu6(convolved, name="Relu6")


def _head(scope: str, features: Any) -> tuple[Any, Any]:
    with tf.name_scope(scope):
        weights = tf.identity(tf.ones([1, 1, features.shape[-1], 8], name="weights"), name="weights/read")
        raw = tf.nn.conv2d(features, weights, strides=1, padding="SAME", name="Conv2D")
        biases = tf.identity(tf.zeros([8], name="biases"), name="biases/read")
        raw = tf.nn.bias_add(raw, biases, name="BiasAdd")
        batch = tf.shape(raw, name="Shape")[0]
        return (
            tf.reshape(raw, tf.stack([batch, -1, 1, 4]), name="Reshape"),
            tf.reshape(raw, tf.stack([batch, -1, 2]), name="Reshape_1"),
        )


def _postprocess(true_shape: Any, boxes: Any, anchors: Any, scores: Any) -> None:
    with tf.name_scope("Postprocessor/"):
        size = tf.to_float(true_shape[0], name="ToFloat")
        parts = tf.unstack(boxes, 4, axis=2, name="unstack")
        decoded = tf.stack(parts[::-1], axis=2, name="Decode/stack") + tf.reduce_sum(anchors) + size
        converted = tf.sigmoid(scores, name="convert_scores")
        classes = tf.to_float(tf.argmax(converted, -1), name="classes")
    added = tf.add(classes, 1.0, name="add")
    tf.identity(decoded, name="detection_boxes")
    tf.identity(converted, name="detection_scores")
    tf.identity(added, name="detection_classes")
