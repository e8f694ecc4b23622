"""Show what a model finds in images of your own: boxes, names and scores.

    python -m todus.detecting.detect --model-dir model/NAME --image photo.jpg
    python -m todus.detecting.detect --model-dir model/NAME --image photos --threshold 0.5 --output drawn
    python -m todus.detecting.detect --model-dir model/NAME --image film.mp4 --graph tflite
    python -m todus.detecting.detect --model-dir model/NAME --image photos --json

Images are JPEG, PNG, BMP, WebP, GIF (the first of its images) and TIFF, turned upright as their EXIF data says. A
folder is walked with all below it, but for hidden folders and links to folders. What was found is drawn into
model/NAME/detected/, or into the folder that --output names: JPEG and PNG files keep name and colour profile, other
images become PNG (scan.tif.png), a video an .mp4 (film.mov.mp4) of one rate, without its sound.
Files that this command has not made are never replaced. What cannot be used is told of, the rest goes on, and the exit
status is 1.

The milliseconds are those of the detector alone, which resizes the image, given one at a time: by TensorFlow on all
cores, by LiteRT and onnxruntime on one. Reading and drawing are not in it, nor is the first run, which builds the
graph: the first image goes through twice.

--json prints an object a line for each image, and for each frame of a video, and nothing else on stdout; images are
drawn only into an --output that is given:

    image         the path by which it was found
    frame         of a video: its number from 0, and `seconds`, its time in it
    width height  in pixels, upright
    milliseconds  of the detector alone
    detections    a list of {category, score, bbox: [x, y, width, height] in pixels}, best first
    error         what is wrong with it; then there is nothing else but `image`
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from todus import command, picture, progress
from todus.detecting import inputs, outputs
from todus.detecting.inputs import Inputs
from todus.detecting.reporting import JsonReport, TextReport
from todus.detecting.results import TimedDetector
from todus.detecting.run import Run, Tally
from todus.errors import UserError, WorldError
from todus.evaluation import graphs
from todus.evaluation.detectors import Detector
from todus.evaluation.graphs import Graph
from todus.layout import Model
from todus.zoo import prepared

THRESHOLD = 0.3


def detect(given: argparse.Namespace, report: TextReport) -> None:
    """Detect as the arguments say, and tell what came of it.

    Raises:
      UserError: there is no such model, graph or image, or the drawings cannot go where they should.
      WorldError: some of the images could not be used (the others were), or the drawings cannot be written.
    """
    started = time.monotonic()
    model = Model(given.model_dir)
    output = given.output or model.detected
    found = inputs.find(given.image, output)
    targets = outputs.targets(found, output) if given.output or not given.json else {}
    graph = find_graph(model, given.graph, given.checkpoint)
    say_what(found, graph)
    graph.complete()
    with contextlib.closing(graph.open()) as detector:
        say_threshold(detector, given.threshold)
        colours = picture.colours_of(detector.label_map.names.values())
        run = Run(TimedDetector(detector), given.threshold, colours, targets, report)
        for folder in found.closed:
            run.failed(folder, "may not be read")
        if found.video:
            run.video(found.video)
        run.images(found.images)
    summarize(run.tally, found, given.threshold, output, started)


def find_graph(model: Model, graph: str, checkpoint: str) -> Graph:
    """The one graph that is meant. Raises UserError; see graphs.find."""
    prepared.require_model(model)
    found = graphs.find_all(model, graph, checkpoint)
    if len(found) > 1:
        raise UserError(f"GRAPH={graph} names {len(found)} graphs; make detect takes one, make eval takes several")
    return found[0]


def say_what(found: Inputs, graph: Graph) -> None:
    weights = "" if graph.weights in ("", graph.name) else f" ({graph.weights})"
    what = f"video {found.video}" if found.video else counted(len(found.images), "image")
    others = f"; {counted(found.passed_over, 'other file')} passed over" if found.passed_over else ""
    progress.say(f"detecting with {graph.name}{weights} in {what}{others}")


def say_threshold(detector: Detector, threshold: float) -> None:
    own = detector.score_threshold
    if own is not None and np.float32(own) > np.float32(threshold):
        progress.say(f"note: this graph drops scores under {own:.3g} by itself, whatever THRESHOLD says")


def summarize(tally: Tally, found: Inputs, threshold: float, output: Path, started: float) -> None:
    """Say how much was found, how long it took, and where the drawings are. Raises WorldError if anything failed."""
    if tally.milliseconds:
        article, unit = ("a", "frame") if found.video else ("an", "image")
        objects = ", ".join(f"{count:,} {name}" for name, count in tally.detections.most_common()) or "nothing"
        progress.say(
            f"{counted(len(tally.milliseconds), unit)}; found with scores from {threshold:g}: {objects}; "
            f"{statistics.median(tally.milliseconds):.3g} ms {article} {unit} (the detector alone)"
        )
    if tally.made:
        progress.made(tally.last_made if tally.made == 1 else output, started, tally.bytes)
    if tally.failed:
        all_of_them = len(found.images) + len(found.closed) + bool(found.video)
        raise WorldError(f"{tally.failed:,} of {all_of_them:,} failed; the reasons are above")


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse_arguments(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # for names of files that are not text
    report = JsonReport(sys.stdout) if given.json else TextReport()
    with contextlib.redirect_stdout(sys.stderr) if given.json else contextlib.nullcontext():
        detect(given, report)
        chosen = {"GRAPH": given.graph, "CHECKPOINT": given.checkpoint}
        same = "".join(f" {name}={shlex.quote(value)}" for name, value in chosen.items() if value)
        progress.next_step(f"{command.for_model('eval', Model(given.model_dir))}{same}")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--image", default="", metavar="PATH", help="an image, a folder of images, or a video")
    parser.add_argument(
        "--graph",
        default="",
        metavar="GRAPH",
        help=f"{', '.join(filter(None, graphs.NAMED))}, a checkpoint, or a file",
    )
    command.add_checkpoint(parser)
    parser.add_argument(
        "--threshold",
        type=command.share,
        default=THRESHOLD,
        metavar="SCORE",
        help="show no lower scores (default: 0.3)",
    )
    parser.add_argument(
        "--output",
        type=command.expanded,
        metavar="DIR",
        help="where to draw (default: detected/ of the model)",
    )
    parser.add_argument("--json", action="store_true", help="print an object a line and nothing else on stdout")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    command.run(main)
