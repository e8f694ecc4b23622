"""The TensorFlow graph that becomes an ONNX file: from the image to decoded boxes and scores, before suppression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todus.bridge import tflite_exporter
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.converting import box_coder, frozen_graph
from todus.converting.frozen_graph import FrozenGraph
from todus.converting.onnx_facts import FLOAT, IMAGE, NCHW, RAW_BOXES, RAW_SCORES, Form
from todus.exporting.tflite_facts import Facts

FAKE_QUANTIZATION = "FakeQuantWithMinMaxVars"
_LAYERS = {"Conv2D", "DepthwiseConv2dNative", "MatMul"}


@dataclass(frozen=True)
class RoundedWeights:
    """Weights of a layer, in TensorFlow's layout, and the range that they are rounded by."""

    values: np.ndarray
    low: float
    high: float
    is_narrow: bool


def build(pipeline: Pipeline, prefix: Path, facts: Facts, form: Form) -> tf.GraphDef:
    """The graph with the weights of the checkpoint `prefix`.

    It takes `image`, as `form` says, and gives, as the graph of the API's exporter does,

    raw_detection_boxes   float32 [batch, anchors, 4]: ymin, xmin, ymax, xmax, 0..1, not clipped
    raw_detection_scores  float32 [batch, anchors, 1 + classes]: column i is the class with the id i, 0 the background

    Raises:
      UserError: the checkpoint does not fit the pipeline, or cannot be read; the API refuses the pipeline.
    """
    heads = tflite_exporter.frozen_graph(pipeline, prefix, None, batch=form.images)
    anchors = FrozenGraph(heads).constant(tflite_exporter.ANCHORS)
    with tf.Graph().as_default() as graph:
        image = tf.placeholder(tf.float32 if form.input == FLOAT else tf.uint8, image_shape(facts, form), name=IMAGE)
        encodings, scores = tf.import_graph_def(
            heads,
            {f"{tflite_exporter.INPUT}:0": _network_input(image, facts, form)},
            [f"{tflite_exporter.BOXES}:0", f"{tflite_exporter.SCORES}:0"],
            name="",
        )
        tf.identity(box_coder.decoded(encodings, anchors, facts.box_scales), name=RAW_BOXES)
        tf.identity(with_background(scores, pipeline), name=RAW_SCORES)
        return tf.graph_util.extract_sub_graph(graph.as_graph_def(), [RAW_BOXES, RAW_SCORES])


def image_shape(facts: Facts, form: Form) -> list[int | None]:
    """Of the input, None for what is not fixed."""
    size = [None, None] if form.preprocess else [facts.height, facts.width]
    return [form.images, 3, *size] if form.layout == NCHW else [form.images, *size, 3]


def _network_input(image: tf.Tensor, facts: Facts, form: Form) -> tf.Tensor:
    """Resized and normalised, float32 [batch, height, width, 3]."""
    if form.layout == NCHW:
        image = tf.transpose(image, [0, 2, 3, 1])
    if form.input == FLOAT:
        return image
    pixels = tf.cast(image, tf.float32)
    if form.preprocess:
        how = getattr(tf.image.ResizeMethod, facts.resize)
        pixels = tf.image.resize_images(pixels, [facts.height, facts.width], how, align_corners=False)
    mean, deviation = np.array(facts.mean), np.array(facts.deviation)
    return pixels * (1 / deviation).astype(np.float32) - (mean / deviation).astype(np.float32)


def with_background(scores: tf.Tensor, pipeline: Pipeline) -> tf.Tensor:
    """`scores`; of a detector without a background class, with one that is never there, so that columns are ids."""
    if pipeline.model.ssd.add_background_class:
        return scores
    return tf.concat([tf.zeros_like(scores[:, :, :1]), scores], axis=2)


def run(graph: tf.GraphDef, image: np.ndarray) -> list[np.ndarray]:
    """Boxes and scores as TensorFlow computes them; `image` as the graph takes it."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(graph, name="")
        return session.run([f"{RAW_BOXES}:0", f"{RAW_SCORES}:0"], {f"{IMAGE}:0": image})


def rounded_weights(graph: tf.GraphDef) -> list[RoundedWeights]:
    """The weights with fake quantization of 8 bits, as that leaves them."""
    whole = FrozenGraph(graph)
    layers = (node for node in graph.node if node.op in _LAYERS)
    rounded = {node.name: node for node in (whole.source(frozen_graph.inputs(layer)[1]) for layer in layers)}
    nodes = [node for node in rounded.values() if node.op == FAKE_QUANTIZATION and node.attr["num_bits"].i == 8]
    if not nodes:
        return []
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(tf.graph_util.extract_sub_graph(graph, [node.name for node in nodes]), name="")
        values = session.run([f"{node.name}:0" for node in nodes])
        limits = session.run([[f"{name}:0" for name in frozen_graph.inputs(node)[1:3]] for node in nodes])
    return [
        RoundedWeights(array, float(low), float(high), node.attr["narrow_range"].b)
        for array, (low, high), node in zip(values, limits, nodes, strict=True)
    ]
