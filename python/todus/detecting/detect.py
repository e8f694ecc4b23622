"""Show what a model finds in pictures of your own: boxes, names and scores.

    python -m todus.detecting.detect --model-dir model/NAME --image photo.jpg
    python -m todus.detecting.detect --model-dir model/NAME --image photos --threshold 0.5 --output drawn
    python -m todus.detecting.detect --model-dir model/NAME --image film.mp4 --graph tflite
    python -m todus.detecting.detect --model-dir model/NAME --image photos --json

Pictures are JPEG, PNG, BMP, WebP, GIF (the first of its pictures) and TIFF; they are turned upright as their EXIF data
says. A folder is walked with all below it. What was found is drawn into model/NAME/detected/, or into the folder that
--output names; files that this command has not made are never replaced. What cannot be read is told of, the rest goes
on, and the exit status is 1.

The milliseconds are those of the detector alone, which resizes the image, given one at a time: by TensorFlow on all
cores, by LiteRT and onnxruntime on one. Reading and drawing are not in it, nor is the first run, which builds the
graph: the first image goes through twice.

--json prints an object a line for each image, and for each frame of a video, and nothing else on stdout; pictures are
drawn only into an --output that is given:

    image         the path by which it was found
    frame         of a video: its number from 0, and `seconds`, its time from the beginning
    width height  in pixels, upright
    milliseconds  of the detector alone
    detections    a list of {category, score, box: [x, y, width, height] in pixels}, best first
    error         what is wrong with it; then there is nothing else but `image`
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from todus import command, picture, progress
from todus.detecting import inputs, outputs
from todus.detecting.inputs import Inputs
from todus.detecting.run import Run, Tally
from todus.detecting.telling import JsonLines, Lines
from todus.detecting.timed_detector import TimedDetector
from todus.errors import UserError, WorldError
from todus.evaluation import graphs
from todus.evaluation.detectors import Detector
from todus.evaluation.graphs import Graph
from todus.layout import Model
from todus.zoo import prepared

THRESHOLD = 0.3


def detect(given: argparse.Namespace, tell: Lines) -> None:
    """Detect as the arguments say, and tell what came of it.

    Raises:
      UserError: there is no such model, graph or picture, or the pictures cannot go where they should.
      WorldError: some of the pictures could not be used; the others were.
    """
    started = time.monotonic()
    model = Model(given.model_dir)
    output = given.output or model.detected
    images = inputs.find(given.image, output)
    targets = outputs.targets(images, output) if given.output or not given.json else {}
    graph = find_graph(model, given.graph, given.checkpoint)
    say_what(images, graph)
    with opened(graph) as detector:
        say_threshold(detector, given.threshold)
        colours = picture.colours_of(detector.label_map.names.values())
        run = Run(TimedDetector(detector), given.threshold, colours, targets, tell)
        for folder in images.closed:
            run.failed(folder, "may not be read")
        if images.video:
            run.video(images.video)
        run.photos(images.photos)
    summarize(run.tally, images, given.threshold, output, started)


def find_graph(model: Model, graph: str, checkpoint: str) -> Graph:
    """The one graph that is meant. Raises UserError; see graphs.find."""
    prepared.require_model(model)
    found = graphs.find_all(model, graph, checkpoint)
    if len(found) > 1:
        raise UserError(f"GRAPH={graph} names {len(found)} graphs; make detect takes one, make eval takes several")
    return found[0]


@contextlib.contextmanager
def opened(graph: Graph) -> Iterator[Detector]:
    graph.complete()
    detector = graph.open()
    try:
        yield detector
    finally:
        detector.close()


def say_what(images: Inputs, graph: Graph) -> None:
    weights = "" if graph.weights in ("", graph.name) else f" ({graph.weights})"
    what = f"video {images.video}" if images.video else counted(len(images.photos), "image")
    others = f"; {counted(images.passed_over, 'other file')} passed over" if images.passed_over else ""
    progress.say(f"detecting with {graph.name}{weights} in {what}{others}")


def say_threshold(detector: Detector, threshold: float) -> None:
    own = detector.score_threshold
    if own is not None and np.float32(own) > np.float32(threshold):
        progress.say(f"note: this graph drops scores under {own:.3g} by itself, whatever THRESHOLD says")


def summarize(tally: Tally, images: Inputs, threshold: float, output: Path, started: float) -> None:
    """Say how much was found, how long it took, and where the pictures are. Raises WorldError if anything failed."""
    if tally.milliseconds:
        article, unit = ("a", "frame") if images.video else ("an", "image")
        found = ", ".join(f"{count:,} {name}" for name, count in tally.detections.most_common()) or "nothing"
        progress.say(
            f"{counted(len(tally.milliseconds), unit)}; found with scores from {threshold:g}: {found}; "
            f"{statistics.median(tally.milliseconds):.3g} ms {article} {unit} (the detector alone)"
        )
    if tally.made:
        progress.made(tally.made[0] if len(tally.made) == 1 else output, started, tally.bytes)
    if tally.failed:
        all_of_them = len(images.photos) + len(images.closed) + bool(images.video)
        raise WorldError(f"{tally.failed:,} of {all_of_them:,} failed; the reasons are above")


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def main(arguments: Sequence[str] | None = None) -> None:
    given = parse_arguments(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # for names of files that are not text
    tell = JsonLines(sys.stdout) if given.json else Lines()
    with contextlib.redirect_stdout(sys.stderr) if given.json else contextlib.nullcontext():
        detect(given, tell)
        chosen = {"GRAPH": given.graph, "CHECKPOINT": given.checkpoint}
        same = "".join(f" {name}={shlex.quote(value)}" for name, value in chosen.items() if value)
        progress.next_step(f"{command.for_model('eval', Model(given.model_dir))}{same}")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--image", default="", metavar="PATH", help="a picture, a folder of pictures, or a video")
    parser.add_argument(
        "--graph",
        default="",
        metavar="GRAPH",
        help=f"{', '.join(filter(None, graphs.NAMED))}, a checkpoint, or a file",
    )
    parser.add_argument(
        "--checkpoint", "-c", default="", metavar="NAME", help="e.g. model.ckpt-500 (default: the newest)"
    )
    parser.add_argument(
        "--threshold",
        type=command.share,
        default=THRESHOLD,
        metavar="SCORE",
        help="show no lower scores (default: 0.3)",
    )
    parser.add_argument(
        "--output",
        type=lambda text: Path(text).expanduser(),
        metavar="DIR",
        help="where to draw (default: detected/ of the model)",
    )
    parser.add_argument("--json", action="store_true", help="print an object a line and nothing else on stdout")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    command.run(main)
