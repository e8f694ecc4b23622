"""Which variables have a class axis, in every family, by the names and shapes that the API itself gives them."""

from __future__ import annotations

import numpy as np
import pytest

from todus import checkpoint
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.errors import UserError
from todus.layout import Model
from todus.zoo import class_axis, configuring
from zoo import families


def has_class_axis(name: str, axes: list[class_axis.ClassAxis]) -> bool:
    return any(axis.holds(name) for axis in axes)


def test_the_variables_with_a_class_axis_are_those_whose_shape_changes_with_the_classes():
    """Built for two numbers of classes: what differs must be what we would cut, and fit both times."""
    pipeline = families.pipeline(families.SSD["fpnlite"])
    shapes = detection_model.variable_shapes(pipeline)
    fewer = pipelines.copy(pipeline)
    getattr(fewer.model, pipelines.meta_architecture(fewer)).num_classes = 7
    class_axis.keep_mask_depth(fewer, shapes)
    fewer_shapes = detection_model.variable_shapes(fewer)

    assert set(fewer_shapes) == set(shapes)
    axes = class_axis.axes(pipeline)
    assert {name for name in shapes if shapes[name] != fewer_shapes[name]} == {
        name for name in shapes if has_class_axis(name, axes)
    }
    for axis in axes:
        held = [name for name in shapes if axis.holds(name)]
        assert held, axis
        for name in held:
            class_axis.require_fit(name, shapes[name], axis, class_axis.class_count(pipeline))
            class_axis.require_fit(name, fewer_shapes[name], axis, 7)


@pytest.mark.parametrize(
    ("name", "is_head"),
    [
        ("BoxPredictor_0/ClassPredictor/weights", True),
        ("BoxPredictor_5/ClassPredictor/biases", True),
        ("ClassPredictor/weights", True),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictor/weights", True),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictor/pointwise_weights", True),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictor/depthwise_weights", False),
        ("BoxPredictor_0/ClassPredictor_depthwise/depthwise_weights", False),
        ("BoxPredictor_0/ClassPredictor_depthwise/BatchNorm/gamma", False),
        ("BoxPredictor_0/ClassPredictor/weights_quant/min", False),
        ("BoxPredictor_0/BoxEncodingPredictor/weights", False),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictionTower/conv2d_0/weights", False),
        ("BoxPredictor_0/NotAClassPredictor/weights", False),
    ],
)
def test_a_class_head_of_an_ssd(name, is_head):
    assert has_class_axis(name, class_axis.axes(families.pipeline(families.SSD["ssdlite"]))) == is_head


@pytest.mark.parametrize(
    ("name", "is_head"),
    [
        ("FirstStageBoxPredictor/ClassPredictor/weights", False),  # object or background
        ("FirstStageBoxPredictor/BoxEncodingPredictor/biases", False),
        ("SecondStageBoxPredictor/ClassPredictor/weights", True),
        ("SecondStageBoxPredictor/BoxEncodingPredictor/biases", True),
        ("SecondStageBoxPredictor/Conv/weights", False),
        ("SecondStageBoxPredictor/Conv_3/weights", True),  # after two hidden layers and one that follows upsampling
        ("SecondStageBoxPredictor/Conv_33/weights", False),
    ],
)
def test_a_class_head_of_mask_rcnn(name, is_head):
    pipeline = families.pipeline(families.TWO_STAGES["mask rcnn with shared boxes"])
    pipeline.model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor.share_box_across_classes = False
    assert has_class_axis(name, class_axis.axes(pipeline)) == is_head


def test_a_model_that_only_proposes_boxes_is_refused():
    pipeline = families.pipeline(families.TWO_STAGES["faster rcnn"])
    pipeline.model.faster_rcnn.number_of_stages = 1
    with pytest.raises(UserError, match="only proposes boxes"):
        class_axis.axes(pipeline)


@pytest.mark.parametrize(
    ("text", "what"),
    [("model { center_net { num_classes: 90 } }", "this is a center_net model"), ("", "describes no model")],
)
def test_a_family_of_another_zoo_is_refused(text, what):
    for look in (class_axis.axes, class_axis.class_count):
        with pytest.raises(UserError, match=rf"{what}; only SSD, Faster R-CNN, R-FCN and Mask R-CNN models"):
            look(pipelines.parse(text))


def test_the_depth_of_a_mask_predictor_stays_what_it_was_trained_with():
    """The API would have 256 channels for 90 classes and 32 for three."""
    pipeline = families.pipeline(families.TWO_STAGES["mask rcnn with shared boxes"])
    predictor = pipeline.model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor
    assert predictor.mask_prediction_conv_depth == 0
    hidden = {"SecondStageBoxPredictor/Conv/weights": [3, 3, 1024, 256]}
    with pytest.raises(UserError, match="has no SecondStageBoxPredictor/Conv/weights"):
        class_axis.keep_mask_depth(pipeline, {})
    class_axis.keep_mask_depth(pipeline, hidden)
    assert predictor.mask_prediction_conv_depth == 256
    class_axis.keep_mask_depth(pipeline, {})  # known by now
    assert predictor.mask_prediction_conv_depth == 256


def test_boxes_and_masks_that_all_classes_share_have_no_class_axis():
    pipeline = families.pipeline(families.TWO_STAGES["mask rcnn with shared boxes"])
    predictor = pipeline.model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor
    predictor.share_box_across_classes = predictor.masks_are_class_agnostic = True
    assert [axis.layer for axis in class_axis.axes(pipeline)] == ["SecondStageBoxPredictor/ClassPredictor"]


@pytest.mark.parametrize("family", ["ssd mobilenet v1", "faster rcnn", "rfcn"])
def test_a_detector_without_masks_is_left_as_it_is(family):
    pipeline = families.pipeline(families.ALL[family])
    before = pipelines.copy(pipeline)
    class_axis.keep_mask_depth(pipeline, {})
    assert pipeline == before


def test_a_mask_rcnn_is_prepared_with_the_depth_of_its_checkpoint(tmp_path):
    model = Model(tmp_path / "mask_rcnn")
    pipeline = families.pipeline(families.TWO_STAGES["mask rcnn with shared boxes"])
    pipelines.save(pipeline, model.zoo_pipeline)
    hidden = {"SecondStageBoxPredictor/Conv/weights": np.zeros([3, 3, 8, 256], np.float32)}
    checkpoint.write(model.pretrained / "model.ckpt", hidden)
    prepared = configuring.current_pipeline(model).model.faster_rcnn
    assert prepared.second_stage_box_predictor.mask_rcnn_box_predictor.mask_prediction_conv_depth == 256
