"""The graph that trains a detector: input pipeline, loss and train op, all as the API builds them.

Source: object_detection/inputs.py (train_input), object_detection/model_lib.py (create_model_fn).
"""

from __future__ import annotations

from dataclasses import dataclass

from todus.bridge import detection_model, hard_examples
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline

from object_detection import inputs, model_lib
from object_detection.builders import optimizer_builder
from object_detection.core.standard_fields import InputDataFields as Fields
from object_detection.utils import config_util


@dataclass(frozen=True)
class TrainingGraph:
    """One step of training. What a step does not fetch costs it nothing.

    train_op: runs a step (gradients, optimizer, batch-norm statistics, moving averages) and adds 1 to global_step.
    loss: float32 scalar, the total loss of the batch: classification, localization and regularization.
    losses: its parts, each a float32 scalar, under the API's names without `Loss/`: classification_loss,
      localization_loss and regularization_loss of an SSD; a detector with two stages has those of both stages.
    learning_rate: float32 scalar, that of this step.
    image_ids: string [batch], the ids in the records, which are COCO's.
    images: uint8 [batch, height, width, 3], augmented as the detector sees them; each batch is stretched to 0..255.
    boxes: float32 [batch, n, 4] (ymin, xmin, ymax, xmax, normalised to 0..1), what is to be found; the rows of an
      image with fewer boxes are filled up with zeros.
    data_wait: float32 scalar, the seconds that this step waited for its batch.
    batch_size: images a step.
    """

    train_op: tf.Operation
    loss: tf.Tensor
    global_step: tf.Variable
    losses: dict[str, tf.Tensor]
    learning_rate: tf.Tensor
    image_ids: tf.Tensor
    images: tf.Tensor
    boxes: tf.Tensor
    data_wait: tf.Tensor
    batch_size: int


def build(pipeline: Pipeline, faster: bool = True) -> TrainingGraph:
    """Build the training graph of `pipeline` into the current default graph.

    Args:
      faster: put what gives the same result in less time in the place of the API's own; False is to compare with.

    The input reader's iterator is initialised with the tables. Nothing is restored from a checkpoint here: what
    `train_config.fine_tune_checkpoint` names is left to the caller, because the API on its own would take the
    backbone only.
    """
    features, labels, data_wait = _next_batch(pipeline)
    kept = _KeepsLosses(pipeline, faster)
    model_fn = model_lib.create_model_fn(kept.build, config_util.create_configs_from_pipeline_proto(pipeline))
    spec = model_fn(features, dict(labels), "train")
    return TrainingGraph(
        train_op=spec.train_op,
        loss=spec.loss,
        global_step=tf.train.get_global_step(),
        losses=kept.losses(),
        learning_rate=_learning_rate(pipeline),
        image_ids=features[Fields.source_id],
        images=_stretched(features[Fields.image]),
        boxes=labels[Fields.groundtruth_boxes],
        data_wait=data_wait,
        batch_size=pipeline.train_config.batch_size,
    )


def _next_batch(pipeline: Pipeline) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor], tf.Tensor]:
    """The features and labels of the next batch, and the seconds that it let the step wait."""
    reader = pipelines.copy(pipeline).train_input_reader
    reader.include_source_id = True
    with tf.device("/cpu:0"):
        dataset = inputs.train_input(pipeline.train_config, reader, pipeline.model)
        iterator = tf.data.make_initializable_iterator(dataset)
        tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
        asked = tf.timestamp()
        with tf.control_dependencies([asked]):
            features, labels = iterator.get_next()
        with tf.control_dependencies([features[Fields.image]]):
            data_wait = tf.cast(tf.timestamp() - asked, tf.float32)
    return features, labels, data_wait


class _KeepsLosses:
    """Builds the DetectionModel and keeps the parts of its loss, which the API gives out in summaries only."""

    def __init__(self, pipeline: Pipeline, faster: bool):
        self._pipeline, self._faster = pipeline, faster
        self._parts: dict[str, tf.Tensor] = {}

    def build(self, is_training: bool, add_summaries: bool):
        self._model = detection_model.build(self._pipeline, is_training, add_summaries)
        if self._faster:
            hard_examples.speed_up(self._model)
        loss = self._model.loss

        def kept_loss(*args: object, **kwargs: object) -> dict[str, tf.Tensor]:
            self._parts = loss(*args, **kwargs)
            return dict(self._parts)

        self._model.loss = kept_loss
        return self._model

    def losses(self) -> dict[str, tf.Tensor]:
        losses = {name.removeprefix("Loss/"): loss for name, loss in self._parts.items()}
        regularization = self._model.regularization_losses()
        if self._pipeline.train_config.add_regularization_loss and regularization:
            losses["regularization_loss"] = tf.add_n(regularization)
        return losses


def _learning_rate(pipeline: Pipeline) -> tf.Tensor:
    """The optimizer keeps its own to itself; this is the same function of the global step."""
    _, [rate] = optimizer_builder.build(pipeline.train_config.optimizer)
    return tf.convert_to_tensor(rate, tf.float32)


def _stretched(images: tf.Tensor) -> tf.Tensor:
    """Each family of detectors has a preprocessing of its own, and none can be undone without knowing it."""
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    return tf.cast((images - low) * (255.0 / tf.maximum(high - low, 1e-6)), tf.uint8)
