"""Fold a batch normalization into the weights of the layer before it, since that is what a device will run."""

from __future__ import annotations

from todus.bridge.graph_mode import tf
from todus.training.quantization import correction
from todus.training.quantization.batch_norm import BatchNorm
from todus.training.quantization.rerouting import copy_with_inputs, reroute, scope_of


def fold(batch_norm: BatchNorm, freeze_delay: int | None) -> None:
    r"""Let the graph take, instead of the normalized layer, a second layer with scaled weights and an offset.

        weights   gamma / sqrt(variance + epsilon)
             \    /
            mul_fold   input
                  \    /
              LAYER_Fold
                   |
          [BatchToSpaceND_Fold]   beta - mean * gamma / sqrt(variance + epsilon)
                          \       /
                           add_fold

    The layer itself stays: while training, the statistics of the batch are those of its output. Then there are three
    steps more, which `correction` explains:

        correction_scale * weights  ->  mul_fold           (correction_mult)
        correction_recip * LAYER_Fold                      (post_conv_mul)
                         + correction_offset  ->  add_fold (correction_add)

    Raises:
      ValueError: nothing takes what was normalized.
    """
    layer = batch_norm.layer
    consumers = batch_norm.output.consumers()
    scope = _scope(layer)
    with layer.graph.name_scope(scope):
        scale, offset = _scale_and_offset(batch_norm, scope)
        corrections = None
        if batch_norm.moving_mean is not None:
            corrections = correction.make(batch_norm, freeze_delay)
        weights = layer.inputs[1]
        if corrections:
            weights = tf.multiply(_shaped_like_weights(corrections.scale, layer), weights, name="correction_mult")
        folded = tf.multiply(weights, _shaped_like_weights(scale, layer), name="mul_fold")
        output = _second_layer(batch_norm, folded)
        if corrections:
            output = tf.multiply(corrections.reciprocal, output, name="post_conv_mul")
            output = tf.add(output, corrections.offset, name="correction_add")
        output = tf.add(output, offset, name="add_fold")
    if not reroute(consumers, batch_norm.output, output):
        raise ValueError(f"nothing takes {batch_norm.output.name}")


def _scale_and_offset(batch_norm: BatchNorm, scope: str) -> tuple[tf.Tensor, tf.Tensor]:
    """output = layer * scale + offset, each float32 [channels]."""
    with tf.name_scope(f"{scope}BatchNorm_Fold/"):
        scale = tf.rsqrt(batch_norm.variance + batch_norm.epsilon)
        if batch_norm.gamma is not None:
            scale = batch_norm.gamma * scale
        beta = tf.zeros_like(scale) if batch_norm.beta is None else batch_norm.beta
        return scale, tf.subtract(beta, batch_norm.mean * scale, name="bias")


def _shaped_like_weights(per_channel: tf.Tensor, layer: tf.Operation) -> tf.Tensor:
    """The last axis of the weights counts channels; depthwise weights are [height, width, inputs, multiplier]."""
    if layer.type != "DepthwiseConv2dNative":
        return per_channel
    return tf.reshape(per_channel, layer.inputs[1].shape.as_list()[2:])


def _second_layer(batch_norm: BatchNorm, weights: tf.Tensor) -> tf.Tensor:
    layer, batch_to_space = batch_norm.layer, batch_norm.batch_to_space
    output = copy_with_inputs(layer, [layer.inputs[0], weights], f"{_own_name(layer)}_Fold")
    if batch_to_space is None:
        return output
    return copy_with_inputs(batch_to_space, [output, *batch_to_space.inputs[1:]], f"{_own_name(batch_to_space)}_Fold")


def _scope(op: tf.Operation) -> str:
    """With the slash that has TensorFlow enter it again instead of making another one of a similar name."""
    return f"{scope_of(op.name)}/" if "/" in op.name else ""


def _own_name(op: tf.Operation) -> str:
    return op.name.rpartition("/")[2]
