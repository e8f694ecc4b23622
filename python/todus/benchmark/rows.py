"""Measure what was made, and put the table's rows together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from todus import checkpoint, progress
from todus.benchmark import figures, formats, programs, timing
from todus.benchmark.figures import Figures
from todus.benchmark.making import Made
from todus.benchmark.shadow import Shadow
from todus.benchmark.timing import Timings
from todus.evaluation import evaluate, graphs, scoring, stored_detections
from todus.evaluation.graphs.graph import Graph
from todus.evaluation.validation_set import ValidationSet


@dataclass(frozen=True)
class Accuracy:
    """AP and AP50, 0..1, None where no image has a box; score_threshold: what the file drops, None if unknown."""

    average_precision: float | None
    at_50: float | None
    score_threshold: float | None


@dataclass(frozen=True)
class Row:
    """What is known of a format. parameters: see count_parameters; reason: why the rest is not known, else empty."""

    made: Made
    parameters: int | None = None
    reason: str = ""
    timings: Timings | None = None
    figures: Figures | None = None
    accuracy: Accuracy | None = None

    @property
    def name(self) -> str:
        return self.made.format.name

    @property
    def title(self) -> str:
        return self.made.format.title


@dataclass(frozen=True)
class Measuring:
    """on: the images to evaluate; whole: all of the dataset; timed: the files of those to time."""

    shadow: Shadow
    on: ValidationSet
    whole: ValidationSet
    timed: list[Path]
    threads: int


def measure(measuring: Measuring, made: Sequence[Made]) -> list[Row]:
    """Time first, in processes of their own: what would take this one down with it has failed there."""
    rows = [Row(one, _parameters(measuring.shadow, one), one.reason) for one in made]
    jobs = {row.name: programs.job_of(row.made.path, measuring.threads) for row in rows if not row.reason}
    if jobs:
        progress.say(f"timing {len(jobs)} formats, one image after the other")
    timed = timing.measure(jobs, measuring.timed)
    rows = [_with_figures(row, timed) for row in rows]
    return [_with_accuracy(measuring, row) if row.timings else row for row in rows]


def _with_figures(row: Row, timed: Mapping[str, Timings | str]) -> Row:
    its, reference = timed.get(row.name, row.reason), timed.get(formats.PRETRAINED)
    if isinstance(its, str):
        return replace(row, reason=its)
    return replace(row, timings=its, figures=figures.of(its, reference if isinstance(reference, Timings) else None))


def _with_accuracy(measuring: Measuring, row: Row) -> Row:
    progress.say(f"evaluating {row.title}")
    try:
        return replace(row, accuracy=_accuracy(measuring, row.made))
    except formats.failures() as error:
        return replace(row, reason=formats.reason(error))


def _accuracy(measuring: Measuring, made: Made) -> Accuracy:
    model, on, whole = measuring.shadow.copy, measuring.on, measuring.whole
    graph = _graph_of(measuring.shadow, made)
    stored = stored_detections.read(model, graph, stored_detections.origin_of(model, graph, whole))
    if stored is None:
        if len(on.images) < len(whole.images):  # what is kept of all of them stays
            graph = replace(graph, name=f"{graph.name} on {len(on.images)} images")
        stored = evaluate.detected(model, graph, on, stored_detections.origin_of(model, graph, on))
    scores = scoring.score(on.annotations, stored.results, on.image_ids)
    return Accuracy(scores.summary["AP"], scores.summary["AP50"], stored.score_threshold)


def _graph_of(shadow: Shadow, made: Made) -> Graph:
    """What is evaluated, by the evaluation's own ways."""
    name = made.format.name
    if name in (formats.EXPORTED, formats.SAVED_MODEL, formats.ONNX):
        return graphs.find(shadow.copy, name)
    return replace(graphs.find(shadow.copy, str(made.path)), name=name)


def _parameters(shadow: Shadow, made: Made) -> int | None:
    if made.path is None:
        return None
    is_pretrained = made.format.name == formats.PRETRAINED
    folder = shadow.model.benchmark_pretrained if is_pretrained else shadow.copy.inference_graph
    return count_parameters(folder / checkpoint.PREFIX)


def count_parameters(prefix: Path) -> int:
    """The numbers that the checkpoint `prefix` of an export holds for the network: weights, biases, and the four of
    every channel of batch normalization. Single numbers (the step, the ranges of fake quantization) and anchors, which
    are computed, are none. A converter folds batch normalization into the weights; that is not counted anew.
    """
    shapes = checkpoint.shapes(prefix)
    return sum(math.prod(shape) for shape in shapes.values() if shape)
