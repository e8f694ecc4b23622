"""A detector from a frozen graph with the API's inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import DecodeError

from todus import checkpoint
from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation.detectors.graph_detector import GraphDetector
from todus.evaluation.detectors.graph_facts import baked_score_threshold, class_count


def open_detector(path: Path, choose_labels: Callable[[int | None], LabelMap]) -> GraphDetector:
    """See detectors.from_frozen_graph."""
    definition = tf.GraphDef()
    graph = tf.Graph()
    try:
        definition.ParseFromString(path.read_bytes())
        with graph.as_default():
            tf.import_graph_def(definition, name="")
        label_map = choose_labels(class_count(definition))
        return GraphDetector(tf.Session(graph=graph), label_map, baked_score_threshold(definition))
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path} is not there; name another GRAPH") from None
    except tf.errors.OpError as error:
        raise UserError(
            f"{path} cannot be run by TensorFlow: {checkpoint.reason(error).partition(' in binary')[0]}; "
            f"evaluate the .tflite file that it is made into, or another GRAPH"
        ) from None
    except (DecodeError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not a frozen detection graph: {str(error).splitlines()[0]}") from None
