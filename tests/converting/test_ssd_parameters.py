"""What TensorRT's plugins are told, taken from the pipeline; and what they cannot be told."""

from __future__ import annotations

import pytest

from todus.bridge import pipeline as pipelines
from todus.converting import ssd_parameters
from todus.converting.ssd_parameters import Size, Suppression
from todus.errors import UserError
from zoo import families

TEXT = families.SSD["ssd mobilenet v1"]


def read(text: str) -> None:
    """All that a conversion reads."""
    pipeline = pipelines.parse(text)
    ssd_parameters.image_size(pipeline)
    ssd_parameters.anchors(pipeline)
    ssd_parameters.suppression(pipeline)


def test_size_and_limits_are_the_pipeline_s() -> None:
    pipeline = pipelines.parse(TEXT)
    assert ssd_parameters.image_size(pipeline) == Size(96, 96)
    limits = ssd_parameters.suppression(pipeline)
    assert limits == Suppression(pytest.approx(1e-8), pytest.approx(0.6), families.PER_CLASS, 48)


def test_variances_are_the_reciprocals_of_the_box_coder_s_scales_x_first() -> None:
    text = TEXT.replace("y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5", "y_scale: 8 x_scale: 10 "
                        "height_scale: 4 width_scale: 5")  # fmt: skip
    assert ssd_parameters.anchors(pipelines.parse(text)).variances == pytest.approx((0.1, 0.125, 0.2, 0.25))


def test_the_lowest_layer_has_three_boxes_at_a_point_and_the_others_one_more_than_ratios() -> None:
    text = TEXT.replace("[1.0, 2.0, 0.5]", "[1.0, 2.0, 0.5, 3.0, 0.3333]")
    anchors = ssd_parameters.anchors(pipelines.parse(text))
    assert [anchors.per_location(layer) for layer in range(anchors.layers)] == [3, 6, 6, 6, 6, 6]


CHANGES = {
    "fixed shape": ("fixed_shape_resizer { height: 96 width: 96 }", "keep_aspect_ratio_resizer {}"),
    "not square": ("height: 96 width: 96", "height: 96 width: 160"),
    "grey": ("height: 96 width: 96", "height: 96 width: 96 convert_to_grayscale: true"),
    "reduce_boxes_in_lowest_layer": ("max_scale: 0.95", "max_scale: 0.95 reduce_boxes_in_lowest_layer: false"),
    "aspect_ratios": ("[1.0, 2.0, 0.5]", "[1.0, 0.5, 2.0]"),
    "scales are given": ("max_scale: 0.95", "max_scale: 0.95 scales: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]"),
    "interpolated_scale": ("max_scale: 0.95", "max_scale: 0.95 interpolated_scale_aspect_ratio: 0"),
    "base anchors": ("max_scale: 0.95", "max_scale: 0.95 base_anchor_height: 0.5"),
    "strides": ("max_scale: 0.95", "max_scale: 0.95 height_stride: [8, 16, 32, 64, 100, 300]"),
    "multiscale": (families._ANCHORS, families._FPN_ANCHORS),
    "keypoint_box_coder": (
        "faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5 }",
        "keypoint_box_coder {}",
    ),
    "SOFTMAX": ("score_converter: SIGMOID", "score_converter: SOFTMAX"),
    "logit_scale": ("score_converter: SIGMOID", "score_converter: SIGMOID logit_scale: 2"),
    "soft_nms_sigma": ("iou_threshold: 0.6", "iou_threshold: 0.6 soft_nms_sigma: 0.5"),
    "class_agnostic": ("iou_threshold: 0.6", "iou_threshold: 0.6 use_class_agnostic_nms: true"),
    "background": ("loss { local", "add_background_class: false loss { local"),
    "sigmoid already": ("box_code_size: 4", "box_code_size: 4 apply_sigmoid_to_scores: true"),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_what_the_plugins_cannot_express_is_refused_with_the_reason_and_the_way_out(reason: str) -> None:
    before, after = CHANGES[reason]
    assert TEXT.count(before) == 1
    with pytest.raises(UserError, match=f"cannot be written as UFF.*{reason}.*ONNX") as caught:
        read(TEXT.replace(before, after))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("family", "reason"),
    [("fpn", "FPN"), ("ppn", "PPN"), ("faster rcnn", "two stages"), ("mask rcnn with shared boxes", "two stages")],
)
def test_other_families_are_refused(family: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"cannot be written as UFF.*{reason}.*ONNX"):
        read(families.ALL[family])


def test_the_unchanged_pipeline_is_not_refused() -> None:
    read(TEXT)
