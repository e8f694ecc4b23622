"""The variables that fake quantization adds to a model: ranges of weights and activations, and what they follow from.

Named as tf.contrib.quantize named them, down to the odd names of an average's own variables, so that checkpoints of
TensorFlow 1 load.
"""

from __future__ import annotations

from dataclasses import dataclass

from todus.bridge.graph_mode import tf

COLLECTION = "quant_vars"  # where the API looks for them, to draw them in TensorBoard
DECAY = 0.999  # of the averages that the ranges of activations are


@dataclass(frozen=True)
class Range:
    """The variables, float32 scalars, between which values are told apart."""

    lowest: tf.Variable
    highest: tf.Variable


def make(initially: tuple[float, float]) -> Range:
    """A range in the current variable scope."""
    return Range(*(variable(name, value) for name, value in zip(("min", "max"), initially, strict=True)))


def variable(
    name: str,
    initially: float,
    dtype: tf.DType = tf.float32,
    synchronised: tf.VariableAggregation = tf.VariableAggregation.MEAN,
) -> tf.Variable:
    """A scalar that training keeps and no optimizer touches; a checkpoint of a float model does not have it.

    Args:
      synchronised: how several replicas that share it agree on a new value.
    """
    return tf.get_variable(
        name,
        shape=[],
        dtype=dtype,
        initializer=tf.constant_initializer(initially, dtype),
        trainable=False,
        collections=[tf.GraphKeys.GLOBAL_VARIABLES, COLLECTION],
        aggregation=synchronised,
    )


def last_value(variable: tf.Variable, value: tf.Tensor, name: str) -> tf.Tensor:
    """`variable` after it was set to `value`."""
    return tf.assign(variable, value, name=f"{name}Last")


def moving_average(average: tf.Variable, value: tf.Tensor, name: str) -> tf.Tensor:
    """`average` after it has followed `value` for one more step.

    What is averaged begins at 0; it is divided by the share that it has of all values since, so that the first one
    counts in full (Kingma and Ba, "Adam", 2015, section 3).
    """
    biased = variable(f"{average.op.name}/biased", 0)
    step = variable(f"{average.op.name}/local_step", 0)
    with tf.name_scope(f"{name}Ema") as scope:
        replaced = tf.constant(1 - DECAY, name="decay")
        followed = tf.assign_sub(biased, (biased - value) * replaced)
        share = 1 - tf.pow(1.0 - replaced, tf.assign_add(step, 1))
        return tf.assign(average, followed / share, name=scope)
