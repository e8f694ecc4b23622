"""A detector from its pipeline, with the weights of a checkpoint, which can be changed for those of another."""

from __future__ import annotations

from pathlib import Path

from todus import checkpoint
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.exporter import has_moving_averages
from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation.detectors.graph_detector import GraphDetector


class CheckpointDetector(GraphDetector):
    """The detector of `pipeline`; build it once, restore() as often as there are new weights."""

    def __init__(self, pipeline: pipelines.Pipeline, prefix: Path, label_map: LabelMap, score_threshold: float):
        lowered = pipelines.copy(pipeline)
        set_score_threshold(lowered, score_threshold)
        graph = detection_model.build_graph(lowered).graph
        super().__init__(tf.Session(graph=graph), label_map, score_threshold)
        self._wants_averages = pipeline.eval_config.use_moving_averages
        self._savers: dict[bool, tf.train.Saver] = {}
        self.restore(prefix)

    def restore(self, prefix: Path) -> None:
        """Take the weights of the checkpoint `prefix`.

        Raises:
          UserError: it does not fit the pipeline, or cannot be read.
        """
        try:
            averages = self._wants_averages and has_moving_averages(prefix)
            self._saver(averages).restore(self.session, str(prefix))
        except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError) as error:
            raise UserError(
                f"checkpoint {prefix} does not fit pipeline.config: {checkpoint.reason(error)}; restore the pipeline "
                f"that it was made with, or name another checkpoint"
            ) from None
        except (tf.errors.OpError, ValueError) as error:
            raise checkpoint.unreadable(prefix, error) from None

    def _saver(self, averages: bool) -> tf.train.Saver:
        if averages not in self._savers:
            with self.session.graph.as_default():
                variables = tf.global_variables()
                if averages:
                    variables = tf.train.ExponentialMovingAverage(0.0).variables_to_restore()
                self._savers[averages] = tf.train.Saver(without_step(variables))
        return self._savers[averages]


def without_step(variables: list | dict) -> list | dict:
    """Leave global_step out: a detector does not need it, and the zoo's checkpoints have it in several types."""
    if isinstance(variables, dict):
        return {name: variable for name, variable in variables.items() if variable.op.name != "global_step"}
    return [variable for variable in variables if variable.op.name != "global_step"]


def set_score_threshold(pipeline: pipelines.Pipeline, threshold: float) -> None:
    """Set what the detector itself drops, after its last stage."""
    model = getattr(pipeline.model, pipelines.meta_architecture(pipeline))
    last = model.post_processing if hasattr(model, "post_processing") else model.second_stage_post_processing
    last.batch_non_max_suppression.score_threshold = threshold
