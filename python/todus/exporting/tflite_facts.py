"""What has to be known of a detector for TensorFlow Lite besides its graph: what goes in, what comes out.

Kept as JSON beside tflite_graph.pb, and within every .tflite file that is made of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from todus.coco import labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError

FAST, REGULAR, NONE = "fast", "regular", "none"


@dataclass(frozen=True)
class Facts:
    """All that TensorFlow Lite's file of a detector, and whoever runs it, is told.

    checkpoint: the name of what was exported.
    labels: the name of each class; the first one is that of class 0.
    height, width: of the image, pixels.
    resize: how the image gets this size, as the pipeline calls it: BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA.
    mean, deviation: of each channel; the network takes (pixel - mean) / deviation.
    is_quantized: the graph has fake quantization.
    suppression: fast (all classes together), regular (each class by itself), or none: raw heads.
    box_scales: what encoded boxes are divided by: y, x, height, width.
    graph_sha256: of tflite_graph.pb; "" where there is none, or it was not told.
    """

    checkpoint: str
    labels: list[str]
    height: int
    width: int
    resize: str
    mean: list[float]
    deviation: list[float]
    is_quantized: bool
    suppression: str
    score_threshold: float
    iou_threshold: float
    max_detections: int
    max_per_class: int
    box_scales: list[float]
    graph_sha256: str = ""

    @property
    def label_map(self) -> LabelMap:
        """The categories, with the ids that the detector was trained with: 1 is the first label."""
        return LabelMap({i: name for i, name in enumerate(self.labels, start=1) if name != labels.NO_SUCH_CLASS})

    @property
    def has_heads(self) -> bool:
        """Whether the outputs are raw heads, and decoding is left to whoever runs it."""
        return self.suppression == NONE

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def from_json(text: str, where: str) -> Facts:
    """Raises UserError if `text`, found in `where`, does not hold facts as `to_json` gives them."""
    try:
        known = {"graph_sha256": "", **json.loads(text)}
        return Facts(**{field.name: known[field.name] for field in fields(Facts)})
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{where} is damaged or of another version of Todus; export and convert again") from None


def lines_of(categories: LabelMap) -> list[str]:
    """The labels of `categories`, with a placeholder where an id is not used."""
    return labels.to_text(categories).splitlines()
