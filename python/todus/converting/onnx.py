"""Convert an SSD to ONNX: write model/NAME/NAME.onnx, and NAME.onnx.labels.txt beside it.

    python -m todus.converting.onnx --model-dir model/NAME                        the newest checkpoint
    python -m todus.converting.onnx --model-dir model/NAME --graph pretrained     the zoo's own, with all its classes
    python -m todus.converting.onnx --model-dir model/NAME --nms tensorrt --layout nchw      for TensorRT 8 and later

The file takes `image` and gives, by the names of the API's frozen graph,

    --nms onnx      detection_boxes, detection_scores, detection_classes, num_detections; the standard's operations
    --nms tensorrt  the same from TensorRT's plugin EfficientNMS_TRT, classes and count int32, boxes not clipped
    --nms none      raw_detection_boxes, decoded, and raw_detection_scores, the background first

An input of uint8 takes pixels as they are; float takes (pixel - mean) / deviation. --preprocess 1 takes images of any
size, and resizes them just as the frozen graph does. Labels, thresholds and all of this are in the file's metadata.
The file is run on one validation image and compared with the graph it was made of before it is kept.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from todus import command, files, progress
from todus.coco import labels
from todus.converting import onnx_facts
from todus.converting.onnx_facts import FLOAT, LEAST_PLUGIN_THRESHOLD, OPSETS, TENSORRT, Form
from todus.errors import UserError
from todus.layout import Model

if TYPE_CHECKING:
    import onnx

    from todus.converting.onnx_source import Source
    from todus.exporting.tflite_facts import Facts

DEFAULT = Form()


def convert(
    model: Model,
    graph: str = "",
    checkpoint_name: str = "",
    form: Form = DEFAULT,
    threshold: float | None = None,
) -> Facts:
    """Write the ONNX file of `model`, tell what is in it, and return what has to be known of it.

    Args:
      graph: "" for a checkpoint of training/, the newest unless `checkpoint_name` says which; best, exported, or
        pretrained.
      threshold: detections with lower scores are dropped; None for the pipeline's.

    Raises:
      UserError: there is no such checkpoint, or the model cannot be written in this form.
      DisagreementError: what the converter made of it computes something else.
    """
    if form.preprocess and form.input == FLOAT:
        raise UserError("PREPROCESS=1 takes pixels as they are, and INPUT=float prepared ones; give only one of them")
    from todus.converting import onnx_source  # TensorFlow: once it is certain what is wanted

    source = onnx_source.choose(model, graph, checkpoint_name)
    progress.say(f"converting {source.name} of {model.name}")
    started = time.monotonic()
    facts = for_suppression(onnx_source.facts_of(source, form, threshold), form)
    whole = converted(model, source, facts, form)
    write(model, whole, source)
    progress.made(model.onnx, started)
    tell_how_to_use(facts, form)
    return facts


def for_suppression(facts: Facts, form: Form) -> Facts:
    """`facts` within the limits of TensorRT's plugin, if that is to suppress; what that changes is told."""
    if form.nms != TENSORRT:
        return facts
    if facts.max_per_class < facts.max_detections:
        progress.say(f"note: the plugin cannot keep to the pipeline's {facts.max_per_class} detections of a class")
    least = LEAST_PLUGIN_THRESHOLD
    if facts.score_threshold >= least:
        return facts
    progress.say(
        f"note: scores below {least:g} are dropped, with which the plugin is slow and fills up with background"
    )
    return replace(facts, score_threshold=least)


def converted(model: Model, source: Source, facts: Facts, form: Form) -> onnx.ModelProto:
    """The ONNX file, checked, and compared with its graph."""
    from todus.converting import onnx_check, onnx_conversion, onnx_graph, onnx_suppression, validation_image

    graph = onnx_graph.build(source.pipeline, source.prefix, facts, form)
    whole = onnx_conversion.convert(graph, form.opset)
    onnx_suppression.append(whole, facts, form)
    onnx_conversion.describe(whole, facts, form)
    distance = onnx_check.require_agreement(graph, whole, facts, form, validation_image.of(model, facts))
    progress.say(
        f"  compared with its graph on one image: boxes differ by {distance.boxes:.2g} and scores by "
        f"{distance.scores:.2g} of their spread ({onnx_check.tolerance(facts):g} is allowed)"
    )
    return whole


def write(model: Model, whole: onnx.ModelProto, source: Source) -> None:
    """Write the labels and, last, the file itself."""
    model.onnx.unlink(missing_ok=True)
    files.write_text(model.onnx_labels, labels.to_text(source.categories))
    with files.atomic_file(model.onnx) as unfinished:
        unfinished.write_bytes(whole.SerializeToString())


def tell_how_to_use(facts: Facts, form: Form) -> None:
    from todus.converting import onnx_report

    for line in onnx_report.summary(facts, form):
        progress.say(f"  {line}")


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    form = Form(
        arguments.nms,
        arguments.input,
        arguments.layout,
        arguments.batch,
        arguments.opset,
        arguments.preprocess,
    )
    facts = convert(model, arguments.graph, arguments.checkpoint, form, arguments.threshold)
    progress.next_step(next_step(model, facts, form))


def next_step(model: Model, facts: Facts, form: Form) -> str:
    from todus.converting import onnx_report

    kit = f"{command.for_model('device-kit', model)} FORMAT=onnx"
    if form.nms == TENSORRT:
        return f"{onnx_report.trtexec(model, facts, form)} (on the device; with a program for it: {kit})"
    return f"{command.for_model('eval', model)} GRAPH=onnx; to run it on a device: {kit}"


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--graph", default="", metavar="GRAPH", help="best, exported or pretrained")
    command.add_checkpoint(parser)
    for name, choices, what in (
        ("nms", onnx_facts.SUPPRESSIONS, "suppression"),
        ("input", onnx_facts.INPUTS, "of the image"),
        ("layout", onnx_facts.LAYOUTS, "of the image"),
        ("batch", onnx_facts.BATCHES, "images at once"),
    ):
        text = f"{what} (default: %(default)s)"
        parser.add_argument(f"--{name}", default=getattr(DEFAULT, name), choices=choices, help=text)
    parser.add_argument(
        "--opset", type=int, default=DEFAULT.opset, choices=OPSETS, help="of ONNX (default: %(default)s)"
    )
    parser.add_argument(
        "--preprocess", type=command.switch, default=False, metavar="0|1", help="1 has the graph resize images"
    )
    parser.add_argument(
        "--threshold", type=command.share, metavar="X", help="drop lower scores (default: as pipeline.config says)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
