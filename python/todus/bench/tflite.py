"""Measure what each kind of .tflite file costs and gains: size, average precision, and time beside the frozen graph.

    python -m todus.bench.tflite [--folder demo] [--steps 200]

On the demo's mini-COCO with its little zoo model, which are made below the folder if they are not there. The model is
cut to four categories; that is converted in each way, and trained on, with fake quantization and without.

The time is that of one image after the other with all cores, resizing included, reading not: TensorFlow runs the frozen
graph, LiteRT the files. It is given as a share of the frozen graph's, because the two take turns, image by image.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todus import command, layout, markdown, progress
from todus.demo import little_zoo, mini_coco, mirror, tour
from todus.evaluation import evaluate, graphs, validation_set
from todus.evaluation.detectors.image_reader import read_image
from todus.evaluation.report.figures import percent
from todus.layout import Model
from todus.zoo import prepared

STEPS = 200
TIMED_IMAGES = 40
ROUNDS = 3
FLOAT_KINDS = ("float32", "float16", "dynamic", "int8")


@dataclass(frozen=True)
class Row:
    """A line of the table; `time` is a share of the frozen graph's."""

    name: str
    size: int
    average_precision: float
    at_50: float
    time: float


def compare(folder: Path, work: Path, steps: int) -> list[Row]:
    """Make all models below `work` and measure them."""
    mini_coco.generate(folder / "mirror" / "coco")
    with mirror.serve(folder / "mirror") as url:
        tour.make_little_zoo(tour.Tour(folder, url))
        plain, quantized = tour.Tour(work / "float", url), tour.Tour(work / "quantized", url)
        zoo = f"{url}/{tour.zoo_in(folder).name}"
        for road, quantize in ((plain, "0"), (quantized, "1")):
            road.home.folder.mkdir(parents=True)
            road.verb("dataset-limited", CATEGORIES=tour.CATEGORIES, COCO_URL=f"{url}/coco", PREVIEW="0")
            road.verb("model", MODEL=little_zoo.NAME, ZOO_URL=zoo, QUANTIZE=quantize)
    untrained = [*of_float(plain, "as cut", FLOAT_KINDS), *of_uint8(quantized, "as cut, calibrated")]
    return [*untrained, *trained(plain, quantized, steps)]


def trained(plain: tour.Tour, quantized: tour.Tour, steps: int) -> list[Row]:
    for road in (plain, quantized):
        road.verb("train", STEPS=str(steps), LEARNING_RATE=str(tour.LEARNING_RATE))
    after = f"after {steps} steps"
    return [*of_float(plain, after, ("float32", "int8")), *of_uint8(quantized, f"{after} with fake quantization")]


def of_float(road: tour.Tour, state: str, kinds: tuple[str, ...]) -> list[Row]:
    for verb in ("export", "export-tflite"):
        road.verb(verb)
    road.verb("convert-tflite", TFLITE=" ".join(kinds))
    model = road.model
    places = [model.tflite, *(model.other_tflite(kind) for kind in kinds[1:])]
    files = {f"{kind}, {state}": place for kind, place in zip(kinds, places, strict=True)}
    return rows(model, {f"frozen graph, {state}": model.frozen_graph, **files})


def of_uint8(road: tour.Tour, state: str) -> list[Row]:
    for verb in ("export", "export-tflite", "convert-tflite"):
        road.verb(verb)
    return rows(road.model, {f"uint8, {state}": road.model.tflite}, road.model.frozen_graph)


def rows(model: Model, files: dict[str, Path], beside: Path | None = None) -> list[Row]:
    """A row for each of `files`; `beside`: the frozen graph whose time is 1 (default: the first)."""
    validation = validation_set.read(prepared.require(model, "val"))
    images = [read_image(path) for _, path in validation.images[:TIMED_IMAGES]]
    reference = beside or next(iter(files.values()))
    times = timed([reference, *files.values()], images)
    made = []
    for (name, path), seconds in zip(files.items(), times[1:], strict=True):
        detector = graphs.find(model, str(path)).open()
        scores, _ = evaluate.measure(detector, validation.annotations, validation.images)
        detector.close()
        summary = scores.summary
        made.append(Row(name, path.stat().st_size, summary["AP"], summary["AP50"], seconds / times[0]))
    return made


def timed(paths: list[Path], images: list[np.ndarray]) -> list[float]:
    """The median seconds that each file takes for an image."""
    runners = [on_tensorflow(path) if path.suffix == ".pb" else on_litert(path) for path in paths]
    took: list[list[float]] = [[] for _ in runners]
    for run in runners:
        run(images[0])  # warm
    for _ in range(ROUNDS):
        for image in images:
            for run, seconds in zip(runners, took, strict=True):
                started = time.perf_counter()
                run(image)
                seconds.append(time.perf_counter() - started)
    return [statistics.median(seconds) for seconds in took]


def on_tensorflow(path: Path) -> Callable[[np.ndarray], object]:
    """What a plain program would run: the graph's own outputs."""
    from todus.bridge.graph_mode import tf

    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(tf.GraphDef.FromString(path.read_bytes()), name="")
    session = tf.Session(graph=graph)
    outputs = [f"{name}:0" for name in ("num_detections", "detection_boxes", "detection_scores", "detection_classes")]
    return lambda image: session.run(outputs, {"image_tensor:0": image[np.newaxis]})


def on_litert(path: Path) -> Callable[[np.ndarray], object]:
    from todus.converting import resizer, tflite_file
    from todus.converting.tflite_runner import Runner

    facts = tflite_file.facts_in(path)
    resize = resizer.of(facts)
    runner = Runner(path, facts.mean, facts.deviation, threads=os.cpu_count() or 1)
    return lambda image: runner(resize(image))


def table(measured: list[Row]) -> list[str]:
    cells = [
        [row.name, progress.human_size(row.size), percent(row.average_precision), percent(row.at_50), f"{row.time:.2f}"]
        for row in measured
    ]
    return markdown.table(["file", "size", "AP", "AP50", "time (frozen graph = 1)"], cells)


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="todus-bench-") as work:
        measured = compare(arguments.folder, Path(work), arguments.steps)
    progress.say("")
    for line in table(measured):
        progress.say(line)


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    parser.add_argument(
        "--folder",
        type=lambda text: Path(text).resolve(),
        default=layout.CHECKOUT / "demo",
        help="where the demo's mini-COCO and little zoo model are, or go (default: demo)",
    )
    parser.add_argument("--steps", type=command.positive(int), default=STEPS, help="of training (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
