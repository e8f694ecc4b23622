"""Batch normalization that can be folded while it trains: scaled weights that do not jump from batch to batch.

The weights that are quantized shall be those of the device: scaled by the moving variance. Scaled by the variance of
the batch, they, and their range with them, would change at random. So, with s = sqrt(variance + epsilon),

    scale = s of the batch / s moving       on the weights: what the folding divides by s of the batch is undone
    reciprocal = 1 / scale                  on the layer's output: batch normalization as ever

Once frozen, the moving averages are used throughout and no longer change:

    reciprocal = 1,  offset = gamma * (mean of the batch / s of the batch - moving mean / s moving)

Source: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", 2018, section 3.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from todus.bridge.graph_mode import tf
from todus.training.quantization import steps
from todus.training.quantization.batch_norm import BatchNorm, MovingAverage
from todus.training.quantization.rerouting import reroute


@dataclass(frozen=True)
class Corrections:
    """float32 [channels] each."""

    scale: tf.Tensor
    reciprocal: tf.Tensor
    offset: tf.Tensor


def make(batch_norm: BatchNorm, freeze_delay: int | None) -> Corrections:
    """The corrections of a batch normalization that trains; it is frozen after `freeze_delay` steps, if ever."""
    with tf.name_scope("batch_norm_correction"):
        inverse_moving = tf.rsqrt(batch_norm.moving_variance.value + batch_norm.epsilon)
        inverse = tf.rsqrt(batch_norm.variance + batch_norm.epsilon)
        scale = tf.identity(tf.divide(inverse_moving, inverse, name="scale_compute"), name="correction_scale")
        reciprocal = tf.reciprocal(scale, name="reciprocal_compute")
        if freeze_delay is None:
            return Corrections(scale, reciprocal, tf.zeros_like(scale))
        offset = batch_norm.mean * inverse - batch_norm.moving_mean.value * inverse_moving
        if batch_norm.gamma is not None:
            offset = batch_norm.gamma * offset
        is_frozen = tf.greater_equal(steps.counted(), freeze_delay, name="use_moving_average")
        for average in (batch_norm.moving_mean, batch_norm.moving_variance):
            _keep_if(is_frozen, average)
        return Corrections(
            scale,
            tf.cond(is_frozen, lambda: tf.ones_like(reciprocal), lambda: reciprocal, name="correction_recip"),
            tf.cond(is_frozen, lambda: offset, lambda: tf.zeros_like(offset), name="correction_offset"),
        )


def _keep_if(is_frozen: tf.Tensor, average: MovingAverage) -> None:
    consumers = average.decay.consumers()
    decay = tf.cond(
        is_frozen, lambda: tf.zeros_like(average.decay), lambda: average.decay, name="freeze_moving_average"
    )
    reroute(consumers, average.decay, decay)
