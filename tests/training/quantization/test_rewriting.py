"""What is rounded in small networks, to which values, within which ranges, and from when on."""

from __future__ import annotations

import numpy as np
import pytest
import tf_slim as slim

from todus.bridge.graph_mode import tf
from todus.training.quantization import ranges, rewriter
from training.quantization import small_networks as small
from training.quantization.small_networks import fake_quants

NORMALISED = small.batch_norm(False)


def rounded_by(build, **settings: object) -> dict[str, str]:
    """Which operations' outputs are rounded in a network that evaluates, and in which scope."""
    with tf.Graph().as_default() as graph:
        tf.identity(build(small.images_tensor()), name="rest")
        rewriter.rewrite_for_evaluation(graph, **settings)
    return {name: op.name.rpartition("/")[0] for name, op in fake_quants(graph).items()}


@pytest.mark.parametrize(
    ("activation", "name"), [(tf.nn.relu, "Relu"), (tf.nn.relu6, "Relu6"), (tf.identity, "Identity")]
)
def test_folded_weights_and_the_activation_are_rounded(activation, name):
    assert rounded_by(lambda images: small.convolution(images, activation_fn=activation, **NORMALISED)) == {
        "layer/mul_fold": "layer/weights_quant",
        f"layer/{name}": "layer/act_quant",
    }


@pytest.mark.parametrize("layer", small.LAYERS, ids=lambda layer: layer.__name__)
def test_every_kind_of_layer_is_quantized(layer):
    assert rounded_by(lambda images: layer(images, activation_fn=tf.nn.relu6, **NORMALISED)) == {
        "layer/mul_fold": "layer/weights_quant",
        "layer/Relu6": "layer/act_quant",
    }


def test_without_an_activation_the_biases_end_the_layer():
    """As in box predictors."""
    assert rounded_by(lambda images: tf.reshape(small.convolution(images, activation_fn=None), [-1])) == {
        "layer/weights/read": "layer/weights_quant",
        "layer/BiasAdd": "layer/act_quant",
    }


def test_whoever_takes_the_weights_takes_the_rounded_ones():
    with tf.Graph().as_default() as graph:
        small.convolution(small.images_tensor(), weights_regularizer=slim.l2_regularizer(1e-4))
        rewriter.rewrite_for_evaluation(graph)
    consumers = fake_quants(graph)["layer/weights/read"].outputs[0].consumers()
    assert sorted(op.type for op in consumers) == ["Conv2D", "L2Loss"]


def test_a_sum_after_the_activation_is_rounded_as_in_mobilenet_v2():
    def block(images: tf.Tensor) -> tf.Tensor:
        with tf.variable_scope("block"):
            projected = slim.conv2d(images, 4, 1, scope="project", activation_fn=tf.identity, **NORMALISED)
            return tf.add(images, projected, name="add")

    assert rounded_by(block) == {
        "block/project/mul_fold": "block/project/weights_quant",
        "block/project/Identity": "block/project/act_quant",
        "block/add": "block/post_activation_bypass_quant",
    }


def test_a_sum_before_the_activation_is_rounded_with_it():
    """The layer's own output is an integer too, when the device adds; the sum and its activation are one step."""

    def block(images: tf.Tensor) -> tf.Tensor:
        with tf.variable_scope("block"):
            return tf.nn.relu(slim.conv2d(images, 4, 1, scope="last", activation_fn=None, **NORMALISED) + images)

    assert rounded_by(block) == {
        "block/last/mul_fold": "block/last/weights_quant",
        "block/last/add_fold": "block/last/conv_quant",
        "block/Relu": "block/act_quant",
    }


def test_a_separable_convolution_is_rounded_between_its_halves():
    def layer(images: tf.Tensor) -> tf.Tensor:
        return slim.separable_conv2d(images, 6, 3, 1, scope="layer", activation_fn=tf.nn.relu6)

    assert rounded_by(layer) == {
        "layer/separable_conv2d/depthwise": "layer/separable_conv2d/act_quant",
        "layer/depthwise_weights/read": "layer/separable_conv2d/weights_quant",
        "layer/pointwise_weights/read": "layer/weights_quant",
        "layer/Relu6": "layer/act_quant",
    }


def test_weights_that_layers_share_are_rounded_once():
    def head(images: tf.Tensor) -> tf.Tensor:
        outputs = []
        for level in range(3):
            with tf.variable_scope("head", reuse=level > 0):
                outputs.append(slim.conv2d(images * (level + 1), 5, 3, scope="layer"))
        return tf.add_n(outputs)

    rounded = rounded_by(head)
    assert [name for name in rounded if "weights" in name] == ["head/layer/weights/read"]
    assert [name for name in rounded if "Relu" in name] == [f"head{n}/layer/Relu" for n in ("", "_1", "_2")]


def test_sums_and_products_of_what_is_rounded_are_rounded_as_in_a_feature_pyramid():
    def pyramid(images: tf.Tensor) -> tf.Tensor:
        levels = [slim.conv2d(images, 5, 1, scope=f"level_{n}") for n in range(2)]
        merged = tf.add(slim.max_pool2d(levels[0], 2, 1), levels[1][:, 1:, 1:], name="merged")
        return tf.multiply(tf.reshape(merged, [-1]), 3.0, name="scaled")

    rounded = rounded_by(pyramid)
    assert rounded["merged"] == "merged/activation_AddV2_quant"
    assert rounded["scaled"] == "scaled/activation_Mul_quant"
    assert len(rounded) == 6


def test_what_no_layer_gave_is_not_rounded():
    assert rounded_by(lambda images: tf.nn.relu(images * 2 + 1)) == {}


def trains(bits: int = 8, layer=small.convolution, **settings: object) -> tf.Graph:
    with tf.Graph().as_default() as graph:
        tf.identity(layer(small.images_tensor(), activation_fn=tf.identity, **small.batch_norm(False)), name="output")
        rewriter.rewrite_for_training(graph, weight_bits=bits, activation_bits=bits, **settings)
    return graph


def started(graph: tf.Graph) -> tf.Session:
    session = tf.Session(graph=graph)
    with graph.as_default():
        session.run(tf.global_variables_initializer())
    return session


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_are_rounded_to_as_many_values_as_the_bits_tell(bits):
    graph = trains(bits)
    op = fake_quants(graph)["layer/mul_fold"]
    with started(graph) as session:
        exact, rounded = session.run([op.inputs[0], op.outputs[0]])
        lowest, highest = session.run(["layer/weights_quant/min:0", "layer/weights_quant/max:0"])
    assert (lowest, highest) == pytest.approx((exact.min(), exact.max()))
    step = (highest - lowest) / (2**bits - 2)  # one value is left out
    assert np.abs(rounded - exact).max() <= step * 1.01
    np.testing.assert_allclose(rounded / step, np.round(rounded / step), atol=1e-3)
    assert 0 in np.round(np.arange(-(2**bits), 2**bits) * step, 6)


@pytest.mark.parametrize("bits", [4, 8])
def test_symmetric_ranges_lie_around_zero(bits):
    graph = trains(bits, symmetric=True)
    with started(graph) as session:
        session.run("output:0")
        weights = session.run(["layer/weights_quant/min:0", "layer/weights_quant/max:0"])
        given = session.run(["layer/act_quant/min:0", "layer/act_quant/max:0"])
    assert -weights[0] == pytest.approx(weights[1])
    assert given[0] * (2 ** (bits - 1) - 1) / 2 ** (bits - 1) == pytest.approx(-given[1], rel=1e-3)


def test_zero_is_always_within_a_range():
    with tf.Graph().as_default() as graph:
        given = slim.conv2d(tf.ones([1, 4, 4, 1]), 1, 1, weights_initializer=tf.ones_initializer(), scope="layer")
        tf.identity(given, name="output")
        rewriter.rewrite_for_training(graph)
    with started(graph) as session:
        session.run("output:0")
        assert session.run(["layer/weights_quant/min:0", "layer/act_quant/min:0"]) == [0, 0]


def test_ranges_of_activations_are_averaged_and_the_first_batch_counts_in_full():
    graph = trains()
    activation = graph.get_tensor_by_name("layer/Identity:0")
    highest, expected, weight = [], 0.0, 0.0
    with started(graph) as session:
        for scale in (1, 5, 2):
            images = {"images:0": scale * small.IMAGES}
            exact, _ = session.run([activation, "output:0"], images)
            expected = expected * ranges.DECAY + exact.max() * (1 - ranges.DECAY)
            weight = weight * ranges.DECAY + 1 - ranges.DECAY
            highest.append((session.run("layer/act_quant/max:0"), expected / weight))
    measured, averages = zip(*highest, strict=True)
    assert measured == pytest.approx(averages, rel=1e-3)
    assert measured[1] > 1.5 * measured[0]


def test_nothing_is_rounded_before_the_delay_but_ranges_follow():
    graph = trains(bits=4, quant_delay=3)
    exact = graph.get_tensor_by_name("layer/Identity:0")
    with started(graph) as session:
        ran = [session.run([exact, "output:0", "layer/act_quant/AssignMaxEma:0"]) for _ in range(4)]
        assert session.run("fake_quantization_step:0") == 4
    assert [np.array_equal(before, after) for before, after, _ in ran] == [True, True, False, False]
    assert ran[0][2] == pytest.approx(ran[0][0].max(), rel=1e-3)


def test_a_gradient_passes_what_is_within_the_range():
    graph = trains()
    with graph.as_default():
        gradients = tf.gradients(graph.get_tensor_by_name("output:0"), tf.trainable_variables())
        assert all(gradient is not None for gradient in gradients)


def test_evaluation_rounds_as_training_did_with_the_variables_that_it_left():
    training = trains()
    with tf.Graph().as_default() as evaluation:
        images = small.images_tensor()
        tf.identity(small.convolution(images, activation_fn=tf.identity, **small.batch_norm(False)), name="output")
        rewriter.rewrite_for_evaluation(evaluation)
    with started(training) as session:
        trained = session.run("output:0")
        variables = {each.op.name: each for each in training.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)}
        left = session.run(variables)
    with started(evaluation) as session:
        for variable in evaluation.get_collection(tf.GraphKeys.GLOBAL_VARIABLES):
            variable.load(left[variable.op.name], session)
        np.testing.assert_allclose(session.run("output:0"), trained, atol=1e-5)


def test_what_is_added_is_optional_in_a_checkpoint_and_not_trained():
    graph = trains(quant_delay=3)
    with graph.as_default():
        added = {each.op.name for each in tf.get_collection(ranges.COLLECTION)}
        assert added == {name for each in tf.global_variables() if "quant" in (name := each.op.name)}
        assert not added & {each.op.name for each in tf.trainable_variables()}
    scope = "layer/act_quant"
    assert added == {
        "fake_quantization_step",
        *(f"layer/weights_quant/{end}" for end in ("min", "max")),
        *(f"{scope}/{end}" for end in ("min", "max")),
        *(f"{scope}/{scope}/{end}/{part}" for end in ("min", "max") for part in ("biased", "local_step")),
    }


def test_a_graph_that_has_an_optimizer_is_refused():
    with tf.Graph().as_default() as graph:
        loss = tf.reduce_sum(small.convolution(small.images_tensor()))
        tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
        with pytest.raises(ValueError, match=r"ApplyMomentum"):
            rewriter.rewrite_for_training(graph)
