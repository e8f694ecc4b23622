"""The count of steps that have run with fake quantization in the graph, which its delays are reckoned by."""

from __future__ import annotations

from todus.bridge.graph_mode import tf
from todus.training.quantization import ranges

NAME = "fake_quantization_step"


def counted() -> tf.Tensor:
    """The count, int64 scalar, this step included: 1 in the first. Made once in a graph."""
    graph = tf.get_default_graph()
    try:
        return graph.get_tensor_by_name(f"{NAME}/Identity:0")
    except KeyError:
        with graph.name_scope(None):
            count = ranges.variable(NAME, 0, tf.int64, tf.VariableAggregation.ONLY_FIRST_REPLICA)
            with graph.name_scope(f"{NAME}/"):
                return tf.identity(tf.assign_add(count, 1))
