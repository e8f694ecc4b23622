"""Converted files as detectors, TensorFlow Lite's and ONNX: those of the model, and anybody's."""

from __future__ import annotations

from pathlib import Path

from todus import checkpoint, command, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, labels
from todus.errors import UserError
from todus.evaluation import origin
from todus.evaluation.detectors import Detector
from todus.evaluation.graphs import class_names
from todus.evaluation.graphs.graph import Graph, require_file
from todus.exporting.tflite_facts import Facts
from todus.layout import Model
from todus.zoo import pipeline as zoo_pipeline


def tflite(model: Model, _: str) -> Graph:
    if not model.tflite.is_file():
        remedy = command.for_model("convert-tflite", model)
        raise UserError(f"{progress.shown(model.tflite)} is not there; run: {remedy}")
    from todus.converting import tflite_file

    facts = tflite_file.facts_in(model.tflite)
    if facts and facts.checkpoint:  # that of the zoo's own graph has none
        _compare_with_model(model, model.tflite, facts, "convert-tflite")
    return any_tflite(model, model.tflite, "tflite")


def any_tflite(model: Model, path: Path, name: str = "") -> Graph:
    from todus.converting import tflite_file

    require_file(path)
    facts = tflite_file.facts_in(path)
    beside = class_names.beside(path) if facts is None else None

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_tflite(path, labels.read(beside) if beside else None)

    depends_on = (path, beside) if beside else (path,)
    weights = facts.checkpoint if facts else ""
    return Graph(name or origin.place(path, model), depends_on, open_it, weights, "ai-edge-litert")


def onnx(model: Model, _: str) -> Graph:
    if not model.onnx.is_file():
        raise UserError(f"{progress.shown(model.onnx)} is not there; run: {command.for_model('convert-onnx', model)}")
    from todus.converting import onnx_file

    _, facts, _ = onnx_file.load(model.onnx)
    if facts.checkpoint != "pretrained":
        _compare_with_model(model, model.onnx, facts, "convert-onnx")
    return any_onnx(model, model.onnx, "onnx")


def any_onnx(model: Model, path: Path, name: str = "") -> Graph:
    from todus.converting import onnx_file

    require_file(path)
    _, facts, _ = onnx_file.load(path)

    def open_it() -> Detector:
        from todus.evaluation import detectors

        return detectors.from_onnx(path)

    return Graph(name or origin.place(path, model), (path,), open_it, facts.checkpoint, "onnxruntime")


def _compare_with_model(model: Model, path: Path, facts: Facts, verb: str) -> None:
    """Tell where a file that `verb` made of a checkpoint of the model is not of the model as it is now.

    Raises:
      UserError: it is for other categories.
    """
    converted, now, remedy = facts.label_map, label_map.read(model.label_map), command.for_model(verb, model)
    if converted != now:
        raise UserError(
            f"{progress.shown(path)} was made for {', '.join(converted.ids)}, the model is now for "
            f"{', '.join(now.ids)}; run: {remedy}"
        )
    newest = checkpoint.newest(model.training).name
    if facts.checkpoint != newest:
        progress.say(f"note: {path.name} is of {facts.checkpoint}, the newest checkpoint is {newest}; see {remedy}")
    if facts.is_quantized != zoo_pipeline.is_quantized(pipelines.load(model.pipeline)):
        asked = "without" if facts.is_quantized else "with"
        progress.say(f"note: {path.name} is outdated, the model is now {asked} fake quantization; see {remedy}")
