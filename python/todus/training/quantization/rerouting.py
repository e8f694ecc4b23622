"""Change what the operations of a graph that is built already consume."""

from __future__ import annotations

from collections.abc import Iterable

from todus.bridge.graph_mode import tf


def reroute(consumers: Iterable[tf.Operation], old: tf.Tensor, new: tf.Tensor) -> int:
    """Have `consumers` take `new` wherever they take `old`; returns the number of inputs changed."""
    changed = 0
    for consumer in dict.fromkeys(consumers):
        for index, tensor in enumerate(consumer.inputs):
            if tensor is old:
                consumer._update_input(index, new)  # TensorFlow offers no public way
                changed += 1
    return changed


def copy_with_inputs(op: tf.Operation, inputs: list[tf.Tensor], name: str) -> tf.Tensor:
    """The first output of a second `op`, with the same attributes, in the current name scope."""
    attributes = {key: value for key, value in op.node_def.attr.items() if not key.startswith("_")}
    types = [output.dtype.base_dtype for output in op.outputs]
    return op.graph.create_op(op.type, inputs, types, name=name, attrs=attributes).outputs[0]


def scope_of(name: str) -> str:
    """`a/b/Conv2D` -> `a/b`; empty for an operation at the top."""
    return name.rpartition("/")[0]


def inside(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name
