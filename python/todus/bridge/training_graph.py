"""The graph that trains a detector: input pipeline, loss and train op, all as the API builds them.

Source: object_detection/inputs.py (train_input), object_detection/model_lib.py (create_model_fn).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from todus.bridge import detection_model
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline

from object_detection import inputs, model_lib
from object_detection.utils import config_util


@dataclass(frozen=True)
class TrainingGraph:
    """One step of training.

    train_op: runs a step (gradients, optimizer, batch-norm statistics, moving averages) and adds 1 to global_step.
    loss: float32 scalar, the total loss of the batch: classification, localization and regularization.
    """

    train_op: tf.Operation
    loss: tf.Tensor
    global_step: tf.Variable


def build(pipeline: Pipeline) -> TrainingGraph:
    """Build the training graph of `pipeline` into the current default graph.

    The input reader's iterator is initialised with the tables. Nothing is restored from a checkpoint here: what
    `train_config.fine_tune_checkpoint` names is left to the caller, because the API on its own would take the
    backbone only.
    """
    with tf.device("/cpu:0"):
        dataset = inputs.train_input(pipeline.train_config, pipeline.train_input_reader, pipeline.model)
        iterator = tf.data.make_initializable_iterator(dataset)
        tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
        features, labels = iterator.get_next()
    model_fn = model_lib.create_model_fn(
        functools.partial(detection_model.build, pipeline),
        config_util.create_configs_from_pipeline_proto(pipeline),
    )
    spec = model_fn(features, labels, "train")
    return TrainingGraph(spec.train_op, spec.loss, tf.train.get_global_step())
