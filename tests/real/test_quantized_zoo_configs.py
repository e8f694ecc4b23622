"""Every pipeline of the zoo with fake quantization builds, trains and is exported; narrower and smaller than it is."""

from __future__ import annotations

from pathlib import Path

import golden
import pytest

from todus import checkpoint, layout
from todus.bridge import detection_model, exporter
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.training import loop
from todus.training.quantization import stored_ranges
from todus.zoo import pipeline as zoo_pipeline

pytestmark = pytest.mark.skipif(not golden.CONFIGS.is_dir(), reason="TODUS_SHARED names no folder with zoo-configs/")

SIZE = 128
QUANTIZED = sorted(
    path.stem for path in golden.CONFIGS.glob("*.config") if zoo_pipeline.is_quantized(pipelines.load(path))
)


def reduced(name: str, dataset: layout.Dataset, start: Path) -> pipelines.Pipeline:
    """The zoo's pipeline with little of everything."""
    shipped = zoo_pipeline.for_one_machine(pipelines.load(golden.CONFIGS / f"{name}.config"))
    pipeline = zoo_pipeline.configure(shipped, dataset, class_count=3, validation_images=1, start=start)
    ssd, train = pipeline.model.ssd, pipeline.train_config
    resizer = ssd.image_resizer.fixed_shape_resizer
    resizer.height = resizer.width = SIZE
    ssd.feature_extractor.depth_multiplier, ssd.feature_extractor.min_depth = 0.25, 8
    suppression = ssd.post_processing.batch_non_max_suppression
    suppression.use_combined_nms, suppression.change_coordinate_frame = True, False  # built so much faster
    train.batch_size, train.num_steps = 2, 2
    pipeline.train_input_reader.ClearField("shuffle")
    return pipeline


def test_there_are_four():
    assert len(QUANTIZED) == 4


@pytest.mark.parametrize("name", QUANTIZED)
def test_it_builds_trains_and_is_exported(name, zoo_log, zoo_home, tmp_path):
    start = tmp_path / "training" / "model.ckpt-0"
    pipeline = reduced(name, zoo_home.dataset("complete"), start)
    checkpoint.write(start, detection_model.initial_variables(pipeline, seed=0))
    outcome = loop.run(pipeline, start.parent, start, loop.Settings(steps=2))
    assert outcome.step == 2
    trained = checkpoint.at_step(start.parent, 2)
    values = checkpoint.read(trained)
    assert stored_ranges.are_in(values)
    assert values["fake_quantization_step"] == 2  # the zoo's delay is far away, but it is counted
    exporter.export_inference_graph(pipeline, trained, tmp_path / "exported")
    frozen = tf.GraphDef.FromString((tmp_path / "exported" / "frozen_inference_graph.pb").read_bytes())
    rounded = [node for node in frozen.node if node.op == "FakeQuantWithMinMaxVars"]
    assert len(rounded) == sum(name.endswith("_quant/max") for name in values)
