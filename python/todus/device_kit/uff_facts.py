"""What has to be known of a .uff file in order to run its engine. The file itself does not tell it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from todus import checkpoint, command, progress
from todus.bridge import pipeline as pipelines
from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.converting import uff_report
from todus.converting.onnx_facts import FLOAT, NCHW
from todus.errors import UserError
from todus.exporting import tflite_facts, tflite_graph
from todus.layout import Model
from todus.zoo import pipeline as zoo_pipeline
from todus.zoo import pretrained

if TYPE_CHECKING:
    from uff.schema import MetaGraph

_HALF = [127.5] * 3  # 2 / 255 * x - 1, what the input of such a file takes, is (x - 127.5) / 127.5


def load(model: Model) -> MetaGraph:
    from google.protobuf.message import DecodeError

    from uff.schema import MetaGraph

    try:
        return MetaGraph.FromString(model.uff.read_bytes())
    except DecodeError:
        remedy = command.for_model("convert-uff", model)
        raise UserError(f"{progress.shown(model.uff)} is no .uff file, or half of one; run: {remedy}") from None


def of(meta: MetaGraph, model: Model) -> dict[str, Any]:
    """labels, height, width, resize, mean, deviation, input, layout: as an ONNX file of INPUT=float has them.

    Raises:
      UserError: the file is of other categories than the model's, or of a script of the user's that ends otherwise.
    """
    size, count = uff_report.image_size(meta), uff_report.class_count(meta)
    if size is None or count is None:
        remedy = "write a program of your own for it, or convert without CONFIG"
        raise UserError(f"{progress.shown(model.uff)} has not one image as input and one NMS_TRT as output; {remedy}")
    pipeline = pipelines.load(model.pipeline)
    categories = _categories(model, count)
    resize = tflite_graph.resize_method(pipeline)
    _tell_if_older(model)
    names = tflite_facts.lines_of(categories)
    shape = {"height": size[0], "width": size[1]}
    pixels = {"mean": _HALF, "deviation": _HALF, "input": FLOAT, "layout": NCHW}
    return {"labels": names, **shape, "resize": resize, **pixels}


def _categories(model: Model, count: int) -> LabelMap:
    """Those of the labels.txt beside the file, if they are the model's, or those of its pretrained graph."""
    remedy = command.for_model("convert-uff", model)
    if not model.converted_labels.is_file():
        raise UserError(
            f"{progress.shown(model.converted_labels)}, which names the classes, is not there; run: {remedy}"
        )
    beside, now = labels.read(model.converted_labels), label_map.read(model.label_map)
    if max(beside.names) != count:
        raise UserError(
            f"{progress.shown(model.converted_labels)} names {max(beside.names)} classes and {model.uff.name} has "
            f"{count}; run: {remedy}"
        )
    if beside != now and beside != _pretrained(model):
        raise UserError(
            f"{progress.shown(model.uff)} was made for {', '.join(beside.ids)}, the model is now for "
            f"{', '.join(now.ids)}; run: {remedy}"
        )
    return beside


def _pretrained(model: Model) -> LabelMap:
    count = zoo_pipeline.detector(pipelines.load(model.zoo_pipeline)).num_classes
    return pretrained.categories(model, count)


def _tell_if_older(model: Model) -> None:
    """The file does not tell which checkpoint it is of, but its age does something."""
    newest = checkpoint.newest(model.training)
    if model.uff.stat().st_mtime < checkpoint.index(newest).stat().st_mtime:
        remedy = command.for_model("convert-uff", model)
        progress.say(f"note: {model.uff.name} is older than the newest checkpoint, {newest.name}; see {remedy}")
