"""What to know of an ONNX file in order to use it, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from todus.converting.onnx_facts import FLOAT, IMAGE, NCHW, NONE, TENSORRT, Form
from todus.exporting.tflite_facts import Facts
from todus.layout import Model


def summary(facts: Facts, form: Form) -> Iterator[str]:
    yield f"image: {_type(facts, form)} {_shape(facts, form)}, RGB"
    yield from _outputs(facts, form)
    yield f"opset {form.opset}; labels, thresholds and normalisation are in its metadata, as JSON"
    if form.nms == TENSORRT and form.input != FLOAT:
        yield "TensorRT takes uint8 from 8.5 on; INPUT=float is for older ones"
    if facts.is_quantized:
        yield "in 8 bits (QuantizeLinear, DequantizeLinear; uint8, as onnxruntime takes it; TensorRT takes int8 only)"


def trtexec(model: Model, facts: Facts, form: Form) -> str:
    """The command that builds TensorRT's engine; not tried by us."""
    built = f"trtexec --onnx={model.onnx.name} --saveEngine={model.name}.engine"
    if form.images and not form.preprocess:
        return built
    size = (facts.height, facts.width)
    shape = "x".join(map(str, (1, 3, *size) if form.layout == NCHW else (1, *size, 3)))
    return f"{built} {' '.join(f'--{which}Shapes={IMAGE}:{shape}' for which in ('min', 'opt', 'max'))}"


def _type(facts: Facts, form: Form) -> str:
    if form.input == FLOAT:
        return f"float32, (pixel - {_listed(facts.mean)}) / {_listed(facts.deviation)},"
    return "uint8, pixels as they are,"


def _shape(facts: Facts, form: Form) -> str:
    size = ["height", "width"] if form.preprocess else [facts.height, facts.width]
    batch = form.images or "batch"
    shape = [batch, 3, *size] if form.layout == NCHW else [batch, *size, 3]
    return f"[{', '.join(map(str, shape))}]"


def _outputs(facts: Facts, form: Form) -> Iterator[str]:
    if form.nms == NONE:
        yield "raw_detection_boxes: decoded (ymin, xmin, ymax, xmax); raw_detection_scores: column i is class i"
        yield "  (1 is the first label, 0 the background); suppression is left to whoever runs it"
        return
    clipped = "not clipped" if form.nms == TENSORRT else "0..1"
    yield f"detection_boxes: {facts.max_detections} at most, ymin, xmin, ymax, xmax, {clipped}; detection_scores;"
    yield "  detection_classes (1 is the first label); num_detections"
    yield f"scores below {facts.score_threshold:g} are dropped"


def _listed(values: list[float]) -> str:
    distinct = list(dict.fromkeys(f"{value:g}" for value in values))
    return distinct[0] if len(distinct) == 1 else f"({', '.join(f'{value:g}' for value in values)})"
