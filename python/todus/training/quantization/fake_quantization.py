"""Round a tensor of a graph to the values that integers of some bits can tell apart within a range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from todus.bridge.graph_mode import tf
from todus.training.quantization import ranges, steps
from todus.training.quantization.ranges import Range
from todus.training.quantization.rerouting import reroute

_SEEN_THROUGH = ("Reshape", "Identity")


@dataclass(frozen=True)
class Settings:
    """What a whole graph is quantized with; see rewriter."""

    is_training: bool
    quant_delay: int = 0
    weight_bits: int = 8
    activation_bits: int = 8
    symmetric: bool = False


@dataclass(frozen=True)
class _Rounding:
    """How one tensor is rounded.

    follow: how an end of the range follows what is rounded while training: ranges.last_value or moving_average.
    narrow_range: leave out the lowest integer, so that there are as many below 0 as above.
    """

    follow: Callable[[tf.Variable, tf.Tensor, str], tf.Tensor]
    bits: int
    narrow_range: bool
    symmetric: bool


def quantize_weights(weights: tf.Tensor, scope: str, settings: Settings) -> None:
    """Round weights; their range is that of their last values."""
    rounding = _Rounding(ranges.last_value, settings.weight_bits, narrow_range=True, symmetric=settings.symmetric)
    _insert(weights, scope, settings, rounding)


def quantize_activation(
    activation: tf.Operation, scope: str, settings: Settings, initially: tuple[float, float] = (-6.0, 6.0)
) -> None:
    """Round what `activation` gives; its range is the moving average of those of the batches."""
    bits, symmetric = settings.activation_bits, settings.symmetric
    rounding = _Rounding(ranges.moving_average, bits, narrow_range=False, symmetric=symmetric)
    _insert(activation.outputs[0], scope, settings, rounding, initially)


def _insert(
    tensor: tf.Tensor,
    scope: str,
    settings: Settings,
    rounding: _Rounding,
    initially: tuple[float, float] = (-6.0, 6.0),
) -> None:
    r"""Let the consumers of `tensor` take its rounded values; nothing is done where it is rounded already.

          tensor                    tensor
            |                      /      \
        consumers     ->      min  max     |
                                 \   \    |
                            FakeQuantWithMinMaxVars
                                      |
                               [delayed_quant]
                                      |
                                  consumers
    """
    if _is_rounded(tensor):
        return
    consumers = tensor.consumers()
    with tf.variable_scope(None, default_name=scope, values=[tensor]) as variables:
        variables.set_partitioner(None)
        range_ = ranges.make(initially)
        ends = _followed(range_, tensor, rounding) if settings.is_training else (range_.lowest, range_.highest)
        rounded = tf.fake_quant_with_min_max_vars(
            tensor, *ends, num_bits=rounding.bits, narrow_range=rounding.narrow_range
        )
    if settings.quant_delay > 0:
        is_due = tf.greater_equal(steps.counted(), settings.quant_delay, name=f"{scope}/activate_quant")
        rounded = tf.cond(is_due, lambda: rounded, lambda: tensor, name=f"{scope}/delayed_quant")
    reroute(consumers, tensor, rounded)


def _is_rounded(tensor: tf.Tensor) -> bool:
    """Whether it is, or merely passed on to where it is: layers that share weights or a sum meet it several times."""
    return any(
        consumer.type.startswith("FakeQuant") or (consumer.type in _SEEN_THROUGH and _is_rounded(consumer.outputs[0]))
        for consumer in tensor.consumers()
    )


def _followed(range_: Range, tensor: tf.Tensor, rounding: _Rounding) -> tuple[tf.Tensor, tf.Tensor]:
    """The ends of `range_` after they have followed `tensor`. 0 is always within: devices have to tell it exactly."""
    lowest, highest = tf.reduce_min(tensor, name="BatchMin"), tf.reduce_max(tensor, name="BatchMax")
    at_most, at_least = 0.0, 0.0
    if rounding.symmetric:
        upward = _upward(rounding)
        at_most, at_least = -highest / upward, -lowest * upward
    return (
        rounding.follow(range_.lowest, tf.minimum(lowest, at_most), "AssignMin"),
        rounding.follow(range_.highest, tf.maximum(highest, at_least), "AssignMax"),
    )


def _upward(rounding: _Rounding) -> float:
    """How far a symmetric range goes up for each step down: -127..127 if narrow, else -128..127 (two's complement)."""
    return 1.0 if rounding.narrow_range else ((1 << rounding.bits) - 2) / (1 << rounding.bits)
