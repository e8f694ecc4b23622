"""The detectors that the bridge builds have the variables that the zoo's checkpoints have, by name and shape."""

from __future__ import annotations

import pytest

from bridge import zoo_variables
from support import TINY_PIPELINE
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.demo import little_zoo
from todus.errors import UserError

ANCHORS = [3, 6, 6, 6, 6, 6]  # of each place in the six feature maps; the lowest has fewer


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


def test_inception_v2_has_its_family_of_variables():
    pipeline = full_size("ssd_inception_v2")
    predictor = pipeline.model.ssd.box_predictor.convolutional_box_predictor
    predictor.kernel_size = 3
    predictor.conv_hyperparams.ClearField("batch_norm")
    shapes = detection_model.variable_shapes(pipeline)

    base = "FeatureExtractor/InceptionV2"
    layers = {name.split("/")[2] for name in shapes if name.startswith(f"{base}/")}
    assert {"Conv2d_1a_7x7", "Conv2d_2b_1x1", "Conv2d_2c_3x3"} <= layers
    assert {f"Mixed_{x}" for x in ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b", "5c")} <= layers
    assert {f"Mixed_5c_2_Conv2d_{i}_3x3_s2_{d}" for i, d in ((2, 512), (3, 256), (4, 256), (5, 128))} <= layers
    assert shapes[f"{base}/Conv2d_1a_7x7/depthwise_weights"] == [7, 7, 3, 8]
    assert shapes[f"{base}/Mixed_5c/Branch_3/Conv2d_0b_1x1/weights"] == [1, 1, 1024, 128]
    depths = [576, 1024, 512, 256, 256, 128]
    for i, (depth, anchors) in enumerate(zip(depths, ANCHORS, strict=True)):
        assert shapes[f"BoxPredictor_{i}/ClassPredictor/weights"] == [3, 3, depth, anchors * 91]
        assert shapes[f"BoxPredictor_{i}/ClassPredictor/biases"] == [anchors * 91]
        assert shapes[f"BoxPredictor_{i}/BoxEncodingPredictor/weights"] == [3, 3, depth, anchors * 4]
    assert {name.split("/")[0] for name in shapes} == {"FeatureExtractor", *(f"BoxPredictor_{i}" for i in range(6))}


def test_an_extractor_that_the_api_does_not_have_is_refused():
    with pytest.raises(UserError, match=r"refuses this pipeline.config.*ssd_mobilenet_v9"):
        detection_model.build(pipelines.parse(TINY_PIPELINE.replace("ssd_mobilenet_v1", "ssd_mobilenet_v9")), False)
