"""Where training starts: at a detector's weights with a fresh optimizer, or exactly where an earlier run had ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from support import TINY_PIPELINE
from todus import checkpoint
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.exporter import MOVING_AVERAGE
from todus.bridge.graph_mode import tf
from todus.errors import UserError
from todus.training import restore

PIPELINE = pipelines.parse(TINY_PIPELINE.replace("num_classes: 90", "num_classes: 2"))
RMS_PROP = "rms_prop_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.1 } } }"
HEAD = "BoxPredictor_0/ClassPredictor/weights"


@dataclass(frozen=True)
class Training:
    """A detector's variables with an optimizer that averages; `step` is one update, without any images."""

    graph: tf.Graph
    step: tf.Operation
    variables: dict[str, tf.Variable]
    detector: set[str]


@pytest.fixture(scope="module")
def training() -> Training:
    from object_detection.builders import optimizer_builder

    optimizer = pipelines.parse(f"train_config {{ optimizer {{ {RMS_PROP} }} }}").train_config.optimizer
    with tf.Graph().as_default() as graph:
        model = detection_model.build(PIPELINE, is_training=True)
        model.predict(*model.preprocess(tf.zeros([1, 96, 96, 3])))
        detector = {variable.op.name for variable in tf.global_variables()}
        global_step = tf.train.get_or_create_global_step()
        gradients = [(tf.ones_like(variable), variable) for variable in tf.trainable_variables()]
        step = optimizer_builder.build(optimizer)[0].apply_gradients(gradients, global_step)
        variables = {variable.op.name: variable for variable in tf.global_variables()}
    return Training(graph, step, variables, detector)


@pytest.fixture(scope="module")
def weights(training) -> dict[str, np.ndarray]:
    """A detector as `make model` leaves it: every variable of it, at step 0, and nothing of an optimizer."""
    random = np.random.default_rng(0)
    values = {name: random.normal(size=training.variables[name].shape).astype(np.float32) for name in training.detector}
    return {**values, "global_step": np.zeros([], np.int64)}


def restored(training: Training, prefix, steps: int = 0) -> dict[str, np.ndarray]:
    """All variables after starting from `prefix` and doing `steps`."""
    with training.graph.as_default():
        restore_start = restore.restorer(prefix)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            restore_start(session)
            for _ in range(steps):
                session.run(training.step)
            return session.run(training.variables)


def test_from_a_detector_the_weights_are_taken_and_the_optimizer_is_fresh(training, weights, tmp_path):
    checkpoint.write(tmp_path / "model.ckpt-0", weights)
    values = restored(training, tmp_path / "model.ckpt-0")
    slots = {name for name in values if name.endswith(("/RMSProp", "/RMSProp_1"))}
    averages = {name for name in values if name.endswith(MOVING_AVERAGE)}
    assert set(values) == training.detector | {"global_step"} | slots | averages
    assert len(slots) == 2 * len(averages) > 0
    for name, value in weights.items():
        np.testing.assert_array_equal(values[name], value, err_msg=name)
    for name in slots:
        assert np.all(values[name] == (1 if name.endswith("/RMSProp") else 0)), name
    for name in averages:
        np.testing.assert_array_equal(values[name], weights[name.removesuffix(MOVING_AVERAGE)], err_msg=name)


def test_a_run_that_is_resumed_goes_on_as_if_it_had_not_been_interrupted(training, weights, tmp_path):
    checkpoint.write(tmp_path / "model.ckpt-0", weights)
    third = restored(training, tmp_path / "model.ckpt-0", steps=3)
    assert np.any(third[f"{HEAD}{MOVING_AVERAGE}"] != third[HEAD]), "else a fresh average could not be told"
    checkpoint.write(tmp_path / "model.ckpt-3", third)
    resumed = restored(training, tmp_path / "model.ckpt-3", steps=1)
    assert resumed["global_step"] == 4
    for name, value in restored(training, tmp_path / "model.ckpt-0", steps=4).items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


@pytest.mark.parametrize("is_saved", [False, True], ids=["float start", "resumed"])
def test_ranges_of_quantization_are_taken_where_there_are_any(training, weights, tmp_path, is_saved):
    name = "BoxPredictor_0/act_quant/max"
    checkpoint.write(tmp_path / "model.ckpt-0", {**weights, name: np.float32(2.5)} if is_saved else weights)
    with training.graph.as_default() as graph, graph.name_scope(""):
        if name not in training.variables:
            collections = [tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MODEL_VARIABLES, restore.OPTIONAL_VARIABLES]
            training.variables[name] = tf.get_variable(name, initializer=6.0, trainable=False, collections=collections)
    assert restored(training, tmp_path / "model.ckpt-0")[name] == (2.5 if is_saved else 6.0)


@pytest.mark.parametrize("name", [HEAD, "FeatureExtractor/MobilenetV1/Conv2d_0/BatchNorm/moving_mean"])
def test_a_variable_of_the_detector_that_is_missing_is_named(name, training, weights, tmp_path):
    checkpoint.write(tmp_path / "model.ckpt-0", {other: value for other, value in weights.items() if other != name})
    with pytest.raises(UserError, match=rf"does not fit pipeline.config: {name} should be .*, it has nothing"):
        restored(training, tmp_path / "model.ckpt-0")


def test_a_variable_of_another_shape_is_named(training, weights, tmp_path):
    values = {**weights, HEAD: np.zeros([1, 1, weights[HEAD].shape[2], 3 * 91], np.float32)}
    checkpoint.write(tmp_path / "model.ckpt-0", values)
    with pytest.raises(UserError, match=rf"{HEAD} should be \[.*, 9\], it has \[.*, 273\]; run make model again, or"):
        restored(training, tmp_path / "model.ckpt-0")
