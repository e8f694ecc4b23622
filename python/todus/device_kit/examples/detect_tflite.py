"""Detect objects in images with the TensorFlow Lite model beside this file.

    .venv/bin/python detect.py photo.jpg another.jpg
    .venv/bin/python detect.py photo.jpg --threshold 0.5 --draw drawn     with pictures of what was found, in drawn/
    .venv/bin/python detect.py *.jpg --json > found.jsonl                 for programs: an object a line; boxes are x,
                                                                          y, width and height in pixels

Needs numpy, pillow and ai-edge-litert (requirements.txt), nothing else. The categories, and what to do with images and
outputs, are told by the model file itself, which is a zip archive, too.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import zipfile
from pathlib import Path

from common import count, inside, main, needed, resized
from suppression import suppressed

try:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image, ImageDraw, ImageFont, ImageOps  # noqa: F401  (common.py's)
except ImportError as error:
    sys.exit(f"detect.py: {error}; README.md says what to install; then: .venv/bin/python detect.py")

NEEDED = ("labels", "height", "width", "resize", "mean", "deviation", "suppression", "box_scales")
NEEDED += ("score_threshold", "iou_threshold", "max_per_class", "max_detections")
SUFFIX = ".tflite"
REMEDY = "copy it there, or name one with --model"


class Detector:
    """A TensorFlow Lite model: in floating point or in 8 bits, with detections or raw heads as outputs."""

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        cores = os.cpu_count() or 1
        text = "default: as many as there are cores; a model that suppresses each class by itself has always one"
        parser.add_argument("--threads", type=count, default=cores, help=text)

    def __init__(self, options: argparse.Namespace):
        files = appended(options.model)
        self.facts = needed(json.loads(files.get("detector.json", b"{}").decode("utf-8")), NEEDED)
        has_heads = self.facts["suppression"] == "none"
        self.anchors = np.load(io.BytesIO(needed(files, ("anchors.npy",))["anchors.npy"])) if has_heads else None
        self.labels, self.least = self.facts["labels"], options.threshold
        # TensorFlow Lite, when it suppresses each class by itself in N threads, leaves out class number N.
        threads = 1 if self.facts["suppression"] == "regular" else options.threads
        self.interpreter = Interpreter(model_path=str(options.model), num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]

    def __call__(self, image: np.ndarray) -> tuple:
        """What is in an image, best first.

        Args:
          image: uint8 [height, width, 3] of any size, RGB.

        Returns:
          Boxes float32 [n, 4], ymin, xmin, ymax, xmax, 0..1; classes int [n], 1 is the first label; scores float32 [n].
        """
        pixels = resized(image, self.facts["height"], self.facts["width"], self.facts["resize"])
        self.interpreter.set_tensor(self.input["index"], self.prepared(pixels)[np.newaxis])
        self.interpreter.invoke()
        outputs = [self.output(details) for details in self.interpreter.get_output_details()]
        if self.anchors is not None:
            encodings, scores = outputs
            boxes = decoded(encodings[0], self.anchors, self.facts["box_scales"])
            scores = scores[0, :, -len(self.labels) :]  # the background, if any, is first
            return suppressed(boxes, scores, self.facts, self.least)
        boxes, classes, scores, count = outputs
        there = slice(int(count[0]))  # what lies beyond means nothing
        return inside(boxes[0, there], classes[0, there].astype(int) + 1, scores[0, there])

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        """What the input takes for pixels of 0..255: normalised ones, or steps if it has 8 bits."""
        mean, deviation = (np.array(self.facts[name], np.float32) for name in ("mean", "deviation"))
        scale, zero_point = self.input["quantization"]
        if not scale:
            return ((pixels - mean) / deviation).astype(self.input["dtype"])
        limits = np.iinfo(self.input["dtype"])
        black, white = ((value - mean) / deviation / scale + zero_point for value in (0, 255))
        if (abs(black - limits.min) < 1.5).all() and (abs(white - limits.max) < 1.5).all():
            steps = pixels + limits.min  # the 256 steps of the input are the 256 values of a pixel
        else:
            steps = (pixels - mean) / deviation / scale + zero_point
        return np.clip(np.floor(steps + 0.5), limits.min, limits.max).astype(limits.dtype)

    def output(self, details: dict) -> np.ndarray:
        """An output in floating point, whatever type it has."""
        values = self.interpreter.get_tensor(details["index"]).astype(np.float32)
        scale, zero_point = details["quantization"]
        return (values - np.float32(zero_point)) * np.float32(scale) if scale else values


def appended(model: Path) -> dict:
    """The files that Todus appends to a model, by their names."""
    if not zipfile.is_zipfile(str(model)):
        return {}
    with zipfile.ZipFile(str(model)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def decoded(encodings: np.ndarray, anchors: np.ndarray, scales: list) -> np.ndarray:
    """Boxes (ymin, xmin, ymax, xmax) from what the network says of each anchor (centre's y and x, height, width)."""
    scales = np.array(scales, np.float32)
    centre = encodings[:, :2] / scales[:2] * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(encodings[:, 2:] / scales[2:]) * anchors[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


if __name__ == "__main__":
    sys.exit(main(Detector, SUFFIX, REMEDY))
