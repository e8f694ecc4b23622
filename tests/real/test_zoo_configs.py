"""The zoo's own pipelines, where TODUS_SHARED names a folder that holds them as zoo-configs/, and golden/ beside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bridge import zoo_variables
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.layout import Dataset
from todus.zoo import pipeline as zoo_pipeline

SHARED = Path(os.environ.get("TODUS_SHARED", "no-such-folder"))
CONFIGS = SHARED / "zoo-configs"
pytestmark = pytest.mark.skipif(not CONFIGS.is_dir(), reason="TODUS_SHARED names no folder with zoo-configs/")


def configured(name: str, tmp_path: Path, class_count: int = 90) -> pipelines.Pipeline:
    shipped = pipelines.load(CONFIGS / f"{name}.config")
    dataset = Dataset(tmp_path / "dataset" / "complete")
    return zoo_pipeline.configure(
        shipped, dataset, class_count, validation_images=5000, start=tmp_path / "model.ckpt-0"
    )


@pytest.mark.parametrize(("version", "rows"), [("v1", 200), ("v2", 345)])
def test_our_lists_of_variables_are_those_of_tensorflow_1(version, rows):
    golden = (SHARED / "golden" / f"qat_train_vars_{version}.tsv").read_text().splitlines()[1 : rows + 1]
    variables = {name: json.loads(shape) for name, shape, *_ in (line.split("\t") for line in golden)}
    assert variables.pop("global_step") == []
    assert variables == zoo_variables.of(version)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("as-shipped/ssd_mobilenet_v1_coco_2018_01_28", "v1"),
        ("as-shipped/ssd_mobilenet_v2_coco_2018_03_29", "v2"),
        ("ssd_mobilenet_v1_coco", "v1"),
        ("ssd_inception_v2_coco", "inception_v2"),
    ],
)
def test_a_shipped_pipeline_has_the_variables_of_its_checkpoint(name, version, tmp_path):
    assert detection_model.variable_shapes(configured(name, tmp_path)) == zoo_variables.of(version)


@pytest.mark.parametrize("name", ["ssd_mobilenet_v2_coco", "ssd_inception_v2_coco"])
def test_a_sample_pipeline_builds_for_any_number_of_classes(name, tmp_path):
    shapes = detection_model.variable_shapes(configured(name, tmp_path, class_count=3))
    heads = [shapes[f"BoxPredictor_{i}/ClassPredictor/biases"] for i in range(6)]
    assert heads == [[anchors * (3 + 1)] for anchors in (3, 6, 6, 6, 6, 6)]


def test_every_ssd_pipeline_of_the_zoo_can_be_read_and_configured(tmp_path):
    kinds = {}
    for path in sorted(CONFIGS.rglob("*.config")):
        pipeline = pipelines.load(path)
        kinds[path.stem] = pipelines.meta_architecture(pipeline)
        if kinds[path.stem] == "ssd":
            ready = configured(path.relative_to(CONFIGS).with_suffix("").as_posix(), tmp_path, class_count=2)
            pipelines.save(ready, tmp_path / "pipeline.config")
            assert pipelines.load(tmp_path / "pipeline.config") == ready, path
            assert ready.model.ssd.num_classes == 2
    assert list(kinds.values()).count("ssd") > 10
    assert kinds["faster_rcnn_resnet50_coco"] == "faster_rcnn"
