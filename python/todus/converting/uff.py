"""Convert an SSD for TensorRT 5 to 8: write model/NAME/NAME.uff, and labels.txt beside it.

    python -m todus.converting.uff --model-dir model/NAME                        inference-graph/, made if need be
    python -m todus.converting.uff --model-dir model/NAME --graph pretrained     the zoo's graph, with all its classes
    python -m todus.converting.uff --model-dir model/NAME --graph FILE.pb        any, with its pipeline.config beside it
    python -m todus.converting.uff --model-dir model/NAME --config SCRIPT.py     by a script of your own

Image size, anchors, classes and limits are taken from the graph and its pipeline.config. A script of your own, with
`preprocess(dynamic_graph)` as NVIDIA's samples have it, is asked instead of these; it names the last node NMS, and its
nodes have the plugins and the threshold, so --plugins and --threshold are not for it.

What no version of TensorRT can express (FPN, PPN, Faster R-CNN) is refused.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from todus import checkpoint, command, files, layout, progress
from todus.bridge import pipeline as pipelines
from todus.coco import labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.exporting import inference_graph
from todus.layout import Model
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo import prepared, pretrained

if TYPE_CHECKING:
    from todus.bridge.graph_mode import tf

    from uff.schema import MetaGraph

GENERATIONS = ("trt5", "trt7", "trt8")
DEFAULT = "trt8"
OUTPUT = "NMS"


@dataclass(frozen=True)
class Source:
    """A graph to convert, its pipeline, and what its classes are called (None: unknown)."""

    graph: Path
    pipeline: Path
    categories: LabelMap | None


def convert(
    model: Model,
    graph: str = "",
    generation: str = DEFAULT,
    threshold: float | None = None,
    with_text: bool = False,
    config: Path | None = None,
) -> MetaGraph:
    """Write the .uff file of `model`, tell what is in it, and return it.

    Args:
      graph: "" or "exported" for inference-graph/ (the first makes it where it is missing), "pretrained", or a path.
      generation: of TensorRT's plugins, one of GENERATIONS.
      threshold: detections with lower scores are dropped; None for the pipeline's.
      with_text: write the readable form too.
      config: a script that prepares the graph instead.

    Raises:
      UserError: there is no such graph, or it cannot be expressed in UFF.
    """
    if config:
        require_alone(config, generation, threshold)
    source = choose(model, graph)
    progress.say(f"converting {progress.shown(source.graph)}")
    started = time.monotonic()
    content = by_script(source, config) if config else by_pipeline(source, generation, threshold)

    meta = checked(content)
    write(model, content, meta if with_text else None, source.categories)
    progress.made(model.uff, started)
    report(meta, source, config)
    return meta


def require_alone(config: Path, generation: str, threshold: float | None) -> None:
    """Raises UserError if there is no such script, or something else is asked that the script decides."""
    if not config.is_file():
        raise UserError(f"there is no config script {progress.shown(config)}; CONFIG is a Python file")
    for name, is_given in (("THRESHOLD", threshold is not None), ("PLUGINS", generation != DEFAULT)):
        if is_given:
            raise UserError(f"{name} is not for CONFIG, the script's own nodes decide that; leave {name} away")


def checked(content: bytes) -> MetaGraph:
    """What is in a .uff file. Raises UserError if TensorRT would refuse it."""
    from todus.converting import uff_report, uff_suppression

    from uff.schema import MetaGraph

    meta = MetaGraph.FromString(content)
    uff_report.require_known(meta)
    uff_suppression.require_complete(meta)
    return meta


def report(meta: MetaGraph, source: Source, config: Path | None) -> None:
    """Tell what is in the file, and what to doubt."""
    from todus.converting import uff_report

    for line in uff_report.summary(meta, has_labels=source.categories is not None, has_known_pixels=config is None):
        progress.say(f"  {line}")
    for note in uff_report.notes(meta, source.categories):
        progress.say(f"note: {note}")
    progress.say(f"in Python, with a trt.UffParser (not tried here): {uff_report.in_python(meta)}")


def choose(model: Model, graph: str) -> Source:
    """Raises UserError if there is no such graph."""
    prepared.require_model(model)
    if graph == "pretrained":
        return zoo_source(model)
    if graph not in ("", "exported"):
        return source_at(command.expanded(graph).resolve())
    if not graph and not model.frozen_graph.is_file():
        inference_graph.export(model, "")
    return exported_source(model)


def zoo_source(model: Model) -> Source:
    if not model.pretrained_graph.is_file():
        raise UserError(
            f"the archive of {model.name} has no frozen graph (those of quantized models have none); "
            "leave GRAPH away to convert your own export"
        )
    count = zoo_pipeline.detector(pipelines.load(model.zoo_pipeline)).num_classes
    return Source(model.pretrained_graph, model.zoo_pipeline, pretrained.categories(model, count))


def exported_source(model: Model) -> Source:
    if not model.frozen_graph.is_file():
        raise UserError(f"{model.name} is not exported; run: {command.for_model('export', model)}")
    exported = inference_graph.exported_labels(model)
    source, newest = model.export_source.read_text(encoding="utf-8").strip(), checkpoint.newest(model.training).name
    if source != newest:
        progress.say(f"note: inference-graph/ is of {source}, the newest checkpoint is {newest}")
    return Source(model.frozen_graph, model.exported_pipeline, exported)


def source_at(path: Path) -> Source:
    if not path.is_file():
        raise UserError(f"{progress.shown(path)} is not there; GRAPH is exported, pretrained, or a frozen graph (.pb)")
    names = path.with_name(layout.LABELS)
    return Source(path, path.with_name(layout.PIPELINE), labels.read(names) if names.is_file() else None)


def by_pipeline(source: Source, generation: str, threshold: float | None) -> bytes:
    """The .uff file of a graph as the API's exporter writes it."""
    from todus.converting import frozen_graph, ssd_parameters, uff_graph, uff_plugins

    if not source.pipeline.is_file():
        beside = source.pipeline.name
        raise UserError(f"{progress.shown(source.graph)} has no {beside} beside it, which tells anchors and limits")
    pipeline = pipelines.load(source.pipeline)
    ssd_parameters.require_ssd(pipeline)
    limits = ssd_parameters.suppression(pipeline)
    if threshold is not None:
        limits = replace(limits, score_threshold=threshold)
    if limits.max_per_class < limits.max_total:
        progress.say(f"note: NMS_TRT cannot keep to the pipeline's {limits.max_per_class} detections of a class")
    dialect = uff_plugins.DIALECTS[generation]
    return serialized(uff_graph.rewrite(frozen_graph.load(source.graph), pipeline, limits, dialect))


def by_script(source: Source, script: Path) -> bytes:
    """The .uff file of a graph that a script prepares."""
    from todus.converting import frozen_graph

    return serialized(frozen_graph.load(source.graph).definition, script)


def serialized(graph: tf.GraphDef, script: Path | None = None) -> bytes:
    import graphsurgeon
    import uff

    try:
        return uff.from_tensorflow(graph, [OUTPUT], script, quiet=True)
    except (uff.UffError, graphsurgeon.GraphError) as error:
        raise UserError(f"the graph cannot be written as UFF: {error}") from error


def write(model: Model, content: bytes, readable: object | None, categories: LabelMap | None) -> None:
    """Write labels, text and, last, the file itself; what an earlier conversion left of the former goes."""
    from uff import text

    for outdated in (model.converted_labels, model.uff_text, model.uff):
        outdated.unlink(missing_ok=True)
    if categories:
        files.write_text(model.converted_labels, labels.to_text(categories))
    if readable is not None:
        files.write_text(model.uff_text, text.dump(readable))
    with files.atomic_file(model.uff) as unfinished:
        unfinished.write_bytes(content)


def main() -> None:
    arguments = parse_arguments()
    if arguments.exported and arguments.graph not in ("", "exported"):
        raise UserError(f"-i means the exported graph, and GRAPH is {arguments.graph}; give only one of them")
    from todus.converting import uff_report

    graph = "exported" if arguments.exported else arguments.graph
    model = Model(arguments.model_dir)
    meta = convert(
        model,
        graph,
        arguments.plugins,
        arguments.threshold,
        arguments.text,
        arguments.config,
    )
    progress.next_step(uff_report.next_step(meta, model))


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--graph", default="", metavar="GRAPH", help="exported, pretrained, or a frozen graph's path")
    parser.add_argument("-i", "--exported", action="store_true", help="the same as --graph exported")
    parser.add_argument(
        "-t",
        "--text",
        type=command.switch,
        nargs="?",
        const=True,
        default=False,
        metavar="0|1",
        help="write NAME.pbtxt too, which people can read",
    )
    parser.add_argument(
        "--plugins", default=DEFAULT, choices=GENERATIONS, help="for TensorRT 5 and 6, 7, or 8 (default: %(default)s)"
    )
    parser.add_argument(
        "--threshold", type=command.share, metavar="X", help="drop lower scores (default: as pipeline.config says)"
    )
    parser.add_argument(
        "--config",
        type=lambda text: command.expanded(text).resolve(),
        metavar="SCRIPT",
        help="a Python file whose preprocess(dynamic_graph) prepares the graph; its output is the node NMS",
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
