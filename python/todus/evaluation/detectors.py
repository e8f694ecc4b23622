"""One interface over the forms that a detector comes in: a checkpoint with its pipeline, or a frozen graph.

detector = from_frozen_graph(path, label_map)
detector.detect(image) -> Detections(boxes, scores, names)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from todus import checkpoint
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.zoo.class_axis import SECOND_STAGE

# Low enough to let everything through: average precision needs the whole precision-recall curve.
EVALUATION_SCORE_THRESHOLD = 1e-8

_OUTPUTS = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")


@dataclass(frozen=True)
class Detections:
    """What was found in one image, best score first.

    boxes: float32 [n, 4], ymin, xmin, ymax, xmax, normalised to 0..1.
    scores: float32 [n], 0..1.
    names: the category of each, n of them.
    """

    boxes: np.ndarray
    scores: np.ndarray
    names: list[str]


class Detector:
    """A detector in a TensorFlow session.

    score_threshold: what the graph itself drops, or None if it does not tell.
    """

    def __init__(self, graph: tf.Graph, label_map: LabelMap, score_threshold: float | None):
        self.label_map, self.score_threshold = label_map, score_threshold
        self._image = graph.get_tensor_by_name("image_tensor:0")
        self._outputs = [graph.get_tensor_by_name(f"{name}:0") for name in _OUTPUTS]
        self.session = tf.Session(graph=graph)

    def detect(self, image: np.ndarray) -> Detections:
        """Find the objects in `image`, uint8 [height, width, 3], RGB. May be called from several threads.

        Classes that the label map does not name (the holes among COCO's 90 ids) are left out.
        """
        count, boxes, scores, classes = self.session.run(self._outputs, {self._image: image[np.newaxis]})
        named = [i for i in range(int(count[0])) if int(classes[0, i]) in self.label_map.names]
        return Detections(boxes[0, named], scores[0, named], [self.label_map.names[int(classes[0, i])] for i in named])


def from_checkpoint(pipeline: pipelines.Pipeline, prefix: Path, label_map: LabelMap) -> Detector:
    """The detector of `pipeline` with the weights of a checkpoint, at the evaluation's score threshold.

    Moving averages are used where the pipeline asks for them and the checkpoint has them, as the exporter does.
    """
    from todus.bridge import detection_model
    from todus.bridge.exporter import has_moving_averages

    lowered = pipelines.copy(pipeline)
    set_score_threshold(lowered, EVALUATION_SCORE_THRESHOLD)
    graph = detection_model.build_graph(lowered).graph
    detector = Detector(graph, label_map, EVALUATION_SCORE_THRESHOLD)
    with graph.as_default():
        variables = tf.global_variables()
        if pipeline.eval_config.use_moving_averages and has_moving_averages(prefix):
            variables = tf.train.ExponentialMovingAverage(0.0).variables_to_restore()
        try:
            saver = tf.train.Saver(without_step(variables))
            saver.restore(detector.session, str(prefix))
        except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise UserError(f"checkpoint {prefix} does not fit pipeline.config: {first_line}") from None
        except (tf.errors.OpError, ValueError) as error:
            raise checkpoint.unreadable(prefix, error) from None
    return detector


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


def from_frozen_graph(path: Path, choose_labels: Callable[[int | None], LabelMap]) -> Detector:
    """The detector in a frozen graph with the API's inputs and outputs.

    Args:
      choose_labels: gives the names of the classes, told how many classes the graph has (None: it cannot be told).

    Raises:
      UserError: the file is not a frozen detection graph.
    """
    definition = tf.GraphDef()
    graph = tf.Graph()
    try:
        definition.ParseFromString(path.read_bytes())
        with graph.as_default():
            tf.import_graph_def(definition, name="")
        label_map = choose_labels(class_count(definition))
        return Detector(graph, label_map, baked_score_threshold(definition))
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{path} is not there; name another GRAPH") from None
    except (DecodeError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not a frozen detection graph: {str(error).splitlines()[0]}") from None


def class_count(graph: tf.GraphDef) -> int | None:
    """How many classes a frozen graph scores, the background not counted; None if that cannot be told.

    Told by the biases of its heads. Faster R-CNN and Mask R-CNN have an output for each class and the background. With
    R-FCN each bin of a box has these, and in another head 4 for each class. Each anchor of an SSD has them, and in
    another head 4 whatever the classes. The first stage only tells objects from background.
    """
    ends = ("Predictor/biases", "/class_predictions/biases", "/refined_locations/biases")
    sizes = {n.name: _constant(n).size for n in graph.node if n.op == "Const" and n.name.endswith(ends)}
    second_stage = {name: size for name, size in sizes.items() if f"{SECOND_STAGE}/" in name}
    count = _classes_of_second_stage(second_stage) if second_stage else _classes_of_ssd(sizes)
    return count if count and count > 0 else None


def _classes_of_second_stage(sizes: dict[str, int]) -> int | None:
    by_layer = {name.split("/")[-2]: size for name, size in sizes.items()}
    if "ClassPredictor" in by_layer:
        return by_layer["ClassPredictor"] - 1
    scores, boxes = by_layer.get("class_predictions"), by_layer.get("refined_locations")
    if scores is None or boxes is None or boxes % 4 or scores <= boxes // 4:
        return None
    bins = scores - boxes // 4  # the columns of the background, which has no box
    return boxes // 4 // bins if boxes // 4 % bins == 0 else None


def _classes_of_ssd(sizes: dict[str, int]) -> int | None:
    for name, scores in sizes.items():
        scope, found, _ = name.rpartition("ClassPredictor/biases")
        box_heads = (f"{scope}{layer}/biases" for layer in ("BoxEncodingPredictor", "BoxPredictor"))
        boxes = next((sizes[head] for head in box_heads if head in sizes), None)
        if found and boxes and "FirstStage" not in scope and 4 * scores % boxes == 0:
            return 4 * scores // boxes - 1
    return None


def baked_score_threshold(graph: tf.GraphDef) -> float | None:
    """The score threshold that a frozen graph was exported with, if it can be told.

    Exports of 2018 and before drop low scores in an operation of their own, before non-maximum suppression; later
    ones give the threshold as the fifth input of NonMaxSuppressionV3 and its successors (-inf there drops nothing).
    """
    nodes = {node.name: node for node in graph.node}
    filters = [node for name, node in nodes.items() if name.endswith("FilterGreaterThan/Greater/y")]
    suppressions = [node for node in graph.node if node.op.startswith("NonMaxSuppressionV") and len(node.input) >= 5]
    candidates = [*filters, *(nodes.get(node.input[4].split(":")[0]) for node in suppressions)]
    thresholds = [float(_constant(node)) for node in candidates if node is not None and node.op == "Const"]
    return max(0.0, *thresholds) if thresholds else None


def _constant(node: tf.NodeDef) -> np.ndarray:
    return tf.make_ndarray(node.attr["value"].tensor)
