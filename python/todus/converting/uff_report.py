"""Tell what is in a .uff file, and what to do with it on the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from todus import progress
from todus.errors import UserError
from todus.layout import Model

if TYPE_CHECKING:
    from uff.schema import MetaGraph

_PLUGIN = "_TRT"
_NMS = "NMS_TRT"


def require_known(meta: MetaGraph) -> None:
    """Raises UserError if there is an operation that is neither one of UFF nor a plugin of TensorRT."""
    for node in meta.graphs[0].nodes:
        if node.operation.startswith("_") and not node.operation.endswith(_PLUGIN):
            name = node.operation.removeprefix("_")
            why = "; train without QUANTIZE" if name.startswith("FakeQuant") else "; convert the model to ONNX"
            raise UserError(f"UFF has no operation {name} ({node.id}), TensorRT would refuse the file{why}")


def summary(meta: MetaGraph) -> Iterator[str]:
    nodes = meta.graphs[0].nodes
    counts = Counter(node.operation for node in nodes)
    own = [f"{operation} {count}" for operation, count in sorted(counts.items()) if not operation.startswith("_")]
    plugins = [f"{name[1:]} {count}" for name, count in sorted(counts.items()) if name.startswith("_")]
    yield f"{len(nodes)} nodes: {', '.join(own)}"
    yield f"plugins: {', '.join(plugins) or 'none'}"
    for node in _of(meta, "Input"):
        yield f"input {node.id}: {_dimensions(node)} (channels first), RGB, pixels as 2 / 255 * x - 1"
    for node in _of(meta, "MarkOutput"):
        yield f"output {node.inputs[0]} (to TensorRT's Python parser: {node.id})"
    for node in _of(meta, f"_{_NMS}"):
        yield from _suppression(node.fields)


def _suppression(fields: dict) -> Iterator[str]:
    number = {name: fields[f"{name}_u_int"].i for name in ("numClasses", "topK", "keepTopK")}
    threshold, overlap = (fields[f"{name}_u_float"].d for name in ("confidenceThreshold", "nmsThreshold"))
    order = " ".join(str(value) for value in fields["inputOrder_u_ilist"].i_list.val)
    yield f"numClasses {number['numClasses']} (background and {number['numClasses'] - 1}), inputOrder {order}"
    yield (
        f"detections: the best {number['keepTopK']} of scores above {threshold:.3g}, overlapping by at most "
        f"{overlap:.3g}, chosen among the {number['topK']} best boxes of each class"
    )
    yield "each is seven numbers: image, label (line of labels.txt, from 1), score, xmin, ymin, xmax, ymax (0..1)"


def next_step(meta: MetaGraph, model: Model) -> str:
    """What to run on the device."""
    outputs = ",".join(node.inputs[0] for node in _of(meta, "MarkOutput"))
    takes = " ".join(f"--uffInput={node.id},{_dimensions(node).replace('x', ',')}" for node in _of(meta, "Input"))
    return (
        f"copy {progress.shown(model.uff)} and {model.converted_labels.name} to the device, and there: "
        f"trtexec --uff={model.uff.name} {takes} --output={outputs} --saveEngine={model.name}.engine"
    )


def _of(meta: MetaGraph, operation: str) -> list:
    return [node for node in meta.graphs[0].nodes if node.operation == operation]


def _dimensions(node: object) -> str:
    """`3x300x300`: without the batch."""
    return "x".join(str(size) for size in node.fields["shape"].i_list.val[1:])
