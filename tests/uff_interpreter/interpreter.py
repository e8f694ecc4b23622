"""Execute a .uff file on an image.

detections = interpreter.detect(uff_file.read(path), pixels)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uff_interpreter import nms, plugins, structure
from uff_interpreter.operations import OPERATIONS
from uff_interpreter.uff_file import DTYPES, Data, Node, UffFile

Value = np.ndarray | tuple[np.ndarray, ...]  # of a node with one output, or with several


@dataclass(frozen=True)
class Detections:
    """What was found in one image, best first.

    boxes: float32 [n, 4], ymin, xmin, ymax, xmax, normalised to 0..1. scores: float32 [n]. classes: int [n].
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def detect(file: UffFile, pixels: np.ndarray) -> Detections:
    """Do what a program on the device does with a detector of the SSD kind.

    Args:
      pixels: uint8 [height, width, 3], RGB, of the size that the file's Input has.
    """
    image = pixels.astype(np.float32)[None] * np.float32(2 / 255) - 1
    ((found, count),) = run(file, image)
    found = found.reshape(-1, 7)[: int(count.item())]
    return Detections(found[:, [4, 3, 6, 5]], found[:, 2], found[:, 1].astype(int))


def run(file: UffFile, image: np.ndarray) -> list[Value]:
    """The values of the outputs that a file marks.

    Args:
      image: float32 [1, height, width, channels]. The Input says [1, channels, height, width], as TensorRT wants the
        image; the operations of a graph from TensorFlow are NHWC all the same, as their orders tell. What is no image
        (not four-dimensional) has the shape that the Input says.

    Raises:
      AssertionError: the structure of the file is wrong.
      ValueError: it holds what TensorRT's plugins refuse, or what is not implemented.
    """
    structure.require(file)
    interpreter = _Interpreter(file, image)
    return [interpreter.value(node.inputs[0]) for node in file.nodes if node.operation == "MarkOutput"]


class _Interpreter:
    def __init__(self, file: UffFile, image: np.ndarray):
        self.referenced = file.referenced
        self.nodes = {node.id: node for node in file.nodes}
        self.image = image
        self.values: dict[str, Value] = {}

    def value(self, name: str) -> Value:
        """The value of a node, and on the way of all that it needs."""
        waiting = [name]
        while waiting:
            node = self.nodes[waiting[-1]]
            missing = [name for name in node.inputs if name not in self.values]
            if missing:
                waiting += missing
                continue
            self.values[waiting.pop()] = self._computed(node)
        return self.values[name]

    def _computed(self, node: Node) -> Value:
        inputs = [self.values[name] for name in node.inputs]
        fields = {name: self._resolved(data).value for name, data in node.fields.items()}
        if node.operation == "Input":
            return self._input(fields)
        if node.operation == "Const":
            return np.frombuffer(fields["values"], DTYPES[fields["dtype"]]).reshape(fields["shape"])
        if node.operation.startswith("_"):
            return _plugin(node.operation[1:], fields, inputs)
        return OPERATIONS[node.operation](fields, *_outputs(inputs, several=node.operation == "Concat"))

    def _resolved(self, data: Data) -> Data:
        return self.referenced[data.value] if data.kind == "ref" else data

    def _input(self, fields: dict[str, object]) -> np.ndarray:
        given = self.image.transpose(0, 3, 1, 2).shape if self.image.ndim == 4 else self.image.shape
        batch, *shape = fields["shape"]
        if batch not in (given[0], -1) or tuple(shape) != given[1:] or DTYPES[fields["dtype"]] != self.image.dtype:
            raise ValueError(f"an image {self.image.shape} {self.image.dtype} for an Input {fields}")
        return self.image


def _outputs(inputs: Sequence[Value], several: bool) -> list[np.ndarray]:
    """All outputs of all inputs, where an operation takes as many as there are, else the one output of each."""
    lists = [list(value) if isinstance(value, tuple) else [value] for value in inputs]
    if not several and any(len(values) > 1 for values in lists):
        raise ValueError("an operation with an input that has several outputs")
    return [value for values in lists for value in values]


def _plugin(name: str, fields: dict[str, object], inputs: Sequence[Value]) -> Value:
    attributes = {key.partition("_u_")[0]: value for key, value in fields.items() if key not in ("dtype", "shape")}
    if name in ("GridAnchor_TRT", "GridAnchorRect_TRT"):
        return tuple(plugins.grid_anchor(attributes, is_rectangular=name == "GridAnchorRect_TRT"))
    if name == "FlattenConcat_TRT":
        return plugins.flatten_concat(attributes, *_outputs(inputs, several=False))
    if name == "NMS_TRT":
        return nms.nms(attributes, *_outputs(inputs, several=False))
    raise ValueError(f"no plugin of TensorRT is called {name}")
