"""Where a detector keeps what it knows of its classes: in the columns of a few variables, laid out by its family.

Nothing but the last layer of each head depends on the number of classes, and there only the last axis of its weights
and biases, which is always

    group 1: [background], class 1, ..., class N | group 2: [background], class 1, ..., class N | ...

with `code` numbers for each class: one score, or the four of a box.

    family           variable                                       groups            background  code
    SSD              .../ClassPredictor                             anchors           yes         1
      also where weights are shared between feature maps (FPN, PPN), and where they are separable: then only the
      pointwise half has classes. `add_background_class: false` leaves the background out.
    Faster R-CNN     SecondStageBoxPredictor/ClassPredictor         1                 yes         1
                     SecondStageBoxPredictor/BoxEncodingPredictor   1                 no          4
    R-FCN            SecondStageBoxPredictor/class_predictions      bins of a box     yes         1
                     SecondStageBoxPredictor/refined_locations      bins of a box     no          4
    Mask R-CNN       as Faster R-CNN, and the last convolution
                     of SecondStageBoxPredictor, its masks          1                 no          1

The first stage of Faster R-CNN has a ClassPredictor too, which only tells objects from background: it stays whole.

Source: object_detection/predictors/{rfcn_box_predictor,heads/class_head,heads/box_head,heads/mask_head}.py, and
object_detection/utils/ops.py (position_sensitive_crop_regions) for the order of bins and classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from todus.bridge import pipeline as pipelines
from todus.bridge.pipeline import Pipeline
from todus.errors import UserError
from todus.zoo import pipeline as zoo_pipeline

SECOND_STAGE = "SecondStageBoxPredictor"


@dataclass(frozen=True)
class ClassAxis:
    """The variables of one head, and how the classes lie in their last axis.

    layer: the layer's name as a regular expression for the end of its scope.
    background: whether each group begins with a column for the background.
    code: numbers for each class.
    groups: how often the classes are repeated; None: any number of times, as with the anchors of a feature map.
    """

    layer: str
    background: bool
    code: int = 1
    groups: int | None = 1

    def holds(self, variable: str) -> bool:
        parameters = r"(?:weights|pointwise_weights|biases)"  # depthwise_weights have no class axis
        return re.search(rf"(?:^|/){self.layer}/{parameters}$", variable) is not None

    def size(self, class_count: int) -> int:
        """Columns of one group."""
        return (class_count + self.background) * self.code

    def fits(self, columns: int, class_count: int) -> bool:
        if self.groups is None:
            return columns > 0 and columns % self.size(class_count) == 0
        return columns == self.groups * self.size(class_count)

    def __str__(self) -> str:
        outputs = "classes and background" if self.background else "classes"
        return f"{outputs} x {self.code}" if self.code > 1 else outputs


def class_count(pipeline: Pipeline) -> int:
    """Classes of the detector, the background not counted."""
    return zoo_pipeline.detector(pipeline).num_classes


def axes(pipeline: Pipeline) -> list[ClassAxis]:
    """Every class axis of the detector that `pipeline` describes.

    Raises:
      UserError: it is of a family without a class head that could be cut.
    """
    model = zoo_pipeline.detector(pipeline)
    return _of_ssd(model) if pipelines.meta_architecture(pipeline) == "ssd" else _of_two_stages(model)


def _of_ssd(ssd: object) -> list[ClassAxis]:
    return [ClassAxis("ClassPredictor", background=ssd.add_background_class, groups=None)]


def _of_two_stages(model: object) -> list[ClassAxis]:
    if model.number_of_stages < 2:
        raise UserError("this model only proposes boxes (number_of_stages: 1); it has no classes to choose from")
    predictor = model.second_stage_box_predictor
    if predictor.WhichOneof("box_predictor_oneof") == "rfcn_box_predictor":
        return _of_rfcn(predictor.rfcn_box_predictor)
    return _of_faster_rcnn(predictor.mask_rcnn_box_predictor, with_masks=model.number_of_stages == 3)


def _of_rfcn(predictor: object) -> list[ClassAxis]:
    bins = predictor.num_spatial_bins_height * predictor.num_spatial_bins_width
    return [
        ClassAxis(f"{SECOND_STAGE}/class_predictions", background=True, groups=bins),
        ClassAxis(f"{SECOND_STAGE}/refined_locations", background=False, code=predictor.box_code_size, groups=bins),
    ]


def _of_faster_rcnn(predictor: object, with_masks: bool) -> list[ClassAxis]:
    found = [ClassAxis(f"{SECOND_STAGE}/ClassPredictor", background=True)]
    if not predictor.share_box_across_classes:
        found.append(ClassAxis(f"{SECOND_STAGE}/BoxEncodingPredictor", background=False, code=predictor.box_code_size))
    if with_masks and not predictor.masks_are_class_agnostic:
        found.append(ClassAxis(f"{SECOND_STAGE}/{_mask_convolution(_hidden_layers(predictor))}", background=False))
    return found


def _hidden_layers(predictor: object) -> int:
    """Convolutions of the mask predictor before its last one."""
    return max(0, predictor.mask_prediction_num_conv_layers - 1) + predictor.convolve_then_upsample_masks


def _mask_convolution(index: int) -> str:
    """The name that tf_slim gives to the convolution number `index`, from 0, of a scope: the API gives it none."""
    return f"Conv_{index}" if index else "Conv"


def keep_mask_depth(pipeline: Pipeline, shapes: Mapping[str, Sequence[int]]) -> None:
    """Write down the depth of the mask predictor's hidden layers, where `pipeline` leaves it to the API (0).

    The API would derive it from the number of classes, and so build other hidden layers for the classes kept than the
    checkpoint has.

    Args:
      pipeline: changed in place.
      shapes: of the pretrained checkpoint's variables.

    Raises:
      UserError: the checkpoint has no such layers.
    """
    if pipelines.meta_architecture(pipeline) != "faster_rcnn" or pipeline.model.faster_rcnn.number_of_stages < 3:
        return
    predictor = pipeline.model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor
    if predictor.mask_prediction_conv_depth or not _hidden_layers(predictor):
        return
    layer = f"{SECOND_STAGE}/{_mask_convolution(0)}/weights"
    if layer not in shapes:
        raise UserError(f"the checkpoint has no {layer}; it does not belong to a pipeline.config with masks")
    predictor.mask_prediction_conv_depth = shapes[layer][-1]


def require_fit(name: str, shape: Sequence[int], axis: ClassAxis, count: int) -> None:
    """Raises UserError unless the last axis of `shape` is what `count` classes take in the variable `name`."""
    columns = shape[-1] if shape else 0
    if not axis.fits(columns, count):
        groups = "a multiple of" if axis.groups is None else f"{axis.groups} x" if axis.groups > 1 else "those of"
        raise UserError(
            f"the class head {name} has {columns or 'no'} outputs, not {groups} {count} {axis}; pipeline.config and "
            "checkpoint of this archive do not belong together"
        )
