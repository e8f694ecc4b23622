"""A batch normalization that follows a layer, as folding wants it, however the graph computes it."""

from __future__ import annotations

from dataclasses import dataclass

from todus.bridge.graph_mode import tf


@dataclass(frozen=True)
class MovingAverage:
    """value: the average before this step, float32 [channels]. decay: scalar, the part of it that a step replaces."""

    value: tf.Tensor
    decay: tf.Tensor


@dataclass(frozen=True)
class BatchNorm:
    """output = (layer - mean) * gamma / sqrt(variance + epsilon) + beta

    layer: the Conv2D, DepthwiseConv2dNative or MatMul that is normalized.
    batch_to_space: the BatchToSpaceND that follows it where it is dilated, else None.
    output: what the rest of the graph takes.
    gamma, beta: float32 [channels]; None where there is no scale, no offset.
    mean, variance: float32 [channels]; of the batch while training (the variance without Bessel's correction), else
      the moving averages.
    moving_mean, moving_variance: those that follow the batch's; None where mean and variance are moving averages.
    """

    layer: tf.Operation
    batch_to_space: tf.Operation | None
    output: tf.Tensor
    gamma: tf.Tensor | None
    beta: tf.Tensor | None
    mean: tf.Tensor
    variance: tf.Tensor
    epsilon: float | tf.Tensor
    moving_mean: MovingAverage | None
    moving_variance: MovingAverage | None


def moving_average_of(statistic: tf.Tensor) -> MovingAverage | None:
    r"""The average that follows `statistic`, the mean or the variance of a batch.

    average   statistic
          \   /
           Sub   decay
             \   /
              Mul
               |
           AssignSub
    """
    for difference in statistic.consumers():
        if difference.type == "Sub" and difference.inputs[1] is statistic:
            products = [consumer for consumer in difference.outputs[0].consumers() if consumer.type == "Mul"]
            if products:
                return MovingAverage(difference.inputs[0], products[0].inputs[1])
    return None
