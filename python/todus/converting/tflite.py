"""Convert an SSD for TensorFlow Lite: write model/NAME/NAME.tflite, and NAME.labels.txt beside it.

    python -m todus.converting.tflite --model-dir model/NAME                           inference-graph/, made if needed
    python -m todus.converting.tflite --model-dir model/NAME --tflite "float32 int8"   NAME.tflite, NAME-int8.tflite
    python -m todus.converting.tflite --model-dir model/NAME --graph FILE.pb           any, with pipeline.config beside

The first kind that is asked for becomes NAME.tflite, each further one NAME-KIND.tflite:

    float32   as the graph computes; the default for a graph without fake quantization
    float16   half the size
    dynamic   weights of 8 bits, a quarter of the size, computed in floating point
    int8      8 bits throughout, by ranges that are measured on 100 training images
    uint8     8 bits throughout, by trained ranges (QUANTIZE=1); the default for such a graph

int8 and uint8 take an image's pixels as they are, unless the range of the input is another one; how they are computed
then is told. Each file carries its labels and standard metadata. Each is run on one validation image and compared with
its graph before it is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from todus import command, files, progress
from todus.errors import UserError
from todus.layout import Model
from todus.zoo import prepared

if TYPE_CHECKING:
    import numpy as np

    from todus.converting.tflite_runner import Runner
    from todus.converting.tflite_source import Source
    from todus.exporting.tflite_facts import Facts

KINDS = ("float32", "float16", "dynamic", "int8", "uint8")


def convert(model: Model, graph: str = "", kinds: Sequence[str] = ()) -> list[Path]:
    """Write a .tflite file of `model` for each of `kinds`, and tell what is in it; returns their paths.

    Args:
      graph: "" or "exported" for inference-graph/ (the first makes it if need be), "pretrained", or a path.
      kinds: of KINDS; none for uint8 where the graph has fake quantization, else float32.

    Raises:
      UserError: there is no such graph, it cannot be converted, or it lacks the ranges that `kinds` needs.
      DisagreementError: what the converter made of it computes something else.
    """
    from todus.converting import tflite_source

    source = tflite_source.choose(model, graph)
    kinds = list(dict.fromkeys(kinds)) or ["uint8" if source.facts.is_quantized else "float32"]
    require_ranges(source, kinds, model)
    progress.say(f"converting {progress.shown(source.path)}")
    pixels = validation_image(model, source)
    images = representative_images(model, source) if "int8" in kinds else []
    files.write_text(model.tflite_labels, "".join(f"{label}\n" for label in source.facts.labels))
    places = [model.tflite if i == 0 else model.other_tflite(kind) for i, kind in enumerate(kinds)]
    for kind, place in zip(kinds, places, strict=True):
        convert_to(place, kind, source, images, pixels)
    if source.path == model.tflite_graph:
        remove_outdated(model, source)
    tell_how_to_use(source, dict(zip(kinds, places, strict=True)))
    return places


def convert_to(place: Path, kind: str, source: Source, images: list[np.ndarray], pixels: np.ndarray) -> None:
    """Write one file, once it has been run and compared."""
    from todus.converting import tflite_check, tflite_conversion, tflite_file

    started = time.monotonic()
    definition, facts = source.graph.definition, source.facts
    bare = tflite_conversion.convert(definition, facts, kind, lambda: ([image] for image in images))
    whole = tflite_file.dress(bare, place.stem, facts, source.anchors)
    distance = tflite_check.require_agreement(definition, whole, facts, kind, pixels)
    with files.atomic_file(place) as unfinished:
        unfinished.write_bytes(whole)
    progress.made(place, started)
    progress.say(
        f"  {kind}, compared with its graph on one image: raw boxes differ by {distance.boxes:.2g} and scores by "
        f"{distance.scores:.2g} of their spread ({tflite_check.TOLERANCES[kind]:g} is allowed)"
    )


def require_ranges(source: Source, kinds: Sequence[str], model: Model) -> None:
    """Raises UserError if uint8 is asked for and layers of the graph have no ranges."""
    from todus.converting import tflite_ranges

    without = tflite_ranges.layers_without(source.graph) if "uint8" in kinds else []
    if not without:
        return
    quantized = f"{command.for_model('model', model)} QUANTIZE=1, then make export-tflite convert-tflite"
    what = f"{len(without)} layers have no ranges for uint8 ({without[0]}, ...)"
    raise UserError(f"{what}; run: {quantized}; or measure them with TFLITE=int8; or stay with TFLITE=float32")


def remove_outdated(model: Model, source: Source) -> None:
    """Remove what earlier conversions made of another export, so that all that is there belongs together."""
    from todus.converting import tflite_file

    for path in (model.tflite, *(model.other_tflite(kind) for kind in KINDS)):
        if path.is_file() and tflite_file.facts_or_none(path) != source.facts:
            path.unlink()
            progress.say(f"removed {progress.shown(path)}, which was not of this export")


def validation_image(model: Model, source: Source) -> np.ndarray:
    """The first image to validate on, float32 [1, height, width, 3]; noise where there is none."""
    from todus.converting import resizer
    from todus.converting import validation_image as images

    resize = resizer.of(source.facts)
    try:
        return resize(images.of(model, source.facts))
    finally:
        resize.close()


def representative_images(model: Model, source: Source) -> list[np.ndarray]:
    from todus.converting import representative

    return representative.inputs(prepared.require(model, "train"), source.facts)


def tell_how_to_use(source: Source, places: dict[str, Path]) -> None:
    """Args: places: the file of each kind."""
    for kind, place in places.items():
        progress.say(f"  {kind} takes {input_of(place, source.facts)}")
    progress.say(f"  {outputs_of(source.facts)}")


def input_of(place: Path, facts: Facts) -> str:
    """What the file `place` takes, in a few words."""
    from todus.converting.tflite_runner import Runner

    values = _values(Runner(place, facts.mean, facts.deviation), facts)
    return f"{facts.height}x{facts.width}x3 RGB, {values}"


def outputs_of(facts: Facts) -> str:
    if facts.has_heads:
        return "outputs: box encodings [1, anchors, 4] and class scores; anchors.npy is in the file (a zip)"
    return f"outputs: boxes [1, {facts.max_detections}, 4], classes (0 is the first label), scores, count"


def _values(runner: Runner, facts: Facts) -> str:
    """The type of the image's values, and how they are computed from its pixels."""
    mean, deviation = (_listed(values) for values in (facts.mean, facts.deviation))
    kind, (scale, zero_point) = runner.input["dtype"].__name__, runner.input["quantization"]
    if not scale:
        return f"{kind}, (pixel - {mean}) / {deviation}"
    if runner.takes_pixels:
        return f"{kind}, pixels as they are" if kind == "uint8" else f"{kind}, pixel - 128"
    return f"{kind}, round((pixel - {mean}) / {deviation} / {scale:.7g}) + {zero_point}, within the type's limits"


def _listed(values: list[float]) -> str:
    distinct = list(dict.fromkeys(f"{value:g}" for value in values))
    return distinct[0] if len(distinct) == 1 else f"({', '.join(f'{value:g}' for value in values)})"


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    convert(model, arguments.graph, arguments.tflite)
    kit = command.for_model("device-kit", model)
    progress.next_step(f"{command.for_model('eval', model)} GRAPH=tflite; to run it on a device: {kit}")


def kinds_of(text: str) -> list[str]:
    """A type for argparse: kinds, separated by spaces or commas."""
    kinds = text.replace(",", " ").split()
    for kind in kinds:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}")
    return kinds


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--graph", default="", metavar="GRAPH", help="exported, pretrained, or a path")
    parser.add_argument(
        "--tflite", type=kinds_of, default=[], metavar="KINDS", help=f"{', '.join(KINDS)}; several make several files"
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
