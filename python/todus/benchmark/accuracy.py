"""How good a format is on the validation images: COCO's AP, by the evaluation's own ways and with what it has kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

from todus.benchmark import formats
from todus.benchmark.making import Made
from todus.evaluation import evaluate, graphs, scoring, stored_detections
from todus.evaluation.graphs import Graph
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model


@dataclass(frozen=True)
class Accuracy:
    """AP and AP50, 0..1, None where no image has a box; score_threshold: what the file drops, None if unknown."""

    average_precision: float | None
    at_50: float | None
    score_threshold: float | None


def measure(model: Model, made: Made, on: ValidationSet, whole: ValidationSet) -> Accuracy:
    """
    Args:
      on: the images to evaluate.
      whole: all of the dataset: what was detected on them earlier serves, too.
    """
    graph = graph_of(model, made)
    stored = stored_detections.read(model, graph, stored_detections.origin_of(model, graph, whole))
    if stored is None:
        if len(on.images) < len(whole.images):  # what is kept of all of them stays
            graph = replace(graph, name=f"{graph.name} on {len(on.images)} images")
        stored = evaluate.detected(model, graph, on, stored_detections.origin_of(model, graph, on))
    scores = scoring.score(on.annotations, stored.results, on.image_ids)
    return Accuracy(scores.summary["AP"], scores.summary["AP50"], stored.score_threshold)


def graph_of(model: Model, made: Made) -> Graph:
    """What the evaluation calls it, so that what make eval has kept serves here, and the other way round."""
    if made.format.name in (formats.EXPORTED, formats.SAVED_MODEL, formats.ONNX):
        return graphs.find(model, made.format.name)
    return graphs.find(model, "tflite" if made.path == model.tflite else str(made.path))
