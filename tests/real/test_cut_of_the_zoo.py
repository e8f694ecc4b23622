"""The cut of every detector whose pipeline TODUS_SHARED holds as zoo-configs/, with random weights.

The pipelines are the zoo's, with their 90 classes; to be built and run in seconds each they get smaller images,
narrower networks, fewer proposals, smaller masks, and for SSDs non-maximum suppression in one operation.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from todus.bridge import pipeline as pipelines
from todus.layout import Dataset
from todus.zoo import pipeline as zoo_pipeline
from zoo import cut_equality
from zoo.cut_equality import Pair

CONFIGS = Path(os.environ.get("TODUS_SHARED", "no-such-folder")) / "zoo-configs"
pytestmark = [
    pytest.mark.skipif(not CONFIGS.is_dir(), reason="TODUS_SHARED names no folder with zoo-configs/"),
    pytest.mark.filterwarnings("ignore:`tf.layers.flatten` is deprecated"),  # made by the API
]

SIZES = {"embedded_ssd_mobilenet_v1": 256, "ssd_resnet50_v1_fpn": 160, "ssd_mobilenet_v1_ppn": 128}
PER_CLASS = 3


def shrunk(pipeline: pipelines.Pipeline) -> pipelines.Pipeline:
    small = pipelines.copy(pipeline)
    small.ClearField("graph_rewriter")  # random weights have no ranges to round within
    kind = pipelines.meta_architecture(small)
    model = getattr(small.model, kind)
    size = SIZES.get(model.feature_extractor.type, 128)
    model.image_resizer.Clear()
    model.image_resizer.fixed_shape_resizer.height = model.image_resizer.fixed_shape_resizer.width = size
    suppression = cut_equality.suppression(small)
    suppression.max_detections_per_class = PER_CLASS
    suppression.max_total_detections = PER_CLASS * model.num_classes
    (_shrink_ssd if kind == "ssd" else _shrink_two_stages)(model, suppression)
    return small


def _shrink_ssd(model, suppression) -> None:
    model.feature_extractor.depth_multiplier = 0.25
    suppression.score_threshold = 1e-8
    suppression.use_combined_nms = True
    suppression.change_coordinate_frame = False


def _shrink_two_stages(model, suppression) -> None:
    model.first_stage_max_proposals = PER_CLASS
    suppression.iou_threshold = 1  # see cut_equality.check_detections
    predictor = model.second_stage_box_predictor.mask_rcnn_box_predictor
    if predictor.predict_instance_masks:
        predictor.mask_height = predictor.mask_width = 4


@pytest.fixture(scope="module", params=sorted(path.stem for path in CONFIGS.glob("*.config")))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    shipped = pipelines.parse((CONFIGS / f"{request.param}.config").read_text())
    folder = tmp_path_factory.mktemp("home")
    ready = zoo_pipeline.configure(
        shipped, Dataset(folder / "complete"), class_count=90, validation_images=1, start=folder / "model.ckpt-0"
    )
    return cut_equality.pair(shrunk(ready))


def test_the_cut_is_exact(pair):
    cut_equality.check_heads(pair)
    cut_equality.check_scores(pair)
    assert (pair.full.outputs["num_detections"] == pair.all_detections()).all(), "some were cut off"
    cut_equality.check_detections(pair)
