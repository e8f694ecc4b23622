"""Fit a zoo model's pipeline to a dataset: classes, records, label map, checkpoint, and evaluation as it is."""

from __future__ import annotations

import difflib
from pathlib import Path

from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError
from todus.layout import Dataset

# Extractors that take their convolution settings from the pipeline only and refuse to build unless told so.
# Source: object_detection/models/ssd_inception_v2_feature_extractor.py and its kin.
_MUST_OVERRIDE_HYPERPARAMS = {"ssd_inception_v2", "ssd_inception_v3"}


def configure(shipped: Pipeline, dataset: Dataset, class_count: int, validation_images: int, start: Path) -> Pipeline:
    """The pipeline to train and evaluate on `dataset`, starting from the checkpoint `start`.

    Args:
      shipped: the pipeline as the zoo ships it; not changed.
      class_count: classes of the detector, the background not counted.
      validation_images: images in the validation split.

    Raises:
      UserError: the model is not an SSD.
    """
    require_ssd(shipped)
    pipeline = pipelines.copy(shipped)
    ssd = pipeline.model.ssd
    ssd.num_classes = class_count
    if ssd.feature_extractor.type in _MUST_OVERRIDE_HYPERPARAMS:
        ssd.feature_extractor.override_base_feature_extractor_hyperparams = True

    train = pipeline.train_config
    train.fine_tune_checkpoint = str(start)
    train.fine_tune_checkpoint_type = "detection"
    train.from_detection_checkpoint = True
    train.load_all_detection_checkpoint_vars = True  # else the API restores the backbone only and says nothing

    _read_from(pipeline.train_input_reader, dataset, "train")
    if not pipeline.eval_input_reader:
        pipeline.eval_input_reader.add(shuffle=False, num_readers=1)
    del pipeline.eval_input_reader[1:]
    _read_from(pipeline.eval_input_reader[0], dataset, "val")
    pipeline.eval_config.num_examples = validation_images
    pipeline.eval_config.ClearField("max_evals")  # the zoo's 10 would end evaluation after ten rounds
    return pipeline


def require_ssd(pipeline: Pipeline) -> None:
    kind = pipelines.meta_architecture(pipeline)
    if kind != "ssd":
        raise UserError(f"this is a {kind} model; only SSD models can be limited so far")


def _read_from(reader: object, dataset: Dataset, split: str) -> None:
    reader.label_map_path = str(dataset.label_map)
    reader.tf_record_input_reader.input_path[:] = [str(dataset.folder / dataset.records_pattern(split))]


def changes(before: Pipeline, after: Pipeline, folder: Path) -> list[str]:
    """The lines that `after` adds (+) to and takes (-) from `before`, as they stand in a file in `folder`."""
    old, new = (pipelines.to_text(pipeline, folder).splitlines() for pipeline in (before, after))
    return [
        line for line in difflib.unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))
    ]
