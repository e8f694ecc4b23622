"""Fit a zoo model's pipeline to a dataset: classes, records, label map, checkpoint, and evaluation as it is."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError
from todus.layout import Dataset
from todus.zoo import learning_rate

# Extractors that take their convolution settings from the pipeline only and refuse to build unless told so.
# Source: object_detection/models/ssd_inception_v2_feature_extractor.py and its kin.
_MUST_OVERRIDE_HYPERPARAMS = {"ssd_inception_v2", "ssd_inception_v3"}

META_ARCHITECTURES = ("ssd", "faster_rcnn")  # R-FCN and Mask R-CNN are kinds of the second
FAMILIES = "SSD, Faster R-CNN, R-FCN and Mask R-CNN"
LARGEST_BATCH = 32  # images a step that one machine can be expected to hold
WEIGHT_BITS = ACTIVATION_BITS = 8


class SettingsError(UserError):
    """What the user has set does not go together."""


@dataclass(frozen=True)
class Settings:
    """What the user sets of the pipeline besides the dataset; None leaves a field as it is."""

    quantize: bool | None = None  # with fake quantization, or without
    quant_delay: int | None = None  # steps of training before it sets in
    batch_size: int | None = None


def detector(pipeline: Pipeline):
    """The message of the pipeline's meta-architecture, which has num_classes. Raises UserError for an unknown one."""
    kind = pipelines.meta_architecture(pipeline)
    if kind == "none":
        raise UserError(f"pipeline.config describes no model; only {FAMILIES} models can be limited")
    if kind not in META_ARCHITECTURES:
        raise UserError(f"this is a {kind} model; only {FAMILIES} models can be limited")
    return getattr(pipeline.model, kind)


def has_masks(pipeline: Pipeline) -> bool:
    """Whether the model predicts instance masks, and so trains on them."""
    if pipelines.meta_architecture(pipeline) != "faster_rcnn":
        return False
    predictor = detector(pipeline).second_stage_box_predictor.mask_rcnn_box_predictor
    return predictor.predict_instance_masks


def is_quantized(pipeline: Pipeline) -> bool:
    """Whether the pipeline asks for fake quantization."""
    return pipeline.HasField("graph_rewriter")


def for_one_machine(shipped: Pipeline) -> Pipeline:
    """The zoo's pipeline without what was meant for the machines that trained it, to begin from.

    The batch fits one machine: several models were trained on TPUs, with 2,048 images a step. Evaluation is of all
    images, once: the zoo's `max_evals: 10` would end it after ten rounds.

    The learning rate goes down by the same factor, as it had gone up with the batch (Goyal et al., "Accurate, Large
    Minibatch SGD", 2017).
    """
    pipeline = pipelines.copy(shipped)
    train = pipeline.train_config
    if train.batch_size > LARGEST_BATCH:
        learning_rate.scale(pipeline, LARGEST_BATCH / train.batch_size)
        train.batch_size = LARGEST_BATCH
    for field in ("sync_replicas", "replicas_to_aggregate", "startup_delay_steps"):
        train.ClearField(field)
    for field in ("max_evals", "batch_size"):
        pipeline.eval_config.ClearField(field)
    del pipeline.eval_input_reader[1:]
    return pipeline


def configure(
    base: Pipeline,
    dataset: Dataset,
    class_count: int,
    validation_images: int,
    start: Path,
    settings: Settings = Settings(),
) -> Pipeline:
    """The pipeline to train and evaluate on `dataset`, starting from the checkpoint `start`.

    Args:
      base: the pipeline to set this in; not changed. Whatever else it says stays as it is.
      class_count: classes of the detector, the background not counted.
      validation_images: images in the validation split.

    Raises:
      UserError: the model is of an unknown family.
      SettingsError: the settings contradict each other, or the pipeline.
    """
    pipeline = pipelines.copy(base)
    model = detector(pipeline)
    model.num_classes = class_count
    if model.feature_extractor.type in _MUST_OVERRIDE_HYPERPARAMS:
        model.feature_extractor.override_base_feature_extractor_hyperparams = True
    _train_from(start, pipeline.train_config)
    if settings.batch_size:
        pipeline.train_config.batch_size = settings.batch_size
    _quantize(pipeline, settings)
    _read_from(pipeline.train_input_reader, dataset, "train")
    if not pipeline.eval_input_reader:
        pipeline.eval_input_reader.add(shuffle=False, num_readers=1)
    _read_from(pipeline.eval_input_reader[0], dataset, "val")
    if has_masks(pipeline):
        for reader in (pipeline.train_input_reader, pipeline.eval_input_reader[0]):
            _read_masks(reader)
    pipeline.eval_config.num_examples = validation_images
    return pipeline


def _train_from(start: Path, train) -> None:
    train.fine_tune_checkpoint = str(start)
    train.fine_tune_checkpoint_type = "detection"
    train.from_detection_checkpoint = True
    train.load_all_detection_checkpoint_vars = True  # else the API restores the backbone only and says nothing


def _quantize(pipeline: Pipeline, settings: Settings) -> None:
    if settings.quantize is False:
        pipeline.ClearField("graph_rewriter")
    elif settings.quantize and not is_quantized(pipeline):
        quantization = pipeline.graph_rewriter.quantization
        quantization.weight_bits, quantization.activation_bits = WEIGHT_BITS, ACTIVATION_BITS
        quantization.delay = 0  # the weights are trained: nothing has to settle first
    if settings.quant_delay is not None:
        if not is_quantized(pipeline):
            raise SettingsError("QUANT_DELAY needs fake quantization, which this model does not have; say QUANTIZE=1")
        pipeline.graph_rewriter.quantization.delay = settings.quant_delay


def _read_from(reader: object, dataset: Dataset, split: str) -> None:
    reader.label_map_path = str(dataset.label_map)
    reader.tf_record_input_reader.input_path[:] = [str(dataset.folder / dataset.records_pattern(split))]


def _read_masks(reader: object) -> None:
    reader.load_instance_masks = True
    kinds = reader.DESCRIPTOR.fields_by_name["mask_type"].enum_type
    reader.mask_type = kinds.values_by_name["PNG_MASKS"].number  # as the records hold them


def changes(before: Pipeline, after: Pipeline, folder: Path) -> list[str]:
    """The lines that `after` adds (+) to and takes (-) from `before`, as they stand in a file in `folder`."""
    old, new = (pipelines.to_text(pipeline, folder).splitlines() for pipeline in (before, after))
    return [
        line for line in difflib.unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))
    ]
