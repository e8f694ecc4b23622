"""The detectors that the bridge builds have the variables that the zoo's checkpoints have, by name and shape."""

from __future__ import annotations

import pytest

from bridge import zoo_variables
from support import TINY_PIPELINE
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.demo import little_zoo
from todus.errors import UserError


def full_size(extractor: str) -> pipelines.Pipeline:
    """The mini model's pipeline at the zoo's size: 300x300, full depth, 90 classes."""
    pipeline = pipelines.parse(little_zoo.PIPELINE.read_text())
    ssd = pipeline.model.ssd
    ssd.image_resizer.fixed_shape_resizer.height = ssd.image_resizer.fixed_shape_resizer.width = 300
    ssd.feature_extractor.type = extractor
    ssd.feature_extractor.depth_multiplier = 1.0
    ssd.feature_extractor.min_depth = 16
    return pipeline


def test_mobilenet_v1_has_the_zoo_s_variables():
    assert len(zoo_variables.of("v1")) == 199
    assert detection_model.variable_shapes(full_size("ssd_mobilenet_v1")) == zoo_variables.of("v1")


def test_mobilenet_v2_has_the_zoo_s_variables():
    pipeline = full_size("ssd_mobilenet_v2")
    pipeline.model.ssd.feature_extractor.use_depthwise = True
    pipeline.model.ssd.box_predictor.convolutional_box_predictor.kernel_size = 3
    assert len(zoo_variables.of("v2")) == 344
    assert detection_model.variable_shapes(pipeline) == zoo_variables.of("v2")


def test_inception_v2_has_the_zoo_s_variables():
    pipeline = full_size("ssd_inception_v2")
    pipeline.model.ssd.anchor_generator.ssd_anchor_generator.reduce_boxes_in_lowest_layer = True
    predictor = pipeline.model.ssd.box_predictor.convolutional_box_predictor
    predictor.kernel_size = 3
    predictor.conv_hyperparams.ClearField("batch_norm")
    assert len(zoo_variables.of("inception_v2")) == 410
    assert detection_model.variable_shapes(pipeline) == zoo_variables.of("inception_v2")


def test_an_extractor_that_the_api_does_not_have_is_refused():
    with pytest.raises(UserError, match=r"refuses this pipeline.config.*ssd_mobilenet_v9"):
        detection_model.build(pipelines.parse(TINY_PIPELINE.replace("ssd_mobilenet_v1", "ssd_mobilenet_v9")), False)


def test_a_setting_that_the_api_refuses_only_when_it_builds_its_layers_is_refused_in_one_line():
    fpn = 'ssd_mobilenet_v1_fpn" fpn { min_level: 3 max_level: 7 }'
    pipeline = pipelines.parse(TINY_PIPELINE.replace('ssd_mobilenet_v1"', fpn, 1))
    pipeline.model.ssd.image_resizer.fixed_shape_resizer.height = 20
    for build in (detection_model.variable_shapes, detection_model.build_graph):
        with pytest.raises(UserError, match=r"refuses this pipeline.config: image size must be >= 33") as refused:
            build(pipeline)
        assert "\n" not in str(refused.value)
