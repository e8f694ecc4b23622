"""Rewrite an SSD's frozen graph as the graph that TensorRT's UFF parser takes.

Everything before the normalised image and after the raw heads is cut off: the user feeds the first, and TensorRT's
plugins do the second.

    Input -> feature extractor -> BoxPredictor_k -> Reshape   -> concat_box_loc  ------.
                                                    Reshape_1 -> concat_box_conf -----> NMS
                                  AnchorInput -> MultipleGridAnchorGenerator -> concat_priorbox
"""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.converting import depthwise_folding, ssd_heads, ssd_parameters, uff_plugins
from todus.converting.frozen_graph import FrozenGraph, inputs
from todus.converting.ssd_heads import FeatureMap, Head, Network
from todus.converting.ssd_parameters import Anchors, Suppression
from todus.converting.uff_plugins import Dialect
from todus.errors import UserError

import graphsurgeon as gs

_BOX_CODE = 4


def rewrite(graph: FrozenGraph, pipeline: Pipeline, limits: Suppression, dialect: Dialect) -> tf.GraphDef:
    """The graph for the parser; its output is uff_plugins.OUTPUT.

    Raises:
      UserError: pipeline or graph cannot be expressed, or they do not belong together.
    """
    size = ssd_parameters.image_size(pipeline)
    anchors = ssd_parameters.anchors(pipeline)
    network = ssd_heads.find(graph, size)
    require_fit(network, anchors)
    nodes = depthwise_folding.fold([uff_plugins.image(size), *network.nodes])
    reshapes = []
    for index, (head, feature_map) in enumerate(zip(network.heads, network.maps, strict=True)):
        batch = _batch_source(graph, network, head)
        nodes += _head(f"BoxPredictor_{index}", head, feature_map, batch)
        reshapes.append((f"BoxPredictor_{index}/Reshape", f"BoxPredictor_{index}/Reshape_1"))
    nodes += uff_plugins.plugins(network, reshapes, anchors, limits, dialect)
    return tf.GraphDef(node=nodes)


def require_fit(network: Network, anchors: Anchors) -> None:
    """Raises UserError unless the plugin makes as many anchors at each feature map as the graph has outputs for."""
    of_pipeline = [anchors.per_location(layer) for layer in range(anchors.layers)]
    of_graph = [feature_map.anchors for feature_map in network.maps]
    if of_pipeline != of_graph:
        raise UserError(
            f"the graph has {of_graph} anchors at a point of its feature maps, its pipeline.config {of_pipeline}; "
            "they do not belong together"
        )
    if len({feature_map.class_count for feature_map in network.maps}) > 1:
        raise UserError("the heads of the graph have different numbers of classes")


def _batch_source(graph: FrozenGraph, network: Network, head: Head) -> str:
    """The node whose shape tells the size of the batch: the one that the graph asks itself, where it can be told."""
    names = {node.name for node in network.nodes}
    (reshape, *_) = [user for user in graph.users(head.boxes) if user.op == "Reshape"]
    waiting = [inputs(reshape)[1]]
    while waiting:
        node = graph.source(waiting.pop())
        if node.op == "Shape":
            return inputs(node)[0] if inputs(node)[0] in names else head.boxes
        if node.op in ("Pack", "StridedSlice"):
            waiting.extend(inputs(node))
    return head.boxes


def _head(scope: str, head: Head, feature_map: FeatureMap, batch: str) -> list[tf.NodeDef]:
    """The reshaping of a head in the very form that NVIDIA's converter met in the zoo's graphs: the size of the batch
    is asked, all else is constant. (Newer exports leave the number of priors to be told by -1; the parser, which knows
    no batch, then has two unknowns and fails.)"""
    slice_name = f"{scope}/strided_slice"
    bounds = [f"{slice_name}/stack", f"{slice_name}/stack_1", f"{slice_name}/stack_2"]
    batch_size = gs.create_node(
        slice_name,
        op="StridedSlice",
        inputs=[f"{scope}/Shape", *bounds],
        begin_mask=0,
        end_mask=0,
        shrink_axis_mask=1,
        ellipsis_mask=0,
        new_axis_mask=0,
    )
    return [
        gs.create_node(f"{scope}/Shape", op="Shape", inputs=[batch]),
        *(_const(name, [value]) for name, value in zip(bounds, (0, 1, 1), strict=True)),
        batch_size,
        *_reshape(f"{scope}/Reshape", f"{scope}/stack", head.boxes, slice_name, [feature_map.priors, 1, _BOX_CODE]),
        *_reshape(
            f"{scope}/Reshape_1",
            f"{scope}/stack_1",
            head.classes,
            slice_name,
            [feature_map.priors, feature_map.class_count],
        ),
    ]


def _reshape(name: str, shape_name: str, values: str, batch_size: str, rest: list[int]) -> list[tf.NodeDef]:
    constants = [_const(f"{shape_name}/{place}", size) for place, size in enumerate(rest, start=1)]
    return [
        *constants,
        gs.create_node(shape_name, op="Pack", axis=0, N=1 + len(rest), inputs=[batch_size, *constants]),
        gs.create_node(name, op="Reshape", inputs=[values, shape_name]),
    ]


def _const(name: str, value: int | list[int]) -> tf.NodeDef:
    return gs.create_node(name, op="Const", value=np.array(value, np.int32))
