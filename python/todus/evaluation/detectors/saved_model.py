"""A detector from a SavedModel, as the API's exporter writes it beside the frozen graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation.detectors.graph_detector import GraphDetector
from todus.evaluation.detectors.graph_facts import baked_score_threshold, class_count


def open_detector(folder: Path, choose_labels: Callable[[int | None], LabelMap]) -> GraphDetector:
    """See detectors.from_saved_model."""
    if not tf.saved_model.loader.maybe_saved_model_directory(str(folder)):
        raise UserError(f"{folder} holds no SavedModel; name another GRAPH")
    session = tf.Session(graph=tf.Graph())
    try:
        with session.graph.as_default():
            tf.saved_model.loader.load(session, [tf.saved_model.SERVING], str(folder))
        definition = session.graph.as_graph_def()
        label_map = choose_labels(class_count(definition))
        return GraphDetector(session, label_map, baked_score_threshold(definition))
    except (OSError, RuntimeError, ValueError, KeyError, tf.errors.OpError) as error:
        raise UserError(f"{folder} is not the SavedModel of a detector: {str(error).splitlines()[0]}") from None
