"""What an ONNX file of a detector tells of itself: in its metadata, each fact under its own name, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from todus.errors import UserError
from todus.exporting.tflite_facts import Facts

ONNX, TENSORRT, NONE = SUPPRESSIONS = ("onnx", "tensorrt", "none")
UINT8, FLOAT = INPUTS = ("uint8", "float")
NHWC, NCHW = LAYOUTS = ("nhwc", "nchw")
ONE, DYNAMIC = BATCHES = ("1", "dynamic")
OPSETS = range(13, 19)
# Below 0.007 EfficientNMS_TRT takes another path, which is slow and fills up with boxes of the background.
LEAST_PLUGIN_THRESHOLD = 0.01

IMAGE = "image"
RAW_BOXES, RAW_SCORES = "raw_detection_boxes", "raw_detection_scores"
BOXES, SCORES, CLASSES, COUNT = "detection_boxes", "detection_scores", "detection_classes", "num_detections"


@dataclass(frozen=True)
class Form:
    """What can be chosen of an ONNX file.

    nms: onnx for the standard's NonMaxSuppression, tensorrt for TensorRT's EfficientNMS_TRT, none for raw outputs.
    input: uint8 for pixels as they are, float for (pixel - mean) / deviation.
    layout: of the image: nhwc or nchw.
    batch: how many images it takes at once: 1, or dynamic.
    opset: the version of ONNX's operations.
    preprocess: whether the graph itself brings an image of any size to that of the network.
    """

    nms: str = ONNX
    input: str = UINT8
    layout: str = NHWC
    batch: str = ONE
    opset: int = 13
    preprocess: bool = False

    @property
    def images(self) -> int | None:
        """How many at once; None for any number."""
        return None if self.batch == DYNAMIC else 1


def to_metadata(facts: Facts, form: Form) -> dict[str, str]:
    known = {**facts.to_json(), **asdict(form)}
    return {name: json.dumps(value, ensure_ascii=False) for name, value in known.items()}


def from_metadata(properties: Mapping[str, str], where: str) -> tuple[Facts, Form]:
    """Raises UserError if `properties`, found in `where`, are not what `to_metadata` gives."""
    try:
        return _read(Facts, properties), _read(Form, properties)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{where} is not of Todus, or of another version; run: make convert-onnx") from None


def _read(kind: type, properties: Mapping[str, str]) -> Any:
    return kind(**{field.name: json.loads(properties[field.name]) for field in fields(kind)})
