"""Evaluate a detector on the validation images of its dataset: COCO's 12 lines and a table of AP per category.

    python -m todus.evaluation.evaluate --model-dir model/NAME                       the newest checkpoint
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph pretrained    the zoo's checkpoint, all classes
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph exported      inference-graph/
    python -m todus.evaluation.evaluate --model-dir model/NAME --graph FILE.pb       any frozen graph

Checkpoints are evaluated with a score threshold of 1e-8; a frozen graph has its own baked in. Categories are matched
by name, so the pretrained graph with its 90 classes is scored correctly on a limited dataset.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from todus import checkpoint, command, files, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation import report, scoring
from todus.exporting import inference_graph
from todus.layout import COCO_LABEL_MAP, LABELS, Dataset, Model
from todus.zoo import archive, prepared, pretrained
from todus.zoo import pipeline as zoo_pipeline

NOTEWORTHY_THRESHOLD = 0.01  # scores below it hardly count
IMAGES_AT_A_TIME = 2  # threads: one decodes and waits while the other's graph runs


def evaluate(model: Model, graph: str, checkpoint_name: str) -> dict:
    """Evaluate, print, and write the report; returns the report of every graph evaluated so far.

    Raises:
      UserError: the model or its dataset is not prepared, there is no such graph, or no image to evaluate on.
    """
    dataset = prepared.require(model, "val")
    annotations = json.loads(dataset.annotations("val").read_text(encoding="utf-8"))
    images = images_on_disk(annotations, dataset.raw_data.images("val"), dataset)
    name, detector = open_detector(model, graph, checkpoint_name)
    progress.say(f"evaluating {name} on {len(images)} images of dataset {dataset.name}")
    started = time.monotonic()
    results = detect_all(detector, images, annotations)
    scores = scoring.score(annotations, results, [image["id"] for image, _ in images])
    files.write_json(model.detections(name), results)
    facts = {"dataset": dataset.name, "images": len(images), "score_threshold": detector.score_threshold}
    whole = report.add(model, name, facts, scores)
    show(scores, detector.score_threshold)
    progress.made(model.report.with_suffix(".md"), started)
    return whole


def images_on_disk(annotations: dict, folder: Path, dataset: Dataset) -> list[tuple[dict, Path]]:
    images = [(image, folder / image["file_name"]) for image in annotations["images"]]
    missing = [path for _, path in images if not path.is_file()]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(images)} validation images are missing, the first is {missing[0]}; "
            f"delete {dataset.manifest} and make dataset {dataset.name} as before: only what is missing is fetched"
        )
    if not images:
        raise UserError(f"dataset {dataset.name} has no validation images; make it with other CATEGORIES")
    return images


def open_detector(model: Model, graph: str, checkpoint_name: str):
    """The name under which the report keeps what `graph` stands for, and the detector.

    graph: "" for a checkpoint of training/ (the newest unless `checkpoint_name` says which), "pretrained", "exported",
      or the path of a frozen graph.
    """
    from todus.evaluation import detectors

    cut = label_map.read(model.label_map)
    if not graph:
        prefix = checkpoint.chosen(model.training, checkpoint_name)
        return prefix.name, detectors.from_checkpoint(pipelines.load(model.pipeline), prefix, cut)
    if graph == "pretrained":
        zoo = pipelines.load(model.zoo_pipeline)
        prefix = archive.checkpoint(model)
        known = pretrained.categories(model, zoo_pipeline.detector(zoo).num_classes)
        return "pretrained", detectors.from_checkpoint(zoo, prefix, pretrained.called_as(known, cut))
    if graph == "exported":
        if not model.frozen_graph.is_file():
            where = progress.shown(model.frozen_graph)
            raise UserError(f"{where} is not there; run: {command.for_model('export', model)}")
        return "exported", detectors.from_frozen_graph(
            model.frozen_graph, lambda _: inference_graph.exported_labels(model)
        )
    path = Path(graph).expanduser().resolve()
    name = str(path.relative_to(model.folder)) if path.is_relative_to(model.folder) else str(path)
    return name, detectors.from_frozen_graph(path, lambda count: labels_of(path, count, cut))


def labels_of(path: Path, class_count: int | None, cut: LabelMap) -> LabelMap:
    """The categories of a frozen graph anywhere: of the labels.txt beside it, else told by how many classes it has."""
    beside = path.with_name(LABELS)
    if beside.is_file():
        return labels.read(beside)
    coco = label_map.read(COCO_LABEL_MAP)
    for categories in (coco, cut):
        if class_count == max(categories.names):
            return categories
    has = "classes that cannot be counted" if class_count is None else f"{class_count} classes"
    raise UserError(f"{path} has {has} and no {LABELS} beside it; write one there, a category a line")


def detect_all(detector, images: list[tuple[dict, Path]], annotations: dict) -> list[dict]:
    """Run the detector over `images`; detections in COCO's results format, in the images' order."""
    category_ids = {category["name"]: category["id"] for category in annotations["categories"]}

    def detect(item: tuple[dict, Path]) -> list[dict]:
        image, path = item
        pixels = read_image(path)
        height, width = pixels.shape[:2]
        return scoring.to_results(image["id"], width, height, detector.detect(pixels), category_ids)

    results = []
    with ThreadPoolExecutor(IMAGES_AT_A_TIME) as threads, progress.Progress("detect", len(images), "image") as bar:
        for found in threads.map(detect, images):
            results += found
            bar.advance()
    return results


def read_image(path: Path) -> np.ndarray:
    """An image as uint8 [height, width, 3], RGB.

    Raises:
      UserError: the file is not an image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError on some damaged files
        raise UserError(f"{path} cannot be read as an image ({error}); delete it and make the dataset again") from None


def show(scores: scoring.Scores, score_threshold: float | None) -> None:
    progress.say(scores.text.replace("= -1.000", "= n/a (no such boxes)"))
    for line in report.category_table(scores.categories):
        progress.say(line)
    if score_threshold is None:
        progress.say("note: which scores this graph drops cannot be told; its AP may read lower than its checkpoint's")
    elif score_threshold > NOTEWORTHY_THRESHOLD:
        threshold = report.threshold(score_threshold)
        progress.say(f"note: this graph drops scores under {threshold}, so its AP reads lower than its checkpoint's")


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    evaluate(model, arguments.graph, arguments.checkpoint)
    progress.next_step(f"{command.for_model('export', model)}, or {command.for_model('train', model)}")


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--graph", default="", metavar="GRAPH", help="pretrained, exported, or a frozen graph's path")
    parser.add_argument(
        "--checkpoint", "-c", default="", metavar="NAME", help="e.g. model.ckpt-500 (default: the newest)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
