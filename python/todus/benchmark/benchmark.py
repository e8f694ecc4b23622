"""Put all formats of a model side by side: write model/NAME/benchmark.md, benchmark.json and benchmark.png.

    python -m todus.benchmark.benchmark --model-dir model/NAME                                 all formats
    python -m todus.benchmark.benchmark --model-dir model/NAME --graph "pretrained exported int8"     some of them
    python -m todus.benchmark.benchmark --model-dir model/NAME --checkpoint best --threads 1

A row each for the pretrained model with all its classes and, of the same weights, the limited one as frozen graph,
SavedModel, TensorFlow Lite of every kind, ONNX and UFF. What is there and up to date is taken, the rest is made first,
as its own verb makes it. A format that cannot be made or does not run is a row with its reason.

Timed is one image at a time, as a plain program on a device would run it: from its pixels to detections in memory.
Each format runs in a process of its own; they take turns, image by image: 100 times, or fewer, but 30 at least, where
that takes longer than a minute. AP is that of the validation images.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from todus import checkpoint, command, progress
from todus.benchmark import formats, timing
from todus.benchmark.formats import Format
from todus.coco.records import workers
from todus.evaluation import validation_set, while_training
from todus.layout import Model
from todus.zoo import prepared

if TYPE_CHECKING:
    from todus.benchmark.row import Row


def benchmark(
    model: Model, chosen: Sequence[Format], checkpoint_name: str = "", images: int | None = None, threads: int = 1
) -> list[Row]:
    """Measure, print and write.

    Args:
      checkpoint_name: which weights; "" for the newest.
      images: how many validation images to evaluate; None for all.

    Raises:
      UserError: the model or its dataset is not prepared, there is no such checkpoint, or it cannot be exported.
    """
    whole = validation_set.read(prepared.require(model, "val"))
    on = replace(whole, images=while_training.spread(whole.images, images))
    prefix = checkpoint.chosen(model.training, checkpoint_name, f"run {command.for_model('model', model)}")
    progress.say(f"comparing {len(chosen)} formats of {model.name}, {prefix.name}; threads: {threads}")

    from todus.benchmark import conditions, making, notes, report, rows  # TensorFlow: once it is certain what is wanted
    from todus.benchmark.wanted import Wanted

    made = making.make_all(Wanted(model, prefix, checkpoint_name), chosen)
    timed = while_training.spread([path for _, path in on.images], timing.ROUNDS)
    measuring = rows.Measuring(model, on, whole, timed, threads)
    measured = rows.measure(measuring, made)
    holding = conditions.of(measuring, prefix.name, measured)
    sentence = sentence_of(measured, holding.classes)
    report.write(model, measured, holding, sentence)
    show(model, report.table(measured), notes.particulars(measured, holding), sentence)
    return measured


def sentence_of(measured: Sequence[Row], classes: tuple[int, int]) -> str:
    from todus.benchmark import conclusion

    timed = {row.name: row for row in measured if row.figures}
    frozen = [timed.pop(name).figures if name in timed else None for name in (formats.PRETRAINED, formats.EXPORTED)]
    return conclusion.conclusion(classes, *frozen, {row.title: row.figures for row in timed.values()})


def show(model: Model, table: Sequence[str], particulars: Sequence[str], sentence: str) -> None:
    progress.say("")
    for line in (*table, "", *([sentence, ""] if sentence else []), *(f"note: {note}" for note in particulars)):
        progress.say(line)
    for path in filter(Path.is_file, (model.benchmark_table, model.benchmark_json, model.benchmark_chart)):
        progress.say(f"made {progress.shown(path)}")


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    chosen = formats.choose(arguments.graph)
    benchmark(model, chosen, arguments.checkpoint, arguments.eval_images, arguments.threads)
    progress.next_step(command.for_model("device-kit", model))


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    names = ", ".join(one.name for one in formats.FORMATS)
    parser.add_argument("--graph", default="", metavar="FORMATS", help=f"some of {names} (default: all)")
    parser.add_argument(
        "--checkpoint", "-c", default="", metavar="NAME", help="e.g. model.ckpt-500, or best (default: the newest)"
    )
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
