"""Put all formats of a model side by side: write model/NAME/benchmark.md, benchmark.json and benchmark.png.

    python -m todus.benchmark.benchmark --model-dir model/NAME                                 all formats
    python -m todus.benchmark.benchmark --model-dir model/NAME --graph "pretrained exported int8"     some of them
    python -m todus.benchmark.benchmark --model-dir model/NAME --checkpoint best --threads 1

A row each for the pretrained model with all its classes and for the limited one as frozen graph, SavedModel, TensorFlow
Lite of every kind, ONNX and UFF. All are made for it from the checkpoints, as their verbs make them unless told
otherwise, in model/NAME/benchmark/, and kept there until something that they are made of changes; the user's own
exports are neither used nor touched. A format that cannot be made or does not run is a row with its reason. Of some
formats only, the table is shown, and no file is written.

Timed is one image at a time, as a plain program on a device would run it: from its pixels to detections in memory.
Each format runs in a process of its own; they take turns, image by image: 100 times, or fewer, but 30 at least, where
that takes longer than a minute. AP is that of the validation images.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from todus import checkpoint, command, files, progress
from todus.benchmark import formats, timing
from todus.benchmark.formats import FORMATS, Format
from todus.coco.records import workers
from todus.errors import UserError
from todus.evaluation import validation_set
from todus.layout import Model
from todus.training.quantization import start
from todus.zoo import prepared

if TYPE_CHECKING:
    from todus.benchmark.conditions import Conditions
    from todus.benchmark.rows import Measuring, Row


def benchmark(
    model: Model, chosen: Sequence[Format], checkpoint_name: str = "", images: int | None = None, threads: int = 1
) -> list[Row]:
    """Measure, print, and write, if `chosen` are all formats.

    Args:
      checkpoint_name: which weights; "" for the newest.
      images: how many validation images to evaluate; None for all.

    Raises:
      UserError: the model or its dataset is not prepared; there is no such checkpoint, it cannot be exported, or none
        of the formats can be measured; there are not so many cores.
      WorldError: another benchmark of the model is at work.
    """
    _require_cores(threads)
    whole = validation_set.read(prepared.require(model, "val"))
    on = replace(whole, images=validation_set.spread(whole.images, images))
    prefix = checkpoint.chosen(model.training, checkpoint_name, f"run {command.for_model('model', model)}")
    progress.say(f"comparing {len(chosen)} formats of {model.name}, {prefix.name}; threads: {threads}")

    from todus.benchmark import making, rows  # TensorFlow: once it is certain what is wanted
    from todus.benchmark.shadow import Shadow

    start.require_ranges(model, prepared.require_exportable(model), prefix)
    measuring = rows.Measuring(Shadow(model, prefix), on, whole, to_time([path for _, path in on.images]), threads)
    with files.locked(model.benchmark):
        measuring.shadow.prepare()
        measured = rows.measure(measuring, making.make_all(measuring.shadow, chosen))
        tell(measuring, measured, is_all=len(chosen) == len(FORMATS))
    return measured


def to_time(images: Sequence[Path]) -> list[Path]:
    """Which images are timed, and in which order: any number of the first are of all kinds; the same each time."""
    drawn = validation_set.spread(images, timing.ROUNDS)
    random.Random(0).shuffle(drawn)
    return drawn


def tell(measuring: Measuring, measured: Sequence[Row], is_all: bool) -> None:
    """Show what was measured, and write it, if it is of all formats."""
    from todus.benchmark import conditions, report

    model, holding = measuring.shadow.model, conditions.of(measuring, measured)
    if not any(row.figures for row in measured):
        reasons = "; ".join(f"{', '.join(titles)}: {why}" for why, titles in report.by_reason(measured).items())
        raise UserError(f"nothing could be timed, so nothing was written; {reasons}")
    sentence = sentence_of(measured, holding)
    show(report.table(measured), report.particulars(measured, holding), sentence)
    if not is_all:
        progress.say(f"of some formats no file is written: {model.benchmark_table.name} is for all, without GRAPH")
        return
    for path in report.write(model, measured, holding, sentence):
        progress.say(f"made {progress.shown(path)}")


def sentence_of(measured: Sequence[Row], holding: Conditions) -> str:
    from todus.benchmark import figures

    timed = {row.name: row for row in measured if row.figures}
    frozen = [timed.pop(name).figures if name in timed else None for name in (formats.PRETRAINED, formats.EXPORTED)]
    others = {row.title: row.figures for row in timed.values()}
    return figures.conclusion(holding.classes, holding.quantized, *frozen, others)


def show(table: Sequence[str], particulars: Sequence[str], sentence: str) -> None:
    progress.say("")
    for line in (*table, "", *([sentence, ""] if sentence else []), *(f"note: {note}" for note in particulars)):
        progress.say(line)


def _require_cores(threads: int) -> None:
    cores = workers.cores()
    if threads > cores:
        raise UserError(f"THREADS={threads}: there are {cores} cores here; give {cores} or less")


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    chosen = formats.choose(arguments.graph)
    signal.signal(signal.SIGTERM, _end)
    benchmark(model, chosen, arguments.checkpoint, arguments.eval_images, arguments.threads)
    progress.next_step(command.for_model("convert-tflite device-kit", model))


def _end(number: int, _: object) -> NoReturn:
    """As Ctrl-C does, so that what is half made goes, and the other processes end."""
    sys.exit(128 + number)


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--graph", default="", metavar="FORMATS", help=f"some of {formats.NAMES} (default: all)")
    command.add_checkpoint(parser)
    parser.add_argument(
        "--eval-images", type=command.positive(int), metavar="N", help="validation images for AP (default: all)"
    )
    parser.add_argument(
        "--threads",
        type=command.positive(int),
        default=workers.cores(),
        metavar="N",
        help="of every format (default: as many as there are cores, %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
