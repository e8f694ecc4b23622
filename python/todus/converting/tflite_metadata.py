"""The standard metadata of TensorFlow Lite models: what goes in and comes out, for apps that ask the file itself.

Written with the flatbuffers package by the public schema, metadata_schema.fbs (tensorflow/tflite-support, Apache-2.0):
the numbers of fields and the values of enumerations below are that file's, in its order.
"""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np

from todus.exporting.tflite_facts import Facts

IDENTIFIER = b"M001"
BUFFER = "TFLITE_METADATA"  # what the model calls it
LABELS_FILE = "labels.txt"
OUTPUTS = ("location", "category", "score", "number of detections")  # as apps look for them
GROUP = "detection_result"
_MINIMUM_PARSER = "1.2.0"  # the first that knows groups of tensors

_IMAGE_PROPERTIES, _FEATURE_PROPERTIES, _BOUNDING_BOX_PROPERTIES = 2, 1, 3
_NORMALIZATION = 1
_RGB = 1
_TENSOR_VALUE_LABELS, _DESCRIPTIONS = 3, 1
_BOUNDARIES, _RATIO = 1, 0
_LEFT_TOP_RIGHT_BOTTOM = (1, 0, 3, 2)  # where each stands in a box of ours


def build(name: str, facts: Facts, files: Sequence[str]) -> bytes:
    """The metadata of the model `name`.

    Args:
      files: names of the other files that the model carries, besides LABELS_FILE.
    """
    writer = _Writer()
    inputs = [_input(writer, facts)]
    outputs = _heads(writer) if facts.has_heads else _detections(writer)
    group = writer.table((0, GROUP), (1, writer.vector([writer.text(output) for output in OUTPUTS])))
    groups = [] if facts.has_heads else [group]
    subgraph = writer.table((2, writer.vector(inputs)), (3, writer.vector(outputs)), (8, writer.vector(groups)))
    others = [writer.table((0, file), (2, np.int8(_DESCRIPTIONS))) for file in files]
    root = writer.table(
        (0, name),
        (1, f"SSD object detector for {', '.join(facts.label_map.ids)}, from {facts.checkpoint or 'a frozen graph'}"),
        (3, writer.vector([subgraph])),
        (6, writer.vector(others)),
        (7, _MINIMUM_PARSER),
    )
    return writer.finish(root)


def _input(writer: _Writer, facts: Facts) -> _Offset:
    size = writer.table((0, np.uint32(facts.width)), (1, np.uint32(facts.height)))
    image = writer.table((0, np.int8(_RGB)), (1, size))
    options = writer.table((0, writer.numbers(facts.mean)), (1, writer.numbers(facts.deviation)))
    unit = writer.table((0, np.uint8(_NORMALIZATION)), (1, options))
    pairs = list(zip(facts.mean, facts.deviation, strict=True))
    low, high = ([(pixel - mean) / deviation for mean, deviation in pairs] for pixel in (0, 255))
    return writer.table(
        (0, "image"),
        (1, f"RGB image of {facts.width}x{facts.height}; in floating point (pixel - mean) / std, else as quantized"),
        (3, _content(writer, _IMAGE_PROPERTIES, image)),
        (4, writer.vector([unit])),
        (5, writer.table((0, writer.numbers(high)), (1, writer.numbers(low)))),
    )


def _detections(writer: _Writer) -> list[_Offset]:
    index = writer.numbers(_LEFT_TOP_RIGHT_BOTTOM, np.uint32)
    box = writer.table((0, index), (1, np.int8(_BOUNDARIES)), (2, np.int8(_RATIO)))
    labels = writer.table((0, LABELS_FILE), (1, "a category a line"), (2, np.int8(_TENSOR_VALUE_LABELS)))
    about = {
        "location": "ymin, xmin, ymax, xmax of each detection, 0..1",
        "category": "class of each detection; 0 is the first line of labels.txt",
        "score": "score of each detection, 0..1, best first",
        "number of detections": "how many of them are there",
    }
    tables = []
    for name in OUTPUTS:
        is_box = name == "location"
        kind, properties = (_BOUNDING_BOX_PROPERTIES, box) if is_box else (_FEATURE_PROPERTIES, writer.table())
        files = (6, writer.vector([labels] if name == "category" else []))
        tables.append(writer.table((0, name), (1, about[name]), (3, _content(writer, kind, properties)), files))
    return tables


def _heads(writer: _Writer) -> list[_Offset]:
    about = {
        "box encodings": "for each anchor: y and x of the centre, height, width, not decoded",
        "class scores": "for each anchor: a score for each class, the background first where there is one",
    }
    properties = [_content(writer, _FEATURE_PROPERTIES, writer.table()) for _ in about]
    return [
        writer.table((0, name), (1, text), (3, content))
        for (name, text), content in zip(about.items(), properties, strict=True)
    ]


def _content(writer: _Writer, kind: int, properties: _Offset) -> _Offset:
    return writer.table((0, np.uint8(kind)), (1, properties))


class _Offset(int):
    """Where in the buffer a table, a text or a vector lies."""


class _Writer:
    """flatbuffers' builder, with tables written as (number of field, value) pairs."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1024)

    def table(self, *fields: tuple[int, _Offset | str | np.generic]) -> _Offset:
        """A scalar is given with its type, np.int8(1); a text may be given as it is."""
        ready = [(number, self.text(value) if isinstance(value, str) else value) for number, value in fields]
        self._builder.StartObject(1 + max((number for number, _ in ready), default=-1))
        for number, value in ready:
            if isinstance(value, _Offset):
                self._builder.PrependUOffsetTRelativeSlot(number, value, 0)
            else:
                prepend = getattr(self._builder, f"Prepend{type(value).__name__.capitalize()}Slot")
                prepend(number, int(value), 0)
        return _Offset(self._builder.EndObject())

    def text(self, text: str) -> _Offset:
        return _Offset(self._builder.CreateString(text))

    def numbers(self, values: Sequence[float], kind: type = np.float32) -> _Offset:
        return _Offset(self._builder.CreateNumpyVector(np.array(values, kind)))

    def vector(self, offsets: Sequence[_Offset]) -> _Offset:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return _Offset(self._builder.EndVector())

    def finish(self, root: _Offset) -> bytes:
        self._builder.Finish(root, file_identifier=IDENTIFIER)
        return bytes(self._builder.Output())
