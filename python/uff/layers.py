"""Convolutions, pooling, normalisation: the operations with weights or a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uff import data, orders
from uff.converted import Converted, Converter
from uff.errors import UffError
from uff.schema import Data
from uff.source import Source, attribute

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef


def convolution(node: NodeDef, source: Source) -> Converted:
    """Seen, in NHWC."""
    return Converted("Conv", source.inputs(node), _convolution_fields(node))


def depthwise_convolution(node: NodeDef, source: Source) -> Converted:
    """Seen, with a channel multiplier of 1; with another one, inferred: the kernel stays as it is, too."""
    fields = _convolution_fields(node)
    kernel = source.constant(node, 1)
    return Converted("Conv", source.inputs(node), {**fields, "number_groups": data.integer(kernel.shape[2])})


def _convolution_fields(node: NodeDef) -> dict[str, Data]:
    layout = _layout(node)
    return {
        "dilation": data.integers(_spatial(attribute(node, "dilations", [1, 1, 1, 1]), layout)),
        "inputs_orders": data.reference(orders.image_and_kernel(layout)),
        "strides": data.integers(_spatial(attribute(node, "strides", [1, 1, 1, 1]), layout)),
        **_padding(node),
    }


def pool(function: str) -> Converter:
    """Seen for max without padding; padding and averages inferred."""

    def convert_pool(node: NodeDef, source: Source) -> Converted:
        layout = _layout(node)
        fields = {
            "func": data.text(function),
            "inputs_orders": data.reference(orders.image(layout)),
            "kernel": data.integers(_spatial(attribute(node, "ksize", [1, 1, 1, 1]), layout)),
            "strides": data.integers(_spatial(attribute(node, "strides", [1, 1, 1, 1]), layout)),
        }
        return Converted("Pool", source.inputs(node), {**fields, **_padding(node)})

    return convert_pool


def batch_norm(node: NodeDef, source: Source) -> Converted:
    """Seen for FusedBatchNorm; V2 and V3 are the same in inference."""
    if attribute(node, "is_training", True):
        raise UffError(f"{node.name} normalises by the batch at hand: the graph is one for training")
    fields = {
        "epsilon": data.real(attribute(node, "epsilon", 1e-4)),
        "inputs_orders": data.reference(orders.image(_layout(node))),
    }
    return Converted("BatchNorm", source.inputs(node), fields)


def matrix_product(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    for flag in ("transpose_a", "transpose_b"):
        if attribute(node, flag, False):
            raise UffError(f"{node.name} (MatMul) has {flag}, which UFF has no field for")
    return Converted("FullyConnected", source.inputs(node), {"inputs_orders": data.reference(orders.MATRICES)})


def softmax(node: NodeDef, source: Source) -> Converted:
    """Seen; the parser ignores the axis."""
    fields = {"axis": data.integer(0), "inputs_orders": data.reference(orders.image("NHWC"))}
    return Converted("Softmax", source.inputs(node), fields)


def _layout(node: NodeDef) -> str:
    return attribute(node, "data_format", "NHWC")


def _spatial(values: list[int], layout: str) -> list[int]:
    return values[2:4] if layout == "NCHW" else values[1:3]


def _padding(node: NodeDef) -> dict[str, Data]:
    padding = attribute(node, "padding", "VALID")
    if padding == "EXPLICIT":
        raise UffError(f"{node.name} ({node.op}) has explicit padding, and UFF only SAME and VALID")
    return {"implicit_padding": data.text("same")} if padding == "SAME" else {}
