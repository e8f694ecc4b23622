"""The ONNX file of one checkpoint: as it is there, or made first."""

from __future__ import annotations

from todus.benchmark.wanted import Wanted
from todus.coco import label_map
from todus.converting import onnx, onnx_file
from todus.converting.onnx_facts import NONE, ONNX, TENSORRT
from todus.errors import UserError

_WHY_NOT = {
    TENSORRT: "made with NMS=tensorrt, cannot run here",
    NONE: "made with NMS=none, gives no detections",
}


def is_current(wanted: Wanted) -> bool:
    """Whether NAME.onnx is there, and of the checkpoint as it is.

    Raises:
      UserError: what is there cannot run here, is of the pretrained model, or is damaged.
    """
    path = wanted.model.onnx
    if not path.is_file():
        return False
    _, facts, form = onnx_file.load(path)
    if form.nms != ONNX:
        raise UserError(f"{_WHY_NOT[form.nms]}; move {path.name} away")
    if facts.checkpoint == "pretrained":
        raise UserError(f"{path.name} is of the pretrained model; move it away")
    is_for_these = facts.label_map == label_map.read(wanted.model.label_map)
    return is_for_these and facts.checkpoint == wanted.prefix.name and wanted.is_older_than(path)


def make(wanted: Wanted) -> None:
    """Convert, in the form of before if there was one.

    Raises:
      UserError: it cannot be done.
      DisagreementError: what the converter made of the graph computes something else.
    """
    if not wanted.model.onnx.is_file():
        onnx.convert(wanted.model, "", wanted.checkpoint_name)
        return
    _, facts, form = onnx_file.load(wanted.model.onnx)
    onnx.convert(wanted.model, "", wanted.checkpoint_name, form, facts.score_threshold)
