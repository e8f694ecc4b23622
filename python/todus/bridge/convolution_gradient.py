"""The gradient of a 1x1 convolution by its filter, as the product of two matrices.

MobileNets spend most of a step in 1x1 convolutions. On a CPU these run as fast as the hardware can, all but this
gradient: as a matrix product it takes an eighth less. The graph is otherwise as it was.
"""

from __future__ import annotations

from todus.bridge.graph_mode import tf

NAME = "TodusConv2D"


def faster():
    """A context for the default graph: convolutions that are built in it have this gradient, unless there is a GPU."""
    if tf.config.list_physical_devices("GPU"):
        return tf.get_default_graph().gradient_override_map({})
    return tf.get_default_graph().gradient_override_map({"Conv2D": NAME})


@tf.RegisterGradient(NAME)
def _gradient(convolution: tf.Operation, gradient: tf.Tensor) -> list[tf.Tensor]:
    """By the input, float32 [batch, height, width, in], and by the filter, float32 [kernel, kernel, in, out]."""
    images, weights = convolution.inputs
    settings = {name: convolution.get_attr(name) for name in ("strides", "explicit_paddings", "dilations")}
    settings["padding"] = convolution.get_attr("padding").decode()
    settings["data_format"] = convolution.get_attr("data_format").decode()
    by_input = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.shape(images), filter=weights, out_backprop=gradient, **settings
    )
    if _is_pointwise(weights, settings):
        return [by_input, tf.reshape(tf.matmul(_rows(images), _rows(gradient), transpose_a=True), tf.shape(weights))]
    by_filter = tf.raw_ops.Conv2DBackpropFilter(
        input=images, filter_sizes=tf.shape(weights), out_backprop=gradient, **settings
    )
    return [by_input, by_filter]


def _is_pointwise(weights: tf.Tensor, settings: dict) -> bool:
    kernel, strides = weights.shape.as_list()[:2], settings["strides"]
    return kernel == [1, 1] and strides == [1, 1, 1, 1] and settings["data_format"] == "NHWC"


def _rows(tensor: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tensor, [-1, tensor.shape[-1]])
