"""Tell what is in a .uff file, and what to do with it on the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from todus import command, layout, progress
from todus.converting import uff_generation, uff_suppression
from todus.errors import UserError
from todus.layout import Model

if TYPE_CHECKING:
    from todus.coco.label_map import LabelMap

    from uff.schema import MetaGraph

_PLUGIN = "_TRT"
PLUGIN_LIBRARY = "libflattenconcat.so"  # as NVIDIA's sample uff_ssd builds it
_OF_PLUGINS = "_u_"  # within the names of attributes that only create_plugin_node writes


def require_known(meta: MetaGraph) -> None:
    """Raises UserError if there is an operation that is neither one of UFF nor a plugin."""
    for node in _custom(meta):
        if not any(_OF_PLUGINS in name for name in node.fields):
            name = node.operation.removeprefix("_")
            is_fake = name.startswith("FakeQuant")
            why = "train without QUANTIZE" if is_fake else "ONNX may be the way out: make convert-onnx"
            raise UserError(f"UFF has no operation {name} ({node.id}), TensorRT would refuse the file; {why}")


def summary(meta: MetaGraph, has_labels: bool, has_known_pixels: bool) -> Iterator[str]:
    """
    Args:
      has_labels: there is a labels.txt to go with the file.
      has_known_pixels: the normalisation was checked; a script may have it otherwise.
    """
    nodes = meta.graphs[0].nodes
    counts = Counter(node.operation for node in nodes)
    own = [f"{operation} {count}" for operation, count in sorted(counts.items()) if not operation.startswith("_")]
    plugins = [f"{name[1:]} {count}" for name, count in sorted(counts.items()) if name.startswith("_")]
    yield f"{len(nodes)} nodes: {', '.join(own)}"
    yield f"plugins: {', '.join(plugins) or 'none'}"
    for node in _of(meta, "Input"):
        pixels = "RGB, pixels as 2 / 255 * x - 1" if has_known_pixels else "pixels as your script leaves it to you"
        yield f"input {node.id}: {_dimensions(node)} (channels first), {pixels}"
    for node in _of(meta, "MarkOutput"):
        yield f"output {node.inputs[0]} (to TensorRT's Python parser: {node.id})"
    for node in _of(meta, uff_suppression.OPERATION):
        yield from _suppression(node.fields, has_labels)


def _suppression(fields: dict, has_labels: bool) -> Iterator[str]:
    number = {name: fields[f"{name}_u_int"].i for name in ("numClasses", "topK", "keepTopK")}
    threshold, overlap = (fields[f"{name}_u_float"].d for name in ("confidenceThreshold", "nmsThreshold"))
    order = " ".join(str(value) for value in fields["inputOrder_u_ilist"].i_list.val)
    yield f"numClasses {number['numClasses']} (background and {number['numClasses'] - 1}), inputOrder {order}"
    yield (
        f"detections: the best {number['keepTopK']} of scores above {threshold:.3g}, overlapping by at most "
        f"{overlap:.3g}, chosen among the {number['topK']} best boxes of each class"
    )
    label = f"label (line of {layout.LABELS}, from 1)" if has_labels else "label (from 1)"
    yield f"each is seven numbers: image, {label}, score, xmin, ymin, xmax, ymax (0..1)"


def notes(meta: MetaGraph, categories: LabelMap | None) -> Iterator[str]:
    """What to doubt, and what the device needs besides the file."""
    yield from uff_suppression.doubts(meta)
    yield from _label_doubts(meta, categories)
    for name in sorted({node.operation.removeprefix("_") for node in _custom(meta)}):
        yield f"{name} is not one of TensorRT's plugins; register one of that name on the device"
    if uff_generation.needs_plugin(meta):
        yield (
            f"FlattenConcat_TRT does not come with TensorRT 5 and 6; build {PLUGIN_LIBRARY} from NVIDIA's sample "
            f"uff_ssd and load it first: LD_PRELOAD=./{PLUGIN_LIBRARY} trtexec, in Python ctypes.CDLL (not tried here)"
        )


def _label_doubts(meta: MetaGraph, categories: LabelMap | None) -> Iterator[str]:
    last = max(categories.names) if categories else 0
    for node in _of(meta, uff_suppression.OPERATION):
        count = node.fields["numClasses_u_int"].i - 1
        if categories and count != last:
            yield f"{layout.LABELS} ends at line {last}, the graph has {count} classes; they do not belong together"


def next_step(meta: MetaGraph, model: Model) -> str:
    """What to run on the device."""
    labels = f" and {model.converted_labels.name}" if model.converted_labels.is_file() else ""
    kit = f"{command.for_model('device-kit', model)} FORMAT=uff"
    there = f"copy {progress.shown(model.uff)}{labels} to the device, and there: {trtexec(meta, model)}"
    return f"{there} (with a program for it: {kit})"


def trtexec(meta: MetaGraph, model: Model) -> str:
    """The command that builds TensorRT's engine; not tried by us. (Of 5.1, trtexec has no --plugins yet.)"""
    outputs = ",".join(node.inputs[0] for node in _of(meta, "MarkOutput"))
    takes = " ".join(f"--uffInput={node.id},{_dimensions(node).replace('x', ',')}" for node in _of(meta, "Input"))
    load = f"LD_PRELOAD=./{PLUGIN_LIBRARY} " if uff_generation.needs_plugin(meta) else ""
    return f"{load}trtexec --uff={model.uff.name} {takes} --output={outputs} --saveEngine={model.name}.engine"


def image_size(meta: MetaGraph) -> tuple[int, int] | None:
    """Height and width of the image that the network takes, pixels; None if it does not take one."""
    inputs = _of(meta, "Input")
    return tuple(inputs[0].fields["shape"].i_list.val[-2:]) if len(inputs) == 1 else None


def class_count(meta: MetaGraph) -> int | None:
    """How many classes are detected, without the background; None if not exactly one NMS_TRT detects them."""
    nodes = _of(meta, uff_suppression.OPERATION)
    return nodes[0].fields["numClasses_u_int"].i - 1 if len(nodes) == 1 else None


def in_python(meta: MetaGraph) -> str:
    """What a program registers with TensorRT's parser instead of running trtexec."""
    takes = [
        f'register_input("{node.id}", ({_dimensions(node).replace("x", ", ")}), trt.UffInputOrder.NCHW)'
        for node in _of(meta, "Input")
    ]
    return ", ".join([*takes, *(f'register_output("{node.id}")' for node in _of(meta, "MarkOutput"))])


def _custom(meta: MetaGraph) -> list:
    """The nodes that are neither UFF's nor TensorRT's."""
    nodes = meta.graphs[0].nodes
    return [node for node in nodes if node.operation.startswith("_") and not node.operation.endswith(_PLUGIN)]


def _of(meta: MetaGraph, operation: str) -> list:
    return [node for node in meta.graphs[0].nodes if node.operation == operation]


def _dimensions(node: object) -> str:
    """`3x300x300`: without the batch."""
    return "x".join(str(size) for size in node.fields["shape"].i_list.val[1:])
