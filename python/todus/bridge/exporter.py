"""Write a detector as frozen graph, SavedModel and checkpoint. Source: object_detection/exporter.py."""

from __future__ import annotations

from pathlib import Path

from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.checkpoint import MOVING_AVERAGE

from object_detection import exporter


def export_inference_graph(pipeline: Pipeline, checkpoint: Path, folder: Path) -> None:
    """Write frozen_inference_graph.pb, saved_model/, model.ckpt.* and pipeline.config into `folder`.

    The input is `image_tensor`, uint8 [batch, height, width, 3]; the outputs are the API's (see DetectionGraph).
    Moving averages are exported where the pipeline asks for them and the checkpoint has them.
    """
    exported = pipelines.copy(pipeline)
    exported.eval_config.use_moving_averages &= has_moving_averages(checkpoint)
    with tf.Graph().as_default():
        exporter.export_inference_graph("image_tensor", exported, str(checkpoint), str(folder))
    exported.eval_config.use_moving_averages = False  # they are in the exported weights by now
    pipelines.save(exported, folder / "pipeline.config")  # the API's own copy has absolute paths


def has_moving_averages(checkpoint: Path) -> bool:
    return any(name.endswith(MOVING_AVERAGE) for name, _ in tf.train.list_variables(str(checkpoint)))
