"""The graph that becomes a .tflite file, and what has to be known of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from todus import checkpoint, command, layout, progress
from todus.bridge import pipeline as pipelines
from todus.bridge.tflite_exporter import ANCHORS, INPUT, POST_PROCESS
from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.converting import frozen_graph, tflite_ranges
from todus.converting.frozen_graph import FrozenGraph
from todus.errors import UserError
from todus.exporting import tflite_graph
from todus.exporting.tflite_facts import FAST, NONE, REGULAR, Facts
from todus.exporting.tflite_graph import Settings
from todus.layout import Model
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo import prepared, pretrained


@dataclass(frozen=True)
class Source:
    """A graph as `make export-tflite` writes it, and its facts."""

    path: Path
    graph: FrozenGraph
    facts: Facts

    @property
    def anchors(self) -> np.ndarray | None:
        """float32 [anchors, 4], for raw heads."""
        return self.graph.constant(ANCHORS) if self.facts.has_heads else None


def choose(model: Model, graph: str) -> Source:
    """The source that `graph` stands for.

    graph: "" or "exported" for inference-graph/ (the first makes it where it is missing or outdated), "pretrained" for
      the zoo's own (its archives of quantized models have one), or the path of a tflite_graph.pb.

    Raises:
      UserError: there is no such graph, or it was exported for other categories than the model's.
    """
    prepared.require_model(model)
    if graph == "pretrained":
        return zoo_source(model)
    if graph not in ("", "exported"):
        path = command.expanded(graph).resolve()
        return load(path, path.with_name(layout.PIPELINE), _labels_beside(path))
    if not graph:
        export_if_outdated(model)
    return exported_source(model)


def export_if_outdated(model: Model) -> None:
    """Export anew, with the settings of before, unless tflite_graph.pb is of the newest checkpoint or the best."""
    prefixes = [checkpoint.newest(model.training), checkpoint.newest(model.best)]
    if any(prefix is not None and tflite_graph.is_current(model, prefix) for prefix in prefixes):
        return
    before = tflite_graph.facts_or_none(model)
    if before is None:
        tflite_graph.export(model, "")
        return
    outputs = "POSTPROCESS=0" if before.has_heads else f"NMS={before.suppression}"
    progress.say(
        f"{progress.shown(model.tflite_graph)} is outdated, so it is exported anew, with {outputs}, "
        f"MAX_DETECTIONS={before.max_detections} and THRESHOLD={before.score_threshold:g} as before"
    )
    tflite_graph.export(model, "", Settings(before.suppression, before.max_detections, before.score_threshold))


def exported_source(model: Model) -> Source:
    if not model.tflite_facts.is_file():
        raise UserError(f"{model.name} is not exported; run: {command.for_model('export-tflite', model)}")
    facts, now = tflite_graph.read_facts(model.tflite_facts), label_map.read(model.label_map)
    if facts.label_map != now:
        raise UserError(
            f"{progress.shown(model.tflite_graph)} was exported for {', '.join(facts.label_map.ids)}, the model is now "
            f"for {', '.join(now.ids)}; run: {command.for_model('export-tflite', model)}"
        )
    newest = checkpoint.newest(model.training)
    if facts.checkpoint != newest.name:
        progress.say(f"note: tflite_graph.pb is of {facts.checkpoint}, the newest checkpoint is {newest.name}")
    elif not tflite_graph.is_current(model, newest):
        progress.say("note: tflite_graph.pb is older than what it was made from; without GRAPH it is exported anew")
    return Source(model.tflite_graph, frozen_graph.load(model.tflite_graph), facts)


def zoo_source(model: Model) -> Source:
    path = model.pretrained / model.tflite_graph.name
    if not path.is_file():
        raise UserError(
            f"the archive of {model.name} has no {path.name} (those of quantized models have one); "
            "leave GRAPH away to convert your own export"
        )
    count = zoo_pipeline.detector(pipelines.load(model.zoo_pipeline)).num_classes
    return load(path, model.zoo_pipeline, pretrained.categories(model, count))


def load(path: Path, pipeline_file: Path, categories: LabelMap | None) -> Source:
    """A graph from anywhere, with the pipeline that tells of its images.

    Raises:
      UserError: it is not a graph for TensorFlow Lite, or nothing tells what it is.
    """
    graph = frozen_graph.load(path)
    if INPUT not in graph.nodes:
        raise UserError(f"{progress.shown(path)} has no {INPUT}; name a graph of make export-tflite")
    beside = path.with_suffix(".json")
    if beside.is_file():
        return Source(path, graph, tflite_graph.read_facts(beside))
    if not pipeline_file.is_file() or categories is None:
        missing = layout.LABELS if pipeline_file.is_file() else pipeline_file.name
        raise UserError(f"{progress.shown(path)} has no {missing} beside it, which tells what it detects")
    pipeline = pipelines.load(pipeline_file)
    tflite_graph.require_ssd(pipeline)
    facts = tflite_graph.facts_of(pipeline, categories, Settings(), "")
    facts = replace(facts, graph_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return Source(path, graph, _as_in(graph, facts))


def _as_in(graph: FrozenGraph, facts: Facts) -> Facts:
    """`facts` with what the graph itself says of its outputs and ranges."""
    operation = graph.nodes.get(POST_PROCESS)
    facts = replace(facts, is_quantized=tflite_ranges.are_there(graph))
    if operation is None:
        return replace(facts, suppression=NONE)
    said = operation.attr
    return replace(
        facts,
        suppression=REGULAR if said["use_regular_nms"].b else FAST,
        score_threshold=said["nms_score_threshold"].f,
        iou_threshold=said["nms_iou_threshold"].f,
        max_detections=said["max_detections"].i,
        max_per_class=said["detections_per_class"].i,
    )


def _labels_beside(path: Path) -> LabelMap | None:
    beside = path.with_name(layout.LABELS)
    return labels.read(beside) if beside.is_file() else None
