"""One interface over the forms that a detector comes in: checkpoint, frozen graph, SavedModel, TensorFlow Lite,
ONNX.

detector = detectors.from_frozen_graph(path, choose_labels)
detector.detect([image, another]) -> [Detections(boxes, scores, names), ...]

TensorFlow is imported by the functions that open a detector, not with this package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from todus.coco.label_map import LabelMap
from todus.evaluation.detectors.detector import Detections, Detector

if TYPE_CHECKING:
    from todus.bridge.pipeline import Pipeline
    from todus.evaluation.detectors.checkpoint_detector import CheckpointDetector

# Low enough to let everything through: average precision needs the whole precision-recall curve.
EVALUATION_SCORE_THRESHOLD = 1e-8

__all__ = [
    "EVALUATION_SCORE_THRESHOLD",
    "Detections",
    "Detector",
    "from_checkpoint",
    "from_frozen_graph",
    "from_onnx",
    "from_saved_model",
    "from_tflite",
]


def from_checkpoint(pipeline: Pipeline, prefix: Path, label_map: LabelMap) -> CheckpointDetector:
    """The detector of `pipeline` with the weights of the checkpoint `prefix`, at the evaluation's score threshold.

    Its restore(prefix) takes the weights of another checkpoint without building anew. Moving averages are used where
    the pipeline asks for them and the checkpoint has them, as the exporter does.

    Raises:
      UserError: the checkpoint does not fit the pipeline, or cannot be read.
    """
    from todus.evaluation.detectors.checkpoint_detector import CheckpointDetector

    return CheckpointDetector(pipeline, prefix, label_map, EVALUATION_SCORE_THRESHOLD)


def from_frozen_graph(path: Path, choose_labels: Callable[[int | None], LabelMap]) -> Detector:
    """The detector in a frozen graph with the API's inputs and outputs.

    Args:
      choose_labels: gives the names of the classes, told how many classes the graph has (None: it cannot be told).

    Raises:
      UserError: the file is not a frozen detection graph.
    """
    from todus.evaluation.detectors import frozen_graph

    return frozen_graph.open_detector(path, choose_labels)


def from_saved_model(folder: Path, choose_labels: Callable[[int | None], LabelMap]) -> Detector:
    """The detector in a SavedModel as the API's exporter writes it.

    Args:
      choose_labels: see from_frozen_graph.

    Raises:
      UserError: the folder holds no SavedModel, or not that of a detector.
    """
    from todus.evaluation.detectors import saved_model

    return saved_model.open_detector(folder, choose_labels)


def from_tflite(path: Path, otherwise: LabelMap | None = None) -> Detector:
    """The detector in a .tflite file, ours or one with TFLite_Detection_PostProcess from elsewhere.

    Args:
      otherwise: the names of its classes, if the file carries none.

    Raises:
      UserError: there is no such file, LiteRT cannot run it, or nothing names its classes.
    """
    from todus.evaluation.detectors import tflite

    return tflite.open_detector(path, otherwise)


def from_onnx(path: Path) -> Detector:
    """The detector in an ONNX file of ours, with ONNX's own suppression or with raw outputs.

    Raises:
      UserError: there is no such file, it is not of Todus, or onnxruntime cannot run it.
    """
    from todus.evaluation.detectors import onnx

    return onnx.open_detector(path)
