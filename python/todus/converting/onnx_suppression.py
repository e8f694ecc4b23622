"""The end of an ONNX detector: non-maximum suppression, from raw boxes and scores to detections.

onnx      ONNX's own NonMaxSuppression, and around it what the Object Detection API does: each class by itself, then the
          best of all classes, clipped to the image; what has no area there is dropped.
tensorrt  TensorRT's plugin EfficientNMS_TRT. It has no limit for a class, and does not clip.

Sources: object_detection/core/post_processing.py (multiclass_non_max_suppression); NVIDIA/TensorRT, plugin/
efficientNMSPlugin (Apache-2.0): README.md, EfficientNMSPlugin_PluginConfig.yaml.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from todus.converting.onnx_facts import (
    BOXES,
    CLASSES,
    COUNT,
    DYNAMIC,
    NONE,
    ONNX,
    RAW_BOXES,
    RAW_SCORES,
    SCORES,
    Form,
)
from todus.exporting.tflite_facts import Facts

PLUGIN, PLUGIN_DOMAIN = "EfficientNMS_TRT", "TRT"
_BACKGROUND = 0


def append(model: onnx.ModelProto, facts: Facts, form: Form) -> None:
    """Give `model`, which has raw outputs, those of `form.nms`, all by the API's names:

    detection_boxes    float32 [batch, n, 4]: ymin, xmin, ymax, xmax, 0..1; n is facts.max_detections
    detection_scores   float32 [batch, n], best first
    detection_classes  float32 [batch, n]: ids of the label map, 1 is the first label; of the plugin: int32
    num_detections     float32 [batch]; of the plugin: int32 [batch, 1]; what is beyond it means nothing
    """
    if form.nms == NONE:
        return
    builder = _Builder(model)
    if form.nms == ONNX:
        _standard(builder, facts, form)
    else:
        _plugin(builder, facts)
    _set_outputs(model, facts, form)


def _plugin(add: _Builder, facts: Facts) -> None:
    add.model.opset_import.append(helper.make_opsetid(PLUGIN_DOMAIN, 1))
    add.model.graph.node.append(
        helper.make_node(
            PLUGIN,
            [RAW_BOXES, RAW_SCORES],
            [COUNT, BOXES, SCORES, CLASSES],
            name="suppression",
            domain=PLUGIN_DOMAIN,
            plugin_version="1",
            score_threshold=float(facts.score_threshold),
            iou_threshold=float(facts.iou_threshold),
            max_output_boxes=facts.max_detections,
            background_class=_BACKGROUND,
            score_activation=0,  # scores are given, not logits
            class_agnostic=0,
            box_coding=0,  # corners
        )
    )


def _standard(add: _Builder, facts: Facts, form: Form) -> None:
    whole = add("Slice", RAW_SCORES, add.integers([1]), add.integers([np.iinfo(np.int32).max]), add.integers([2]))
    scores = add("Transpose", whole, perm=[0, 2, 1])  # [batch, classes, anchors]
    thresholds = (add.floats([value]) for value in (facts.iou_threshold, facts.score_threshold))
    limit = add.integers([facts.max_per_class])
    selected = add("NonMaxSuppression", RAW_BOXES, scores, limit, *thresholds)  # rows of image, class, anchor
    image, class_number = (add("Gather", selected, add.integers(column), axis=1) for column in (0, 1))
    boxes = add("GatherND", RAW_BOXES, add("Gather", selected, add.integers([0, 2]), axis=1))
    boxes = add("Clip", boxes, add.floats(0), add.floats(1))
    scores = add("Where", _have_area(add, boxes), add("GatherND", scores, selected), add.floats(-1))
    padded = _padded(add, facts.max_detections, image, class_number, boxes, scores)
    _best_of_each_image(add, _images(add, form), facts.max_detections, *padded)


def _have_area(add: _Builder, boxes: str) -> str:
    near = add("Slice", boxes, add.integers([0]), add.integers([2]), add.integers([1]))
    far = add("Slice", boxes, add.integers([2]), add.integers([4]), add.integers([1]))
    sides = add("Sub", far, near)
    height, width = (add("Gather", sides, add.integers(column), axis=1) for column in (0, 1))
    return add("Greater", add("Mul", height, width), add.floats(0))


def _padded(add: _Builder, count: int, image: str, class_number: str, boxes: str, scores: str) -> list[str]:
    """With `count` more that are of no image, so that there are always enough to take the best `count` of."""
    nothing = (
        add.constant(np.full(count, -1, np.int64)),
        add.constant(np.zeros(count, np.int64)),
        add.constant(np.zeros((count, 4), np.float32)),
        add.constant(np.full(count, -1, np.float32)),
    )
    given = (image, class_number, boxes, scores)
    return [add("Concat", *pair, axis=0) for pair in zip(given, nothing, strict=True)]


def _images(add: _Builder, form: Form) -> str:
    """The numbers of the images, int64 [batch, 1]."""
    if form.batch != DYNAMIC:
        return add.integers([[0]])
    count = add("Gather", add("Shape", RAW_BOXES), add.integers(0), axis=0)
    return add("Unsqueeze", add("Range", add.integers(0), count, add.integers(1)), add.integers([1]))


def _best_of_each_image(
    add: _Builder, images: str, count: int, image: str, class_number: str, boxes: str, scores: str
) -> None:
    """The best `count` of each image, whatever their class; API's padding: box and score 0, class 1."""
    is_here = add("Equal", images, add("Unsqueeze", image, add.integers([0])))  # [batch, candidates]
    scores_here = add("Where", is_here, scores, add.floats(-1))
    best, order = add.several(2, "TopK", scores_here, add.integers([count]), axis=1, largest=1, sorted=1)
    is_there = add("Cast", add("Greater", best, add.floats(0)), to=TensorProto.FLOAT)
    add("Mul", best, is_there, output=SCORES)
    add("Mul", add("Gather", boxes, order, axis=0), add("Unsqueeze", is_there, add.integers([2])), output=BOXES)
    number = add("Cast", add("Gather", class_number, order, axis=0), to=TensorProto.FLOAT)
    add("Add", add("Mul", number, is_there), add.floats(1), output=CLASSES)
    add("ReduceSum", is_there, add.integers([1]), keepdims=0, output=COUNT)


def _set_outputs(model: onnx.ModelProto, facts: Facts, form: Form) -> None:
    batch = "batch" if form.batch == DYNAMIC else 1
    n = facts.max_detections
    whole, count = (TensorProto.FLOAT, [batch]) if form.nms == ONNX else (TensorProto.INT32, [batch, 1])
    outputs = (
        (BOXES, TensorProto.FLOAT, [batch, n, 4]),
        (SCORES, TensorProto.FLOAT, [batch, n]),
        (CLASSES, whole, [batch, n]),
        (COUNT, whole, count),
    )
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(*output) for output in outputs)


class _Builder:
    """Appends operations to a model, and gives the names of their outputs; all begin with suppression/."""

    def __init__(self, model: onnx.ModelProto):
        self.model = model
        self._count = 0

    def __call__(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        return self.several(1, kind, *inputs, output=output, **attributes)[0]

    def several(self, count: int, kind: str, *inputs: str, output: str = "", **attributes: object) -> list[str]:
        name = self._name(kind)
        outputs = [output or f"{name}:{i}" for i in range(count)]
        self.model.graph.node.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs

    def integers(self, values: int | list) -> str:
        return self.constant(np.array(values, np.int64))

    def floats(self, values: float | list) -> str:
        return self.constant(np.array(values, np.float32))

    def constant(self, values: np.ndarray) -> str:
        name = self._name("constant")
        self.model.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"suppression/{kind}_{self._count}"
