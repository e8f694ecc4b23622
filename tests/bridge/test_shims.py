"""What TensorFlow no longer has and the API still wants is back, quietly, and does what it did."""

from __future__ import annotations

import logging
import os

import numpy as np
import pytest

from support import TINY_PIPELINE, run_python
from todus.bridge import pipeline as pipelines
from todus.bridge import shims
from todus.bridge.graph_mode import tf

IMPORT_THE_BRIDGE = """
import sys
from todus.bridge import detection_model, exporter, training_graph
from object_detection.utils import tf_version
print(tf_version.is_tf1(), "official" in sys.modules, "tensorflow_io" in sys.modules)
"""


def test_the_api_imports_as_on_tensorflow_1_and_nothing_is_said():
    result = run_python(IMPORT_THE_BRIDGE)
    assert result.stderr == ""
    assert result.stdout == "True False False\n"


def test_only_the_start_up_chatter_is_held_back(capfd):
    with shims._without_start_up_chatter():
        for line in (b"I0000 found a library\n", b"E0000 found no library\n", b"Illegal instruction\n"):
            os.write(2, line)
    assert capfd.readouterr().err == "E0000 found no library\nIllegal instruction\n"


def test_what_was_written_before_a_failure_still_comes_out(capfd):
    with pytest.raises(ImportError), shims._without_start_up_chatter():
        os.write(2, b"libtensorflow.so: file too short\n")
        raise ImportError
    assert capfd.readouterr().err == "libtensorflow.so: file too short\n"


def test_what_was_taken_away_is_there():
    from tensorflow.compat.v1 import estimator
    from tensorflow.contrib import opt
    from tensorflow.contrib.image.python.ops import image_ops  # noqa: F401  (only has to be importable)
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import array_ops, control_flow_ops, variable_scope

    assert (np.int, np.float, np.bool, np.object) == (int, float, np.bool_, object)
    assert tf.estimator is estimator
    assert (estimator.ModeKeys.TRAIN, estimator.ModeKeys.EVAL, estimator.ModeKeys.PREDICT) == ("train", "eval", "infer")
    assert estimator.EstimatorSpec(mode="train", loss=1).train_op is None
    assert issubclass(opt.MovingAverageOptimizer, tf.train.Optimizer)
    with tf.Graph().as_default():
        assert isinstance(tf.constant(1), ops.Tensor)
        assert array_ops.stack([1, 2]).shape == [2]
        assert control_flow_ops.cond(tf.constant(True), lambda: 1, lambda: 2).shape == []
        assert variable_scope.variable(1.0, name="v", unknown_keyword=3).op.name == "v"


@pytest.mark.filterwarnings("ignore:`tf.layers.dense` is deprecated")
def test_tf_layers_is_there():
    with tf.Graph().as_default():
        assert tf.layers.dense(tf.zeros([2, 3]), 5).shape.as_list() == [2, 5]


def test_unused_nodes_are_stripped_and_no_other_transform_is_pretended():
    from tensorflow.tools.graph_transforms import TransformGraph

    with tf.Graph().as_default() as graph:
        tf.add(tf.constant(1, name="one"), 2, name="wanted")
        tf.constant(3, name="unused")
    stripped = TransformGraph(graph.as_graph_def(), ["one"], ["wanted"], ["strip_unused_nodes"])
    assert sorted(node.name for node in stripped.node) == ["one", "wanted", "wanted/y"]
    with pytest.raises(ValueError, match="fold_constants"):
        TransformGraph(graph.as_graph_def(), ["one"], ["wanted"], ["fold_constants"])


def optimizer_of(settings: str):
    """The optimizer that the API builds for a pipeline, as it does in training."""
    from object_detection.builders import optimizer_builder

    text = f"train_config {{ optimizer {{ {settings} }} }}"
    return optimizer_builder.build(pipelines.parse(text).train_config.optimizer)[0]


MOMENTUM = "momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.1 } } }"


def test_moving_averages_follow_the_variables_that_were_changed():
    decay = 0.75
    with tf.Graph().as_default(), tf.Session() as session:
        weights = tf.get_variable("Conv/weights", initializer=[1.0, -2.0])
        tf.get_variable("unused", initializer=5.0)
        step = tf.train.get_or_create_global_step()
        optimizer = optimizer_of(f"{MOMENTUM} moving_average_decay: {decay}")
        train = optimizer.minimize(tf.reduce_sum(weights**2), global_step=step)
        average = {v.op.name: v for v in tf.global_variables()}["Conv/weights/ExponentialMovingAverage"]
        assert not any(v.op.name.startswith("unused/") for v in tf.global_variables())
        session.run(tf.global_variables_initializer())
        shadow = before = session.run(weights)
        np.testing.assert_array_equal(session.run(average), before)
        for count in (1, 2, 3):
            session.run(train)
            after = session.run(weights)
            assert np.all(after != before)
            shadow, before = decay * shadow + (1 - decay) * after, after
            np.testing.assert_allclose(session.run(average), shadow, rtol=1e-6)
            assert session.run(step) == count
        assert optimizer.get_slot_names() == ["momentum"]
        assert optimizer.get_slot(weights, "momentum").op.name == "Conv/weights/Momentum"


def test_averaging_is_what_a_pipeline_gets_unless_it_says_otherwise():
    with tf.Graph().as_default():
        assert type(optimizer_of(MOMENTUM)).__name__ == "MovingAverageOptimizer"
        assert type(optimizer_of(f"{MOMENTUM} use_moving_average: false")).__name__ == "MomentumOptimizer"
    assert "use_moving_average: false" in TINY_PIPELINE


def test_mnasfpn_s_list_of_layers_is_not_an_error_of_ours():
    """It logs each of its layers at the level of errors; what others log still comes through."""
    logger = logging.getLogger("tensorflow")
    assert not logger.filter(record_of("models/ssd_mobilenet_v2_mnasfpn_feature_extractor.py"))
    assert logger.filter(record_of("models/another.py"))


def record_of(path: str) -> logging.LogRecord:
    return logging.LogRecord("tensorflow", logging.ERROR, path, 1, "layer_1: Tensor", (), None)


def test_nasnet_has_its_settings():
    from object_detection.models import faster_rcnn_nas_feature_extractor as nas

    settings = nas.nasnet.large_imagenet_config()
    assert (settings.num_cells, settings.drop_path_keep_prob) == (18, 0.7)
    settings.set_hparam("drop_path_keep_prob", 1.0)
    assert settings.drop_path_keep_prob == 1.0
