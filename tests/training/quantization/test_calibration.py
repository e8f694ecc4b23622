"""Ranges that are measured before training make a float detector one that can be rounded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from todus import checkpoint
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.training.quantization import calibration, stored_ranges
from zoo import families

IMAGES = [
    np.random.default_rng(seed).integers(0, 255, [height, width, 3], np.uint8)
    for seed, (height, width) in enumerate([(96, 96), (60, 120), (130, 70)] * 4)
]
HEADS = ("box_encodings", "class_predictions_with_background")
ACTIVATION = "FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_3_pointwise"
WEIGHTS_AND_ACTIVATIONS = 47  # of an SSD MobileNet v1


@pytest.fixture(scope="module")
def pipeline() -> pipelines.Pipeline:
    pipeline = families.pipeline(families.SSD["ssd mobilenet v1"])
    pipeline.graph_rewriter.quantization.delay = 0
    return pipeline


@pytest.fixture(scope="module")
def floats(pipeline: pipelines.Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the detector without ranges."""
    prefix = tmp_path_factory.mktemp("floats") / "model.ckpt-0"
    checkpoint.write(prefix, detection_model.initial_variables(pipeline, seed=1))
    return prefix


@pytest.fixture(scope="module")
def measured(pipeline: pipelines.Pipeline, floats: Path) -> list[dict[str, np.ndarray]]:
    """The ranges after each batch."""
    return list(calibration.measure(pipeline, floats, IMAGES))


@dataclass(frozen=True)
class Detector:
    """A detector that evaluates: what it says of each image, brought to its size, with some variables."""

    session: tf.Session
    image: tf.Tensor
    fetches: dict[str, tf.Tensor]
    variables: dict[str, tf.Variable]

    def say(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        for name, variable in self.variables.items():
            if name in values:
                variable.load(values[name], self.session)
        said = [self.session.run(self.fetches, {self.image: each[None]}) for each in IMAGES]
        return {name: np.stack([each[name] for each in said]) for name in self.fetches}


def detector(pipeline: pipelines.Pipeline) -> Detector:
    with tf.Graph().as_default() as graph:
        session = tf.Session()
        model = detection_model.build(pipeline, is_training=False)
        image = tf.placeholder(tf.float32, [1, None, None, 3])
        predictions = model.predict(*model.preprocess(image))
        fetches = {name: predictions[name] for name in HEADS}
        fetches[ACTIVATION] = graph.get_tensor_by_name(f"{ACTIVATION}/Relu6:0")
        if pipeline.HasField("graph_rewriter"):
            detection_model.fake_quantization(pipeline)()
        session.run(tf.global_variables_initializer())
        return Detector(session, image, fetches, {each.op.name: each for each in tf.global_variables()})


@pytest.fixture(scope="module")
def exact(pipeline: pipelines.Pipeline, floats: Path) -> dict[str, np.ndarray]:
    """What the float detector says."""
    plain = pipelines.copy(pipeline)
    plain.ClearField("graph_rewriter")
    return detector(plain).say(checkpoint.read(floats))


@pytest.fixture(scope="module")
def quantized(pipeline: pipelines.Pipeline) -> Detector:
    return detector(pipeline)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_a_detector_with_measured_ranges_says_what_the_float_one_says(exact, quantized, floats, measured):
    unmeasured = quantized.say(checkpoint.read(floats))
    rounded = quantized.say(measured[-1])
    for name in HEADS:
        assert correlation(exact[name], rounded[name]) > 0.98, name
        assert np.abs(exact[name] - unmeasured[name]).mean() > 3 * np.abs(exact[name] - rounded[name]).mean(), name


def test_the_ranges_are_those_of_the_float_detector(exact, measured):
    batches = [
        exact[ACTIVATION][first : first + calibration.BATCH] for first in range(0, len(IMAGES), calibration.BATCH)
    ]
    assert len(measured) == len(batches) == 2
    expected = np.mean([batch.max() for batch in batches])
    assert measured[-1][f"{ACTIVATION}/act_quant/max"] == pytest.approx(expected, rel=1e-3)
    assert measured[-1][f"{ACTIVATION}/act_quant/min"] == 0


def test_all_that_evaluation_and_training_want_is_measured(quantized, floats, measured):
    there = {**checkpoint.read(floats), **measured[-1]}
    assert set(quantized.variables) - {"global_step"} <= set(there)
    assert stored_ranges.are_in(there)
    assert not stored_ranges.are_in(checkpoint.read(floats))
    assert not stored_ranges.settled(there)
    assert sum(name.endswith("weights_quant/max") for name in there) == WEIGHTS_AND_ACTIVATIONS
    assert sum(name.endswith("act_quant/max/biased") for name in there) == WEIGHTS_AND_ACTIVATIONS


def test_a_range_without_its_average_is_taken_for_one_that_has_settled():
    scope = "layer/act_quant"
    zoo = {
        f"{scope}/min": np.float32(-1.5),
        f"{scope}/max": np.float32(4),
        "layer/weights_quant/max": np.float32(1),
        "layer/weights": np.ones([3]),
    }
    settled = stored_ranges.settled(zoo)
    assert settled.pop(f"{scope}/{scope}/min/local_step") == settled.pop(f"{scope}/{scope}/max/local_step") == 20_000
    assert settled == {f"{scope}/{scope}/min/biased": -1.5, f"{scope}/{scope}/max/biased": 4}
