"""Evaluate detectors on the validation images of a model's dataset: COCO's figures, and a report in eval/.

    python -m todus.evaluation.evaluate --model-dir model/NAME                       the newest checkpoint
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph pretrained    the zoo's checkpoint, all classes
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph exported      inference-graph/, also saved-model
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph best          the best checkpoint while training
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph tflite        NAME.tflite; onnx: NAME.onnx
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph FILE          any frozen graph, .tflite, .onnx
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph "pretrained training"     side by side

Checkpoints are evaluated with a score threshold of 1e-8; a frozen graph has its own baked in. Categories are matched
by name, so the pretrained graph with its 90 classes is scored correctly on a limited dataset. What a graph has detected
is kept, and used again as long as nothing that it depends on has changed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from todus import command, markdown, progress
from todus.errors import UserError
from todus.evaluation import detection, graphs, report, scoring, stored_detections, validation_set
from todus.evaluation.detectors import Detector
from todus.evaluation.graphs import Graph
from todus.evaluation.report import entry as entries
from todus.evaluation.report import figures
from todus.evaluation.scoring import Scores
from todus.evaluation.stored_detections import Stored
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model
from todus.zoo import prepared

NOTEWORTHY_THRESHOLD = 0.01  # scores below it hardly count
MOST_BESIDE = 6  # evaluations whose columns fit a terminal
FEW = 5  # names that fit in a message


def evaluate(model: Model, graph: str, checkpoint_name: str, categories: str = "") -> dict[str, dict]:
    """Evaluate, print, and write the report; returns the report of every graph evaluated so far.

    Args:
      graph: what to evaluate, several separated by spaces; see graphs.find.
      categories: which of the dataset's to score, as in CATEGORIES; all of them if empty.

    Raises:
      UserError: the model or its dataset is not prepared, there is no such graph or category, or no image to evaluate
        on.
    """
    validation = validation_set.read(prepared.require(model, "val"))
    wanted = graphs.find_all(model, graph, checkpoint_name)
    only = validation.choose(categories) if categories else []
    if len(only) == len(validation.category_names):
        only = []
    whole, names = {}, [entries.name_of(one.name, only) for one in wanted]
    for one in wanted:
        whole = evaluate_one(model, one, validation, only)
    latest = [name for name, entry in whole.items() if entry["only"] == only][-MOST_BESIDE:]
    show_side_by_side({name: whole[name] for name in (names if len(names) > 1 else latest) if name in whole})
    return whole


def evaluate_one(model: Model, graph: Graph, validation: ValidationSet, only: Sequence[str] = ()) -> dict[str, dict]:
    """Evaluate one graph, on the categories `only` if any are given; returns the whole report."""
    started = time.monotonic()
    on_some = f", only {', '.join(only)}" if only else ""
    weights = "" if graph.weights in ("", graph.name) else f" ({graph.weights})"
    images = f"{len(validation.images)} images of dataset {validation.name}"
    progress.say(f"evaluating {graph.name}{weights} on {images}{on_some}")
    graph.complete()  # before what it is made of is read
    made_of = stored_detections.origin_of(model, graph, validation)
    stored = detected(model, graph, validation, made_of)
    if only:
        validation = validation.only(only)
        ids = {category["id"] for category in validation.annotations["categories"]}
        of_these = [result for result in stored.results if result["category_id"] in ids]
        stored = Stored(of_these, stored.score_threshold)
    progress.say(f"scoring {len(stored.results):,} detections")
    scores = scoring.score(validation.annotations, stored.results, validation.image_ids)
    show(scores, stored.score_threshold)
    entry = entries.make(model, graph, validation, stored, scores, made_of["made_of"], only)
    whole = report.add(model, entries.name_of(graph.name, only), entry)
    progress.made(model.report_page, started)
    return whole


def detected(model: Model, graph: Graph, validation: ValidationSet, made_of: dict) -> Stored:
    """What `graph` detects: as kept from when it was `made_of` the same (see stored_detections), or anew.

    Raises:
      UserError: it knows none of the dataset's categories.
    """
    stored = stored_detections.read(model, graph, made_of)
    if stored is not None:
        progress.say(f"detections of {graph.name} reused: nothing that they depend on has changed")
        return stored
    detector = graph.open()
    try:
        require_common_categories(graph, detector, validation)
        results = detection.detect_files(detector, validation.images, validation.annotations["categories"])
    finally:
        detector.close()
    stored = Stored(results, detector.score_threshold)
    stored_detections.write(model, graph, made_of, stored)
    return stored


def require_common_categories(graph: Graph, detector: Detector, validation: ValidationSet) -> None:
    known = detector.label_map.names.values()
    if set(known).isdisjoint(validation.category_names):
        raise UserError(
            f"{graph.name} detects {_few(known)}, and none of the categories of dataset {validation.name} "
            f"({_few(validation.category_names)}); correct the labels.txt beside it, or name another GRAPH"
        )


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:FEW]) + (", ..." if len(names) > FEW else "")


def measure(detector: Detector, annotations: dict, images: Sequence[tuple[dict, Path]]) -> tuple[Scores, list[dict]]:
    """Run a detector over `images` and score it; leaves no file.

    Args:
      annotations: the content of an instances_*.json that has the images.
      images: COCO's entry of each image and its file.

    Returns:
      The scores, and the detections in COCO's results format.
    """
    results = detection.detect_files(detector, images, annotations["categories"])
    return scoring.score(annotations, results, [image["id"] for image, _ in images]), results


def show(scores: Scores, score_threshold: float | None) -> None:
    progress.say(scores.text)
    _show_table(figures.by_category({"categories": scores.categories}))
    if score_threshold is None:
        progress.say("note: which scores this graph drops cannot be told; its AP may read lower than its checkpoint's")
    elif score_threshold > NOTEWORTHY_THRESHOLD:
        threshold = report.threshold(score_threshold)
        progress.say(f"note: this graph drops scores under {threshold}, so its AP reads lower than its checkpoint's")


def show_side_by_side(evaluated: dict[str, dict]) -> None:
    if len(evaluated) < 2:
        return
    progress.say("\nside by side, in percent:")
    _show_table(figures.side_by_side(evaluated))
    progress.say("")
    _show_table(figures.categories_side_by_side(evaluated))


def _show_table(table: figures.Table) -> None:
    for line in markdown.table(*table):
        progress.say(line)


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    evaluate(model, arguments.graph, arguments.checkpoint, arguments.categories)
    progress.next_step(f"{command.for_model('export', model)}, or {command.for_model('train', model)}")


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument(
        "--graph",
        default="",
        metavar="GRAPH",
        help=f"{', '.join(filter(None, graphs.NAMED))}, a checkpoint, or a file; several with spaces",
    )
    command.add_checkpoint(parser)
    parser.add_argument("--categories", default="", metavar="NAMES", help="score only these (default: all)")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
