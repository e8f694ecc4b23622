"""The gradient of 1x1 convolutions as a product of matrices is that of TensorFlow; other convolutions keep theirs."""

from __future__ import annotations

import numpy as np
import pytest

from todus.bridge import convolution_gradient
from todus.bridge.graph_mode import tf


def gradients(images: np.ndarray, weights: np.ndarray, stride: int, faster: bool) -> tuple[list[np.ndarray], list[str]]:
    """By input and by filter; and the types of the operations that it took."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        inputs = [tf.constant(images), tf.constant(weights)]
        if faster:
            with convolution_gradient.faster():
                convolved = tf.nn.conv2d(*inputs, strides=stride, padding="SAME")
        else:
            convolved = tf.nn.conv2d(*inputs, strides=stride, padding="SAME")
        by_each = tf.gradients(tf.reduce_sum(convolved**3), inputs)
        return session.run(by_each), [operation.type for operation in graph.get_operations()]


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_gradients_are_those_of_tensorflow(kernel, stride):
    random = np.random.default_rng(0)
    images = random.normal(size=(2, 9, 7, 5)).astype(np.float32)
    weights = random.normal(size=(kernel, kernel, 5, 6)).astype(np.float32)
    (by_input, by_filter), types = gradients(images, weights, stride, faster=True)
    (their_input, their_filter), _ = gradients(images, weights, stride, faster=False)
    np.testing.assert_allclose(by_input, their_input, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(by_filter, their_filter, rtol=1e-4, atol=1e-3)
    assert ("MatMul" in types) == ((kernel, stride) == (1, 1))
