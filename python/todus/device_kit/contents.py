"""What goes into a device kit: the converted file, and what has to be told of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from todus import command, progress
from todus.converting.onnx_facts import TENSORRT
from todus.device_kit import requirements
from todus.device_kit.naming import ONNX, TFLITE, UFF
from todus.errors import UserError
from todus.evaluation import graphs
from todus.exporting.tflite_facts import FAST, NONE, REGULAR, Facts
from todus.layout import Model

RESIZES = ("BILINEAR", "NEAREST_NEIGHBOR")  # the methods that the examples know


@dataclass(frozen=True)
class Contents:
    """One device kit.

    file: the converted model.
    runtime: what runs it, as the README calls it.
    example: the program, a module of examples/.
    labels: the name of each class, ??? where there is none.
    facts: what goes in and comes out, a line each.
    weights: the checkpoint that they are of; "" if the file does not tell.
    requirements: lines of a requirements.txt; none where the device has packages of its own.
    description: what the program cannot read from the file itself.
    build: the command that makes an engine of the file; "" where it is run as it is.
    plugin: a library that the engine needs and TensorRT does not have; "" if there is none.
    is_by_script: a script of the user's decided what the pixels are to be.
    """

    file: Path
    runtime: str
    example: str
    labels: list[str]
    facts: list[str]
    weights: str = ""
    requirements: list[str] = field(default_factory=list)
    description: dict[str, Any] = field(default_factory=dict)
    build: str = ""
    plugin: str = ""
    is_by_script: bool = False


def of(model: Model, file_format: str) -> Contents:
    """The contents of the kit of `model`; of the file as it was converted.

    Raises:
      UserError: it is not there, is of other categories than the model's, or resizes as no example can.
    """
    return {TFLITE: _tflite, ONNX: _onnx, UFF: _uff}[file_format](model)


def _tflite(model: Model) -> Contents:
    from todus.converting import tflite, tflite_file

    graphs.find(model, TFLITE)  # refuses what is not there or of other categories, and tells what is outdated
    facts = tflite_file.facts_in(model.tflite)
    if facts is None:
        remedy = command.for_model("convert-tflite", model)
        raise UserError(f"{progress.shown(model.tflite)} is not of Todus, so nobody knows what it takes; run: {remedy}")
    require_known_resize(facts.resize)
    told = [f"image: {tflite.input_of(model.tflite, facts)}", tflite.outputs_of(facts), suppression(facts)]
    pins = requirements.pinned("numpy", "pillow", "ai-edge-litert")
    example = "detect_tflite"
    return Contents(model.tflite, "TensorFlow Lite", example, facts.labels, told, facts.checkpoint, pins)


def _onnx(model: Model) -> Contents:
    from todus.converting import onnx_file, onnx_report

    graphs.find(model, ONNX)
    _, facts, form = onnx_file.load(model.onnx)
    told = (facts.labels, list(onnx_report.summary(facts, form)), facts.checkpoint)
    if form.nms == TENSORRT:
        require_for_tensorrt(model, facts)
        require_known_resize(facts.resize)
        description, build = {**facts.to_json(), **asdict(form)}, onnx_report.trtexec(model, facts, form)
        return Contents(model.onnx, "TensorRT 8.5 and later", "detect_tensorrt", *told, [], description, build)
    if not form.preprocess:
        require_known_resize(facts.resize, "; or convert with PREPROCESS=1, and the file resizes by itself")
    pins = requirements.pinned("numpy", "pillow", "onnxruntime")
    return Contents(model.onnx, "onnxruntime", "detect_onnx", *told, pins)


def _uff(model: Model) -> Contents:
    from todus.converting import uff_generation, uff_report
    from todus.device_kit import uff_facts

    if not model.uff.is_file():
        raise UserError(f"{progress.shown(model.uff)} is not there; run: {command.for_model('convert-uff', model)}")
    meta = uff_facts.load(model)
    facts = uff_facts.of(meta, model)
    require_known_resize(facts["resize"])
    is_by_script = uff_generation.is_by_script(meta)
    told = list(uff_report.summary(meta, has_labels=True, has_known_pixels=not is_by_script))
    return Contents(
        model.uff,
        uff_generation.VERSIONS.get(uff_generation.of(meta), "TensorRT 5.1 to 8"),
        "detect_uff",
        facts["labels"],
        told,
        description=facts,
        build=uff_report.trtexec(meta, model),
        plugin=uff_report.PLUGIN_LIBRARY if uff_generation.needs_plugin(meta) else "",
        is_by_script=is_by_script,
    )


def require_for_tensorrt(model: Model, facts: Facts) -> None:
    """Raises UserError if the file has 8 bits of a kind that TensorRT does not take."""
    if facts.is_quantized:
        again = command.for_model("convert-onnx", model)
        raise UserError(
            f"{progress.shown(model.onnx)} is in 8 bits of uint8, and TensorRT takes int8 only; run: {again} (without "
            f"NMS=tensorrt), which onnxruntime runs, or prepare and train the model with QUANTIZE=0"
        )


def suppression(facts: Facts) -> str:
    """What becomes of boxes that overlap, in a line."""
    how = {FAST: "all classes together", REGULAR: "each class by itself", NONE: "each class by itself, in detect.py"}
    return (
        f"scores below {facts.score_threshold:g} are dropped, then boxes that overlap a better one by more than "
        f"{facts.iou_threshold:g} ({how[facts.suppression]}); {facts.max_detections} are left at most"
    )


def require_known_resize(method: str, remedy: str = "") -> None:
    if method not in RESIZES:
        known = " or ".join(RESIZES)
        raise UserError(
            f"the model resizes its images by {method}, and the programs of a device kit only by {known}; set "
            f"resize_method in pipeline.config to one of these, and train and convert with it{remedy}"
        )
