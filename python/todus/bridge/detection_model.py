"""Build a detector's graph for inference, and name its variables.

Source: object_detection/builders/model_builder.py, object_detection/exporter.py (build_detection_graph).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError

from object_detection import exporter
from object_detection.builders import graph_rewriter_builder, model_builder


@dataclass(frozen=True)
class DetectionGraph:
    """A detector from image to detections, its variables not yet restored.

    graph: the tf.Graph that holds it all.
    image_tensor: placeholder, uint8 [batch, height, width, 3], RGB.
    outputs: detection_boxes float32 [batch, n, 4] (ymin, xmin, ymax, xmax, normalised to 0..1), detection_scores
      float32 [batch, n], detection_classes float32 [batch, n] (ids of the label map), num_detections float32
      [batch], and the API's raw and multi-class variants.
    box_encodings: before decoding and non-maximum suppression. SSD: float32 [batch, anchors, 4]. With two stages:
      float32 [batch * proposals, classes, 4], or [batch * proposals, 1, 4] where the classes share a box.
    class_logits: float32 [batch, anchors, 1 + classes], or [batch * proposals, 1 + classes] with two stages;
      background first, unless the pipeline has none (`add_background_class: false`).
    class_scores: the same, converted by the pipeline's score converter.
    predictions: all that the detector's predict() returned, by the API's names.
    """

    graph: tf.Graph
    image_tensor: tf.Tensor
    outputs: dict[str, tf.Tensor]
    box_encodings: tf.Tensor
    class_logits: tf.Tensor
    class_scores: tf.Tensor
    predictions: dict[str, tf.Tensor]


def build(pipeline: Pipeline, is_training: bool, add_summaries: bool = False):
    """The API's DetectionModel for `pipeline`; `add_summaries`: with its own figures for TensorBoard.

    Raises:
      UserError: the API has no such feature extractor or refuses the pipeline.
    """
    with refusal_in_one_line():
        return model_builder.build(pipeline.model, is_training=is_training, add_summaries=add_summaries)


@contextmanager
def refusal_in_one_line() -> Iterator[None]:
    """Some settings the API refuses when it reads them, others only when it builds its layers."""
    try:
        yield
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the Object Detection API refuses this pipeline.config: {reason}") from error


def fake_quantization(pipeline: Pipeline) -> Callable[[], None] | None:
    """What gives the default graph, built for inference, the fake quantization that `pipeline` asks for, if it does.

    The API leaves weight_bits and activation_bits at 8 and refuses others when this is called (ValueError).
    """
    if not pipeline.HasField("graph_rewriter"):
        return None
    return graph_rewriter_builder.build(pipeline.graph_rewriter, is_training=False)


def build_graph(pipeline: Pipeline) -> DetectionGraph:
    """The inference graph of `pipeline`, node for node what the API's exporter makes. Raises UserError as `build`."""
    graph = tf.Graph()
    with graph.as_default(), refusal_in_one_line():
        model = _KeepsPredictions(build(pipeline, is_training=False))
        outputs, inputs = exporter.build_detection_graph(
            input_type="image_tensor",
            detection_model=model,
            input_shape=None,
            output_collection_name="inference_op",
            graph_hook_fn=fake_quantization(pipeline),
        )
        return DetectionGraph(graph, inputs["inputs"], outputs, *_heads(model), model.predictions)


def _heads(model: _KeepsPredictions) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Box encodings, class logits and class scores. The API offers the score converter no other way."""
    logits = model.predictions["class_predictions_with_background"]
    if "refined_box_encodings" in model.predictions:
        return model.predictions["refined_box_encodings"], logits, model._second_stage_score_conversion_fn(logits)
    return model.predictions["box_encodings"], logits, model._score_conversion_fn(logits)


class _KeepsPredictions:
    """Hands everything through to a DetectionModel and keeps what its predict() returned."""

    def __init__(self, detection_model: object):
        self.detection_model = detection_model
        self.predictions: dict[str, tf.Tensor] = {}

    def predict(self, *args: object, **kwargs: object) -> dict[str, tf.Tensor]:
        self.predictions = self.detection_model.predict(*args, **kwargs)
        return self.predictions

    def __getattr__(self, name: str) -> object:
        return getattr(self.detection_model, name)


def variable_shapes(pipeline: Pipeline) -> dict[str, list[int]]:
    """Name and shape of every variable of the detector, without global_step and optimizer slots."""
    with tf.Graph().as_default():
        return {name: variable.shape.as_list() for name, variable in _variables(pipeline).items()}


def initial_variables(pipeline: Pipeline, seed: int) -> dict[str, np.ndarray]:
    """Every variable of the detector as the pipeline's initializers make it."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        variables = _variables(pipeline)
        session.run(tf.global_variables_initializer())
        return session.run(variables)


def _variables(pipeline: Pipeline) -> dict[str, tf.Variable]:
    """Build the detector up to its heads: post-processing has no variables and takes seconds to build."""
    model = build(pipeline, is_training=False)
    images = tf.placeholder(tf.float32, [1, None, None, 3])
    with refusal_in_one_line():
        model.predict(*model.preprocess(images))
    return {v.op.name: v for v in tf.global_variables() if v.op.name != "global_step"}
