"""Detectors with lifelike random weights, exported and converted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todus import checkpoint
from todus.bench import lifelike
from todus.bridge import detection_model, exporter
from todus.bridge.pipeline import Pipeline
from todus.converting import uff
from uff_interpreter import uff_file
from uff_interpreter.uff_file import UffFile
from zoo import families

CLASSES = 12
SIZE = 128
# With fewer images the batch norms of the smallest feature maps, 1x1, would have next to no variance, and raise the
# noise of float32 until scores differ by more than 0.001.
MEASURED, COMPARED = 24, 6
SCORED = 60  # boxes of all classes in an image that score 0.3 and more, on average
_LOGIT = float(np.log(0.3 / 0.7))


@dataclass(frozen=True)
class Exported:
    """What the API's exporter wrote of a detector, and some of the images that its weights were measured on.

    images: uint8 [n, size, size, 3].
    """

    folder: Path
    images: np.ndarray

    @property
    def frozen_graph(self) -> Path:
        return self.folder / "frozen_inference_graph.pb"

    def convert(self, generation: str = uff.DEFAULT, threshold: float | None = None) -> bytes:
        source = uff.Source(self.frozen_graph, self.folder / "pipeline.config", None)
        return uff.by_pipeline(source, generation, threshold)

    def converted(self, generation: str = uff.DEFAULT, threshold: float | None = None) -> UffFile:
        return uff_file.parse(self.convert(generation, threshold))


def small_pipeline(text: str) -> Pipeline:
    """A pipeline of tests/zoo/families.py with the anchors and the suppression of the zoo's SSDs."""
    pipeline = families.pipeline(text)
    ssd = pipeline.model.ssd
    ssd.num_classes = CLASSES
    ssd.image_resizer.fixed_shape_resizer.height = ssd.image_resizer.fixed_shape_resizer.width = SIZE
    ssd.anchor_generator.ssd_anchor_generator.aspect_ratios[:] = [1.0, 2.0, 0.5, 3.0, 0.3333]
    suppression = ssd.post_processing.batch_non_max_suppression
    suppression.Clear()
    suppression.score_threshold, suppression.iou_threshold = 0.3, 0.6
    suppression.max_detections_per_class = suppression.max_total_detections = 100
    return pipeline


def export(pipeline: Pipeline, images: np.ndarray, folder: Path) -> Exported:
    """Export a detector whose weights are random, and lifelike on `images`, uint8 [MEASURED, size, size, 3]."""
    graph = detection_model.build_graph(pipeline)
    variables = lifelike.variables(graph, images)
    _lower_scores(variables, lifelike.say(graph, variables, images).logits)
    prefix = folder / "model.ckpt"
    checkpoint.write(prefix, variables)
    exporter.export_inference_graph(pipeline, prefix, folder / "exported")
    return Exported(folder / "exported", images[:COMPARED])


def _lower_scores(variables: dict[str, np.ndarray], logits: np.ndarray) -> None:
    """Let most anchors see nothing, as a trained detector does. With half the scores close to 1, which of them are the
    best hundred would be told by the last digit, and a comparison could not tell right from wrong."""
    classes = logits[..., 1:]
    seen = np.quantile(classes, 1 - SCORED * len(classes) / classes.size)
    for name in variables:
        if "/ClassPredictor/" in name and name.endswith("/biases"):
            variables[name] = (variables[name] - (seen - _LOGIT)).astype(np.float32)
