"""What the real TensorFlow 1.15.5 gave, where TODUS_SHARED names a folder with golden/, and graphs to compare with it."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline

SHARED = Path(os.environ.get("TODUS_SHARED", "no-such-folder"))
FOLDER = SHARED / "golden"
CONFIGS = SHARED / "zoo-configs"
BOXES = 20  # room for them in an image of a batch


def rows(name: str) -> list[dict[str, str]]:
    """The lines of one of its tables."""
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@dataclass(frozen=True)
class Step:
    """A step of training that takes its batch from constants."""

    train_op: tf.Operation
    losses: dict[str, tf.Tensor]
    predictions: dict[str, tf.Tensor]


def training_step(
    pipeline: Pipeline, images: np.ndarray, boxes: list[np.ndarray], classes: list[np.ndarray]
) -> Step:
    """The API's training graph of `pipeline`, in the default graph, without its reader and its augmentation.

    Args:
      images: uint8 [batch, height, width, 3], of the size that the pipeline resizes to.
      boxes, classes: of each image, float32 [n, 4] and int32 [n], counted from 1.
    """
    from object_detection import model_lib
    from object_detection.utils import config_util

    model = detection_model.build(pipeline, is_training=True)
    kept: dict[str, dict] = {}
    for method in ("predict", "loss"):
        setattr(model, method, _keeping(kept, method, getattr(model, method)))
    pixels, shapes = model.preprocess(tf.constant(images, tf.float32))
    pixels.set_shape(images.shape)
    features = {"image": pixels, "true_image_shape": shapes, "hash": tf.zeros([len(images)], tf.int32)}
    build = model_lib.create_model_fn(lambda **_: model, config_util.create_configs_from_pipeline_proto(pipeline))
    spec = build(features, _labels(boxes, classes, pipeline.model.ssd.num_classes), "train")
    losses = {"total": spec.loss, **kept["loss"]}
    return Step(spec.train_op, losses, kept["predict"])


def _keeping(kept: dict, name: str, method: object):
    def call(*args: object, **kwargs: object) -> dict:
        kept[name] = dict(method(*args, **kwargs))
        return dict(kept[name])

    return call


def _labels(boxes: list[np.ndarray], classes: list[np.ndarray], class_count: int) -> dict[str, tf.Tensor]:
    padded_boxes = np.zeros([len(boxes), BOXES, 4], np.float32)
    one_hot = np.zeros([len(boxes), BOXES, class_count], np.float32)
    weights = np.zeros([len(boxes), BOXES], np.float32)
    for image, (own_boxes, own_classes) in enumerate(zip(boxes, classes, strict=True)):
        count = len(own_boxes)
        padded_boxes[image, :count], weights[image, :count] = own_boxes, 1
        one_hot[image, range(count), own_classes - 1] = 1
    labels = {
        "groundtruth_boxes": padded_boxes,
        "groundtruth_classes": one_hot,
        "groundtruth_weights": weights,
        "num_groundtruth_boxes": np.array([len(own) for own in boxes], np.int32),
    }
    return {name: tf.constant(value) for name, value in labels.items()}


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
