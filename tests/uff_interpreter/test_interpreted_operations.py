"""The interpreter's operations against TensorFlow's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from todus.bridge.graph_mode import tf
from uff_interpreter import interpreter, made, operations, structure
from uff_interpreter.uff_file import Data

RANDOM = np.random.default_rng(4)


def tensorflow(build: Callable[..., tf.Tensor], *inputs: np.ndarray) -> np.ndarray:
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(build(*(tf.constant(values) for values in inputs)))


def image(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def window(orders: str, strides: tuple, same: bool, **more: object) -> dict[str, object]:
    padding = {"implicit_padding": "same"} if same else {}
    return {"inputs_orders": structure.ORDERS[orders], "strides": strides, **padding, **more}


PADDINGS = pytest.mark.parametrize("same", [True, False])


@PADDINGS
@pytest.mark.parametrize(
    ("size", "kernel", "strides", "dilation"),
    [
        ((8, 8), (3, 3), (1, 1), (1, 1)),
        ((8, 8), (3, 3), (2, 2), (1, 1)),
        ((7, 9), (3, 3), (2, 2), (1, 1)),
        ((15, 10), (7, 7), (2, 2), (1, 1)),
        ((9, 8), (1, 1), (2, 2), (1, 1)),
        ((11, 12), (3, 2), (1, 1), (2, 2)),
        ((1, 1), (1, 1), (2, 2), (1, 1)),
    ],
)
def test_convolution(size, kernel, strides, dilation, same) -> None:
    values, weights = image(2, *size, 5), image(*kernel, 5, 4)
    fields = window("orders_N+C_+CK", strides, same, dilation=dilation)
    wanted = tensorflow(
        lambda x, k: tf.nn.conv2d(x, k, strides, "SAME" if same else "VALID", dilations=dilation), values, weights
    )
    np.testing.assert_allclose(operations.conv(fields, values, weights), wanted, atol=1e-4)


@PADDINGS
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_convolution(stride, same) -> None:
    values, weights = image(1, 9, 8, 6), image(3, 3, 6, 1)
    fields = window("orders_N+C_+CK", (stride, stride), same, dilation=(1, 1), number_groups=6)
    padding, strides = "SAME" if same else "VALID", [1, stride, stride, 1]
    wanted = tensorflow(lambda x, k: tf.nn.depthwise_conv2d_native(x, k, strides, padding), values, weights)
    np.testing.assert_allclose(operations.conv(fields, values, weights), wanted, atol=1e-4)


def test_a_depthwise_multiplier_is_refused() -> None:
    fields = window("orders_N+C_+CK", (1, 1), True, dilation=(1, 1), number_groups=3)
    with pytest.raises(ValueError, match="3 groups"):
        operations.conv(fields, image(1, 8, 8, 3), image(3, 3, 3, 8))


def test_other_orders_are_refused() -> None:
    fields = {**window("orders_N+C_+CK", (1, 1), True, dilation=(1, 1)), "inputs_orders": [structure.HWIO]}
    with pytest.raises(ValueError, match="orders"):
        operations.conv(fields, image(1, 8, 8, 3), image(3, 3, 3, 8))


@PADDINGS
@pytest.mark.parametrize(("func", "pool"), [("max", tf.nn.max_pool2d), ("avg", tf.nn.avg_pool2d)])
@pytest.mark.parametrize(("size", "stride"), [((8, 8), 1), ((8, 7), 2), ((3, 3), 2)])
def test_pools(func, pool, size, stride, same) -> None:
    values = image(1, *size, 4) - 3  # below 0, so that a padding with zeros would show
    fields = window("orders_N+C", (stride, stride), same, func=func, kernel=(3, 3))
    wanted = tensorflow(lambda x: pool(x, 3, stride, "SAME" if same else "VALID"), values)
    np.testing.assert_allclose(operations.pool(fields, values), wanted, atol=1e-6)


def test_batch_norm() -> None:
    values, gamma, beta, mean, variance = image(1, 4, 4, 3), image(3), image(3), image(3), image(3) ** 2
    fields = {"inputs_orders": structure.ORDERS["orders_N+C"], "epsilon": 0.001}
    wanted = tensorflow(
        lambda *inputs: tf.nn.fused_batch_norm(*inputs, epsilon=0.001, is_training=False)[0],
        *(values, gamma, beta, mean, variance),
    )
    found = operations.batch_norm(fields, values, gamma, beta, mean, variance)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


BINARIES = [
    ("add", tf.add),
    ("sub", tf.subtract),
    ("mul", tf.multiply),
    ("div", tf.divide),
    ("min", tf.minimum),
    ("max", tf.maximum),
]
ACTIVATIONS = [("relu", tf.nn.relu), ("relu6", tf.nn.relu6), ("sigmoid", tf.sigmoid), ("tanh", tf.tanh)]


@pytest.mark.parametrize(("func", "original"), BINARIES)
def test_binaries_broadcast(func, original) -> None:
    values, others = image(1, 4, 4, 3), image(3)
    found = operations.binary({"func": func}, values, others)
    np.testing.assert_allclose(found, tensorflow(original, values, others), rtol=1e-6)


@pytest.mark.parametrize(("func", "original"), ACTIVATIONS)
def test_activations(func, original) -> None:
    values = image(1, 4, 4, 3) * 5
    found = operations.activation({"func": func}, values)
    np.testing.assert_allclose(found, tensorflow(original, values), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("begin", "end", "strides", "masks"),
    [
        ([0], [1], [1], (0, 0, 1)),  # the batch in the shape of a feature map
        ([1], [3], [1], (0, 0, 0)),
        ([1], [3], [2], (1, 1, 0)),
        ([-1], [0], [1], (0, 1, 0)),
    ],
)
def test_strided_slice(begin, end, strides, masks) -> None:
    values = np.array([5, 6, 7, 8], np.int32)
    fields = dict(zip(("begin_mask", "end_mask", "shrink_axis_mask"), masks, strict=True))
    found = operations.strided_slice(fields, values, np.array(begin), np.array(end), np.array(strides))
    assert np.array_equal(found, tensorflow(lambda x: tf.strided_slice(x, begin, end, strides, **fields), values))


def test_a_file_is_executed() -> None:
    """Convolution, bias, activation, and a reshape whose shape is computed, against TensorFlow."""
    pixels, kernel, bias = image(1, 8, 8, 3), image(3, 3, 3, 4), image(4)
    masks = {"begin_mask": Data("i", 0), "end_mask": Data("i", 0), "shrink_axis_mask": Data("i", 1)}
    constants = {"kernel": kernel, "bias": bias, "zero": np.zeros([1], np.int32), "one": np.ones([1], np.int32)}
    constants |= {"rest": np.array(-1, np.int32), "channels": np.array(4, np.int32)}
    file = made.file(
        made.node("conv", "Conv", "Input", "kernel", **made.window(strides=(2, 2), dilation=Data("i_list", [1, 1]))),
        made.node("sum", "Binary", "conv", "bias", func=Data("s", "add")),
        made.node("relu", "Activation", "sum", func=Data("s", "relu6")),
        made.node("shape", "Shape", "relu"),
        made.node("batch", "StridedSlice", "shape", "zero", "one", "one", **masks),
        made.node("stack", "Stack", "batch", "rest", "channels", axis=Data("i", 0)),
        made.node("flat", "Reshape", "relu", "stack"),
        constants=constants,
    )
    (found,) = interpreter.run(file, pixels)
    wanted = tensorflow(
        lambda x: tf.reshape(tf.nn.relu6(tf.nn.conv2d(x, kernel, (2, 2), "SAME") + bias), [1, 16, 4]), pixels
    )
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    with pytest.raises(ValueError, match="for an Input"):
        interpreter.run(file, image(1, 9, 8, 3))
