"""Batch normalization folded into weights computes what it computed before, and learns as it learnt before."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import tf_slim as slim

from todus.bridge.graph_mode import tf
from todus.training.quantization import folding, fused_batch_norm, unfused_batch_norm
from training.quantization import small_networks as small


@dataclass
class Ran:
    """What a network gave before its weights learnt, and all its variables and gradients of that step."""

    output: np.ndarray
    variables: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]


def fold_all(graph: tf.Graph, freeze_delay: int | None = None) -> int:
    found = [*fused_batch_norm.find(graph), *unfused_batch_norm.find(graph)]
    for batch_norm in found:
        folding.fold(batch_norm, freeze_delay)
    return len(found)


def run(layer, is_training: bool, is_folded: bool, **more: object) -> Ran:
    with tf.Graph().as_default() as graph, tf.Session() as session:
        activated = layer(small.images_tensor(), activation_fn=tf.nn.relu, **small.batch_norm(is_training, **more))
        output = tf.identity(activated)
        if is_folded:
            assert fold_all(graph) == 1
        gradients = tf.gradients(tf.reduce_sum(output**2), tf.trainable_variables())
        named = {
            variable.op.name: gradient for variable, gradient in zip(tf.trainable_variables(), gradients, strict=True)
        }
        session.run(tf.global_variables_initializer())
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        given, gradients, _ = session.run([output, named, updates])
        return Ran(given, session.run({each.op.name: each for each in tf.global_variables()}), gradients)


def test_a_batch_of_one_value_has_a_gradient() -> None:
    """As after pooling down to one pixel, with a batch of one image; n - 1 is 0 then."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        images = tf.constant(np.random.default_rng(0).normal(size=(1, 1, 1, 3)).astype(np.float32))
        activated = slim.conv2d(images, 4, [1, 1], activation_fn=tf.nn.relu, **small.batch_norm(True))
        output = tf.identity(activated)
        assert fold_all(graph) == 1
        gradients = tf.gradients(tf.reduce_sum(output**2), tf.trainable_variables())
        session.run(tf.global_variables_initializer())
        assert all(np.isfinite(gradient).all() for gradient in session.run(gradients))


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])
@pytest.mark.parametrize("is_training", [False, True], ids=["evaluates", "trains"])
@pytest.mark.parametrize("layer", small.LAYERS, ids=lambda layer: layer.__name__)
def test_a_folded_layer_gives_and_learns_the_same(layer, is_training, fused):
    plain = run(layer, is_training, is_folded=False, fused=fused)
    folded = run(layer, is_training, is_folded=True, fused=fused)
    assert np.std(plain.output) > 0.1
    np.testing.assert_allclose(folded.output, plain.output, atol=2e-5, rtol=1e-5)
    assert folded.variables.keys() == plain.variables.keys()  # folding needs none of its own
    for name, value in plain.variables.items():  # moving averages have moved
        np.testing.assert_allclose(folded.variables[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    for name, gradient in plain.gradients.items():
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(folded.gradients[name], gradient, atol=2e-5 * scale, err_msg=name)


@pytest.mark.parametrize("more", [{"scale": False}, {"center": False}, {"scale": False, "center": False}], ids=str)
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])
def test_a_normalization_without_scale_or_offset_is_folded_too(fused, more):
    plain = run(small.convolution, is_training=True, is_folded=False, fused=fused, **more)
    folded = run(small.convolution, is_training=True, is_folded=True, fused=fused, **more)
    np.testing.assert_allclose(folded.output, plain.output, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])
def test_weights_are_scaled_by_the_moving_variance_while_training(fused):
    """So the range of what is quantized does not jump from batch to batch."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        images = small.images_tensor()
        tf.identity(small.convolution(images, activation_fn=tf.nn.relu, **small.batch_norm(True, fused)))
        fold_all(graph)
        scaled = graph.get_tensor_by_name("layer/mul_fold:0")
        session.run(tf.global_variables_initializer())
        once, again = session.run(scaled), session.run(scaled, {images: 3 * small.IMAGES[::-1] + 1})
        value = session.run({each.op.name: each for each in tf.global_variables()})
    np.testing.assert_allclose(once, again, rtol=1e-5)
    deviation = np.sqrt(value["layer/BatchNorm/moving_variance"] + 0.01)
    np.testing.assert_allclose(once, value["layer/weights"] * value["layer/BatchNorm/gamma"] / deviation, rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "unfused"])
def test_once_frozen_the_moving_averages_are_used_and_stay(fused):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        images = small.images_tensor()
        output = tf.identity(small.convolution(images, activation_fn=None, **small.batch_norm(True, fused)))
        fold_all(graph, freeze_delay=3)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        averages = {each.op.name: each for each in tf.global_variables() if "moving" in each.op.name}
        session.run(tf.global_variables_initializer())
        ran = []
        for _ in range(4):
            given, _ = session.run([output, updates])
            ran.append((given, session.run(averages)))
        rest = session.run({each.op.name: each for each in tf.global_variables()})
    moved = [
        [not np.array_equal(before[1][name], after[1][name]) for name in averages]
        for before, after in itertools.pairwise(ran)
    ]
    assert moved == [[True, True], [False, False], [False, False]]
    np.testing.assert_allclose(ran[0][0].mean(axis=(0, 1, 2)), rest["layer/BatchNorm/beta"], atol=1e-5)  # the batch's
    expected = run_by_averages(rest)
    np.testing.assert_allclose(ran[3][0], expected, atol=2e-5, rtol=1e-5)


def run_by_averages(variables: dict[str, np.ndarray]) -> np.ndarray:
    with tf.Graph().as_default(), tf.Session() as session:
        output = small.convolution(small.images_tensor(), activation_fn=None, **small.batch_norm(False))
        for variable in tf.global_variables():
            variable.load(variables[variable.op.name], session)
        return session.run(output)


def test_layers_that_share_weights_are_folded_each_with_its_own_normalization():
    """As in a head that serves all levels of a feature pyramid."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        images, outputs = small.images_tensor(), []
        for level in range(2):
            with tf.variable_scope("head", reuse=level > 0):
                given = slim.conv2d(
                    images * (level + 1), 5, 3, scope="layer", activation_fn=None, biases_initializer=None
                )
            settings = small.batch_norm(False)["normalizer_params"]
            outputs.append(tf.nn.relu6(slim.batch_norm(given, scope=f"BatchNorm_{level}", **settings)))
        outputs = [tf.identity(each) for each in outputs]
        session.run(tf.global_variables_initializer())
        before = session.run(outputs)
        assert fold_all(graph) == 2
        for one, other in zip(before, session.run(outputs), strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5, rtol=1e-5)


def test_a_normalization_that_nobody_takes_is_left_alone():
    with tf.Graph().as_default() as graph:
        small.convolution(small.images_tensor(), activation_fn=None, **small.batch_norm(False))
        assert fold_all(graph) == 0
