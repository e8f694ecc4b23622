"""One image to compare a converted file with its graph on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from todus import progress
from todus.bridge import pipeline as pipelines
from todus.exporting.tflite_facts import Facts
from todus.layout import Model
from todus.zoo import prepared


def of(model: Model, facts: Facts) -> np.ndarray:
    """The first image to validate on, uint8 [height, width, 3]; noise in the network's size where there is none."""
    path = _first(model)
    if path is not None:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    progress.say("note: no validation image is here, so the file is compared with its graph on noise")
    return np.random.default_rng(0).integers(0, 256, (facts.height, facts.width, 3), np.uint8)


def _first(model: Model) -> Path | None:
    dataset = prepared.dataset_of(pipelines.load(model.pipeline))
    annotations = dataset.annotations("val")
    if not annotations.is_file():
        return None
    images = json.loads(annotations.read_text(encoding="utf-8"))["images"]
    paths = (dataset.raw_data.images("val") / image["file_name"] for image in images)
    return next((path for path in paths if path.is_file()), None)
