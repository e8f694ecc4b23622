"""Detect objects in images with the ONNX model beside this file.

    .venv/bin/python detect.py photo.jpg another.jpg
    .venv/bin/python detect.py photo.jpg --threshold 0.5 --draw drawn     with pictures of what was found, in drawn/
    .venv/bin/python detect.py *.jpg --json > found.jsonl                 for programs: an object a line; boxes are x,
                                                                          y, width and height in pixels

Needs numpy, pillow and onnxruntime (requirements.txt), nothing else. The categories, and what to do with images and
outputs, are told by the model file itself, in its metadata.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from common import count, inside, main, needed
from pixels import prepared
from suppression import suppressed

try:
    import numpy as np
    import onnxruntime
    from PIL import Image, ImageDraw, ImageFont, ImageOps  # noqa: F401  (common.py's)
except ImportError as error:
    sys.exit(f"detect.py: {error}; README.md says what to install; then: .venv/bin/python detect.py")

NEEDED = ("labels", "height", "width", "resize", "mean", "deviation", "input", "layout", "preprocess", "nms")
NEEDED += ("score_threshold", "iou_threshold", "max_per_class", "max_detections")
SUFFIX = ".onnx"
REMEDY = "copy it there, or name one with --model"


class Detector:
    """An ONNX model: of any input and layout, with detections or raw boxes and scores as outputs."""

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        cores = os.cpu_count() or 1
        parser.add_argument("--threads", type=count, default=cores, help="default: as many as there are cores")

    def __init__(self, options: argparse.Namespace):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        # With a runtime for other hardware, put its provider first, e.g. "CUDAExecutionProvider".
        self.session = onnxruntime.InferenceSession(str(options.model), settings, ["CPUExecutionProvider"])
        metadata = needed(self.session.get_modelmeta().custom_metadata_map, NEEDED)
        self.facts = {name: json.loads(value) for name, value in metadata.items()}
        self.labels, self.least = self.facts["labels"], options.threshold

    def __call__(self, image: np.ndarray) -> tuple:
        """What is in an image, best first.

        Args:
          image: uint8 [height, width, 3] of any size, RGB.

        Returns:
          Boxes float32 [n, 4], ymin, xmin, ymax, xmax, 0..1; classes int [n], 1 is the first label; scores float32 [n].
        """
        names = [output.name for output in self.session.get_outputs()]
        values = self.session.run(names, {"image": prepared(image, self.facts)[np.newaxis]})
        outputs = {name: values[i][0] for i, name in enumerate(names)}  # of the first image of the batch
        if self.facts["nms"] == "none":
            scores = outputs["raw_detection_scores"][:, 1:]  # column 0 is the background
            return suppressed(outputs["raw_detection_boxes"], scores, self.facts, self.least)
        there = slice(int(outputs["num_detections"]))  # what lies beyond means nothing
        boxes, classes = outputs["detection_boxes"][there], outputs["detection_classes"][there].astype(int)
        return inside(boxes, classes, outputs["detection_scores"][there])


if __name__ == "__main__":
    sys.exit(main(Detector, SUFFIX, REMEDY))
