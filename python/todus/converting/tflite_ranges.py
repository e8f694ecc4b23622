"""Fake quantization in a frozen graph: whether every layer has it, and how to be rid of it.

The converter turns a fake-quantized layer into an 8-bit one. Ranges come from training or calibration; a layer without
them would have to be converted with made-up ones, which gives a detector that detects nothing.
"""

from __future__ import annotations

from todus.bridge.graph_mode import tf
from todus.converting.frozen_graph import FrozenGraph, inputs

_FAKE_QUANTIZATION = "FakeQuantWithMinMax"  # how the names of these operations begin
_LAYERS = {"Conv2D", "DepthwiseConv2dNative", "MatMul"}
# What may stand between a layer and the fake quantization of its output.
_FUSED = {"Add", "AddV2", "BiasAdd", "Relu", "Relu6"}


def are_there(graph: FrozenGraph) -> bool:
    """Whether the graph has fake quantization anywhere."""
    return any(node.op.startswith(_FAKE_QUANTIZATION) for node in graph.nodes.values())


def layers_without(graph: FrozenGraph) -> list[str]:
    """The layers of which the weights or the output have no range."""
    layers = [node for node in graph.definition.node if node.op in _LAYERS]
    return [node.name for node in layers if not (_has_weight_range(graph, node) and _has_output_range(graph, node))]


def _has_weight_range(graph: FrozenGraph, layer: tf.NodeDef) -> bool:
    return graph.source(inputs(layer)[1]).op.startswith(_FAKE_QUANTIZATION)


def _has_output_range(graph: FrozenGraph, node: tf.NodeDef) -> bool:
    users = list(graph.users(node.name))
    return bool(users) and all(
        user.op.startswith(_FAKE_QUANTIZATION) or (user.op in _FUSED and _has_output_range(graph, user))
        for user in users
    )


def without(definition: tf.GraphDef) -> tf.GraphDef:
    """The same graph, with each fake quantization handing on what it is given."""
    plain = tf.GraphDef()
    plain.CopyFrom(definition)
    for node in plain.node:
        if node.op.startswith(_FAKE_QUANTIZATION):
            node.op = "Identity"
            node.input[:] = node.input[:1]
            node.attr.clear()
            node.attr["T"].type = tf.float32.as_datatype_enum
    return plain
