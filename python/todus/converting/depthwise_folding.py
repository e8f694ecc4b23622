"""Fold a depthwise convolution that multiplies its channels, and the 1x1 convolution after it, into one convolution.

Inception's first layer is such a pair: 3 channels become 24, and those 64. How TensorRT's parser would order the 24 is
nowhere written, and no file of NVIDIA's converter with such a layer is known. There is nothing between the two, so they
are one linear map, and the question need not be asked:

    kernel[y, x, c, o] = sum over m of depthwise[y, x, c, m] * pointwise[c * multiplier + m, o]
"""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf
from todus.converting.frozen_graph import FrozenGraph, inputs

import graphsurgeon as gs

_DEPTHWISE = "DepthwiseConv2dNative"


def fold(nodes: list[tf.NodeDef]) -> list[tf.NodeDef]:
    """The same network with each such pair as one Conv2D, under the name of its second half."""
    graph = FrozenGraph(tf.GraphDef(node=nodes))
    folded: dict[str, list[tf.NodeDef]] = {}
    for node in nodes:
        depthwise = _foldable(graph, node)
        if depthwise is not None:
            folded[node.name] = _one_convolution(graph, depthwise, node)
    return _without_unused([new for node in nodes for new in folded.get(node.name, [node])], nodes)


def _foldable(graph: FrozenGraph, node: tf.NodeDef) -> tf.NodeDef | None:
    """The depthwise convolution with several outputs a channel that `node`, a 1x1 convolution, alone makes use of."""
    if node.op != "Conv2D":
        return None
    before = graph.source(inputs(node)[0])
    if before.op != _DEPTHWISE or [user.name for user in graph.users(before.name)] != [node.name]:
        return None
    kernels = [graph.constant(inputs(half)[1]) for half in (before, node)]
    if any(kernel is None for kernel in kernels):
        return None
    is_multiplied, is_pointwise = kernels[0].shape[3] > 1, kernels[1].shape[:2] == (1, 1)
    return before if is_multiplied and is_pointwise and set(node.attr["strides"].list.i) == {1} else None


def _one_convolution(graph: FrozenGraph, depthwise: tf.NodeDef, pointwise: tf.NodeDef) -> list[tf.NodeDef]:
    kernel = folded_kernel(*(graph.constant(inputs(half)[1]) for half in (depthwise, pointwise)))
    weights = gs.create_node(f"{pointwise.name}/folded_weights", op="Const", value=kernel)
    whole = tf.NodeDef(name=pointwise.name, op="Conv2D", input=[inputs(depthwise)[0], weights.name])
    for name in ("T", "strides", "padding", "dilations", "data_format", "explicit_paddings"):
        if name in depthwise.attr:
            whole.attr[name].CopyFrom(depthwise.attr[name])
    return [weights, whole]


def folded_kernel(depthwise: np.ndarray, pointwise: np.ndarray) -> np.ndarray:
    """The one kernel that does what the two do one after the other.

    Args:
      depthwise: float32 [height, width, channels, multiplier].
      pointwise: float32 [1, 1, channels * multiplier, outputs].

    Returns:
      float32 [height, width, channels, outputs].
    """
    channels, multiplier = depthwise.shape[2:]
    by_channel = pointwise.reshape(channels, multiplier, -1).astype(np.float64)
    return np.einsum("yxcm,cmo->yxco", depthwise.astype(np.float64), by_channel).astype(np.float32)


def _without_unused(nodes: list[tf.NodeDef], before: list[tf.NodeDef]) -> list[tf.NodeDef]:
    """Without what nobody takes any more, and somebody took `before`."""
    while True:
        taken = {name for node in nodes for name in inputs(node)}
        was_taken = {name for node in before for name in inputs(node)}
        unused = {node.name for node in nodes if node.name in was_taken - taken}
        if not unused:
            return nodes
        nodes = [node for node in nodes if node.name not in unused]
