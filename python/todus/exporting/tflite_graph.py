"""Export a detector as the graph that TensorFlow Lite's converter takes.

    python -m todus.exporting.tflite_graph --model-dir model/NAME [--checkpoint model.ckpt-500]
    python -m todus.exporting.tflite_graph --model-dir model/NAME --postprocess 0      raw heads, for accelerators

Leaves model/NAME/inference-graph/tflite_graph.pb and, beside it, tflite_graph.json, which tells what is in it. The
graph takes `normalized_input_image_tensor`, float32 [1, height, width, 3], RGB, and gives TFLite_Detection_PostProcess:
boxes float32 [1, n, 4] (ymin, xmin, ymax, xmax, 0..1), classes [1, n] (0 is the first label), scores [1, n], count [1].

--nms fast suppresses boxes of all classes together, as TensorFlow Lite does unless told otherwise. --nms regular does
it for each class, as the frozen graph does; but with N threads TensorFlow Lite's own operation then leaves out the
class number N (tensorflow/tensorflow#56058): a file with it has to be run with one thread.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from todus import checkpoint, command, files, progress
from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.exporting import tflite_facts
from todus.exporting.tflite_facts import FAST, NONE, REGULAR, Facts
from todus.layout import Model
from todus.training.quantization import start
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo import prepared

if TYPE_CHECKING:
    from todus.bridge.tflite_exporter import PostProcessing

SUPPRESSIONS = (FAST, REGULAR)


@dataclass(frozen=True)
class Settings:
    """What the user sets of the graph's outputs; None leaves it as the pipeline has it."""

    suppression: str = FAST  # or REGULAR, or NONE
    max_detections: int | None = None
    threshold: float | None = None


def export(model: Model, checkpoint_name: str, settings: Settings = Settings()) -> Facts:
    """Write the graph and what has to be known of it, which is returned.

    Raises:
      UserError: the model is not prepared, has no such checkpoint, or is none that TensorFlow Lite can detect with.
    """
    pipeline = prepared.require_exportable(model)
    require_ssd(pipeline)
    prefix = checkpoint.chosen(model.training, checkpoint_name, f"run {command.for_model('model', model)}")
    start.require_ranges(model, pipeline, prefix)
    started = time.monotonic()
    progress.say(f"exporting {model.name} from {prefix.name} for TensorFlow Lite")
    facts = facts_of(pipeline, label_map.read(model.label_map), settings, prefix.name)
    facts = write(pipeline, prefix, facts, model)
    progress.made(model.tflite_graph, started)
    return facts


def write(pipeline: Pipeline, prefix: Path, facts: Facts, model: Model) -> Facts:
    """Write tflite_graph.pb and then, so that it tells that this is whole, tflite_graph.json; returns what is in it."""
    from todus.bridge import tflite_exporter  # TensorFlow: only once it is certain that there is something to export

    graph = tflite_exporter.frozen_graph(pipeline, prefix, post_processing(facts))
    content = graph.SerializeToString(deterministic=True)  # the same export again is the same file
    facts = replace(facts, graph_sha256=hashlib.sha256(content).hexdigest())
    model.tflite_facts.unlink(missing_ok=True)
    with files.atomic_file(model.tflite_graph) as unfinished:
        unfinished.write_bytes(content)
    files.write_json(model.tflite_facts, facts.to_json(), indent=1)
    return facts


def post_processing(facts: Facts) -> PostProcessing | None:
    """What the operation at the end of the graph is to do; None for raw heads."""
    from todus.bridge.tflite_exporter import PostProcessing

    if facts.has_heads:
        return None
    limits = (facts.score_threshold, facts.iou_threshold, facts.max_detections, facts.max_per_class)
    return PostProcessing(*limits, is_regular=facts.suppression == REGULAR)


def require_ssd(pipeline: Pipeline) -> None:
    """Raises UserError if TensorFlow Lite's operations cannot express the detector."""
    kind = pipelines.meta_architecture(pipeline)
    if kind != "ssd":
        raise _inexpressible(f"{kind} has two stages, and TensorFlow Lite's detection is for SSD")
    resizer = pipeline.model.ssd.image_resizer
    if resizer.WhichOneof("image_resizer_oneof") != "fixed_shape_resizer":
        raise _inexpressible("its images have no fixed shape (no fixed_shape_resizer)")
    if resizer.fixed_shape_resizer.convert_to_grayscale:
        raise _inexpressible("its images are made grey")
    coder = pipeline.model.ssd.box_coder.WhichOneof("box_coder_oneof")
    if coder != "faster_rcnn_box_coder":
        raise _inexpressible(f"TFLite_Detection_PostProcess cannot decode its boxes ({coder})")


def _inexpressible(reason: str) -> UserError:
    return UserError(f"this model cannot be exported for TensorFlow Lite: {reason}; take an SSD of make models")


def facts_of(pipeline: Pipeline, categories: LabelMap, settings: Settings, checkpoint_name: str) -> Facts:
    """What has to be known of a graph of `pipeline`. Raises UserError if nothing tells how it normalises pixels."""
    from todus.bridge import preprocessing

    ssd = pipeline.model.ssd
    limits, resizer = ssd.post_processing.batch_non_max_suppression, ssd.image_resizer.fixed_shape_resizer
    coder = ssd.box_coder.faster_rcnn_box_coder
    mean, deviation = preprocessing.normalisation(pipeline)
    return Facts(
        checkpoint=checkpoint_name,
        labels=tflite_facts.lines_of(categories),
        height=resizer.height,
        width=resizer.width,
        resize=resize_method(pipeline),
        mean=mean,
        deviation=deviation,
        is_quantized=zoo_pipeline.is_quantized(pipeline),
        suppression=settings.suppression,
        score_threshold=limits.score_threshold if settings.threshold is None else settings.threshold,
        iou_threshold=limits.iou_threshold,
        max_detections=settings.max_detections or limits.max_total_detections,
        max_per_class=limits.max_detections_per_class,
        box_scales=[coder.y_scale, coder.x_scale, coder.height_scale, coder.width_scale],
    )


def resize_method(pipeline: Pipeline) -> str:
    """How an SSD resizes its images, as pipeline.config calls it: BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA."""
    resizer = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    methods = resizer.DESCRIPTOR.fields_by_name["resize_method"].enum_type
    return methods.values_by_number[resizer.resize_method].name


def read_facts(path: Path) -> Facts:
    """Raises UserError if the file is not there, or not what `export` writes."""
    try:
        return tflite_facts.from_json(path.read_text(encoding="utf-8"), str(progress.shown(path)))
    except FileNotFoundError:
        raise UserError(f"{progress.shown(path)} is not there; run: make export-tflite") from None


def facts_or_none(model: Model) -> Facts | None:
    """What is in tflite_graph.pb; None where it is not there, or what tells of it is damaged."""
    try:
        return read_facts(model.tflite_facts) if model.tflite_graph.is_file() else None
    except UserError:
        return None


def is_current(model: Model, prefix: Path) -> bool:
    """Whether tflite_graph.pb is there, of the checkpoint `prefix`, and younger than all that it was made from."""
    facts = facts_or_none(model)
    if facts is None or facts.checkpoint != prefix.name:
        return False
    exported_at = model.tflite_facts.stat().st_mtime
    sources = (checkpoint.index(prefix), model.pipeline)
    return all(path.stat().st_mtime <= exported_at for path in sources)


def main() -> None:
    arguments = parse_arguments()
    model = Model(arguments.model_dir)
    suppression = arguments.nms if arguments.postprocess else NONE
    export(model, arguments.checkpoint, Settings(suppression, arguments.max_detections, arguments.threshold))
    if suppression == REGULAR:
        progress.say("note: run what has NMS=regular with one thread; with several, TensorFlow Lite loses a class")
    # A checkpoint that was asked for need not be the newest, of which convert-tflite makes a graph by itself.
    progress.next_step(command.for_model("convert-tflite", model) + (" GRAPH=exported" if arguments.checkpoint else ""))


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    command.add_checkpoint(parser)
    parser.add_argument("--nms", default=FAST, choices=SUPPRESSIONS, help="suppression (default: %(default)s)")
    parser.add_argument(
        "--postprocess", type=command.switch, default=True, metavar="0|1", help="0 leaves decoding and suppression out"
    )
    parser.add_argument(
        "--max-detections", type=command.positive(int), metavar="N", help="in an image (default: as the pipeline says)"
    )
    parser.add_argument(
        "--threshold", type=command.share, metavar="X", help="drop lower scores (default: as pipeline.config says)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
