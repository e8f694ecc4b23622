"""The checkpoint that becomes an ONNX file, and what has to be known of its detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from todus import checkpoint, command
from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.converting.onnx_facts import NONE, Form
from todus.errors import UserError
from todus.exporting import inference_graph, tflite_facts, tflite_graph
from todus.exporting.tflite_facts import Facts
from todus.exporting.tflite_graph import Settings
from todus.layout import Model
from todus.training.quantization import start
from todus.zoo import archive, prepared, pretrained
from todus.zoo import pipeline as zoo_pipeline

PRETRAINED, EXPORTED = "pretrained", "exported"
CHECKPOINTS = ("", "training", "checkpoint")
_RESIZES = ("BILINEAR", "NEAREST_NEIGHBOR")  # those that ONNX has just as the API's images are resized


@dataclass(frozen=True)
class Source:
    """A checkpoint, the pipeline that it is of, and what its classes are called.

    name: of the checkpoint, as it is told.
    """

    name: str
    pipeline: Pipeline
    prefix: Path
    categories: LabelMap


def choose(model: Model, graph: str, checkpoint_name: str) -> Source:
    """The source that `graph` stands for.

    Args:
      graph: "" for a checkpoint of training/ (the newest unless `checkpoint_name` says which), best, exported (that of
        inference-graph/), or pretrained (the zoo's own, all its classes).

    Raises:
      UserError: there is no such checkpoint.
    """
    if checkpoint_name and graph not in CHECKPOINTS:
        raise UserError(f"GRAPH={graph} and CHECKPOINT={checkpoint_name} name different things; give only one of them")
    prepared.require_model(model)
    if graph == PRETRAINED:
        source = _of_the_zoo(model)
    elif graph == EXPORTED:
        source = _exported(model)
    elif graph == checkpoint.BEST:
        source = _of_training(model, graph)
    elif graph in CHECKPOINTS:
        source = _of_training(model, checkpoint_name)
    else:
        raise UserError(f"GRAPH={graph}: ONNX is made of a checkpoint; GRAPH takes best, {EXPORTED}, {PRETRAINED}")
    require_expressible(source.pipeline)
    start.require_ranges(model, source.pipeline, source.prefix)
    return source


def _of_training(model: Model, name: str) -> Source:
    pipeline = prepared.require_exportable(model)
    prefix = checkpoint.chosen(model.training, name, f"run {command.for_model('model', model)}")
    return Source(prefix.name, pipeline, prefix, label_map.read(model.label_map))


def _of_the_zoo(model: Model) -> Source:
    pipeline = pipelines.load(model.zoo_pipeline)
    categories = pretrained.categories(model, zoo_pipeline.detector(pipeline).num_classes)
    return Source(PRETRAINED, pipeline, archive.checkpoint(model), categories)


def _exported(model: Model) -> Source:
    if not model.export_source.is_file():
        raise UserError(f"{model.name} is not exported; run: {command.for_model('export', model)}")
    categories = inference_graph.exported_labels(model)
    name = model.export_source.read_text(encoding="utf-8").strip()
    return Source(name, pipelines.load(model.exported_pipeline), model.inference_graph / "model.ckpt", categories)


def require_expressible(pipeline: Pipeline) -> None:
    """Raises UserError if the detector is not an SSD that can be written as ONNX."""
    kind = pipelines.meta_architecture(pipeline)
    if kind != "ssd":
        raise _inexpressible(f"{kind} has two stages, and only SSDs can be converted")
    ssd = pipeline.model.ssd
    suppression = ssd.post_processing.batch_non_max_suppression
    coder, resizer = ssd.box_coder.WhichOneof("box_coder_oneof"), ssd.image_resizer
    for is_hindrance, reason in (
        (not resizer.HasField("fixed_shape_resizer"), "its images have no fixed shape (no fixed_shape_resizer)"),
        (resizer.fixed_shape_resizer.convert_to_grayscale, "its images are made grey"),
        (coder != "faster_rcnn_box_coder", f"its boxes are encoded in another way ({coder})"),
        (suppression.soft_nms_sigma > 0, "its suppression is soft (soft_nms_sigma)"),
        (suppression.use_class_agnostic_nms, "its suppression is across classes (use_class_agnostic_nms)"),
    ):
        if is_hindrance:
            raise _inexpressible(reason)


def _inexpressible(reason: str) -> UserError:
    return UserError(f"this model cannot be written as ONNX: {reason}; take an SSD of make models")


def facts_of(source: Source, form: Form, threshold: float | None) -> Facts:
    """What has to be known of the detector.

    Args:
      threshold: detections with lower scores are dropped; None for the pipeline's.

    Raises:
      UserError: the graph cannot prepare images as the detector wants them.
    """
    suppression = tflite_facts.NONE if form.nms == NONE else tflite_facts.REGULAR
    settings = Settings(suppression=suppression, threshold=threshold)
    facts = tflite_graph.facts_of(source.pipeline, source.categories, settings, source.name)
    if form.preprocess and facts.resize not in _RESIZES:
        raise UserError(f"its images are resized as {facts.resize}, which ONNX has not; leave PREPROCESS=1 away")
    return facts
