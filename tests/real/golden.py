"""What the real TensorFlow 1.15.5 gave, in golden/ of the folder that TODUS_SHARED names; graphs to compare with it."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oracle import shared_graphs
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline

SHARED = Path(os.environ.get("TODUS_SHARED", "no-such-folder"))
FOLDER = SHARED / "golden"
CONFIGS = SHARED / "zoo-configs"


def rows(name: str) -> list[dict[str, str]]:
    """The lines of one of its tables."""
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@dataclass(frozen=True)
class Step:
    """A step of training that takes its batch from constants. See oracle.shared_graphs.detector_step."""

    train_op: tf.Operation
    losses: dict[str, tf.Tensor]
    predictions: dict[str, tf.Tensor]


def training_step(pipeline: Pipeline, images: np.ndarray, boxes: list[np.ndarray], classes: list[np.ndarray]) -> Step:
    """The API's training graph of `pipeline`, in the default graph, without its reader and its augmentation."""
    from object_detection.utils import config_util

    model = detection_model.build(pipeline, is_training=True)
    configs = config_util.create_configs_from_pipeline_proto(pipeline)
    return Step(*shared_graphs.detector_step(tf, model, configs, images, boxes, classes))


def heads_for_inference(pipeline: Pipeline, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """The detector's predictions in the default graph, for preprocessed images of a fixed shape, not rewritten yet."""
    model = detection_model.build(pipeline, is_training=False)
    shapes = tf.constant([images.shape.as_list()[1:]] * images.shape[0])
    return model.predict(images, shapes)


def pipeline_of(version: str) -> Pipeline:
    """The pipeline that the lists of the graphs `v1` and `v2` are of."""
    names = {"v1": "ssd_mobilenet_v1_coco_2018_01_28", "v2": "ssd_mobilenet_v2_coco_2018_03_29"}
    pipeline = pipelines.load(CONFIGS / "as-shipped" / f"{names[version]}.config")
    pipeline.model.ssd.num_classes = 90
    pipeline.graph_rewriter.quantization.delay = 48000
    return pipeline
