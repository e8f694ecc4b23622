"""Operations that change the shape of a tensor, pick from it or reduce it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uff import data, weights
from uff.converted import Converted, Converter
from uff.errors import UffError
from uff.source import Source, attribute

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef


def concatenation(node: NodeDef, source: Source) -> Converted:
    """Seen: the axis is TensorFlow's own, also where it is negative. A node that graphsurgeon has made has it as an
    attribute, and no constant for it among its inputs."""
    inputs = source.inputs(node)
    if "axis" in node.attr:
        return Converted("Concat", inputs, {"axis": data.integer(node.attr["axis"].i)})
    axis = int(source.constant(node, len(inputs) - 1))
    return Converted("Concat", inputs[:-1], {"axis": data.integer(axis)})


def reshape(node: NodeDef, source: Source) -> Converted:
    """Seen: [batch of x, -1] is Flatten, every other shape an input of Reshape."""
    inputs = source.inputs(node)
    if _is_flattening(inputs, source):
        return Converted("Flatten", inputs[:1])
    return Converted("Reshape", inputs)


def _is_flattening(inputs: list[NodeDef], source: Source) -> bool:
    if len(inputs) != 2:
        return False
    x, shape = inputs
    if shape.op != "Pack" or len(source.inputs(shape)) != 2:
        return False
    batch, rest = source.inputs(shape)
    if not _is_constant(rest, -1) or not _is_first_dimension(batch, source):
        return False
    sliced = source.inputs(batch)[0]
    return sliced.op == "Shape" and [read.name for read in source.inputs(sliced)] == [x.name]


def _is_first_dimension(node: NodeDef, source: Source) -> bool:
    """Whether a node is `shape[0]`. Where an axis shrinks, TensorFlow asks neither begin_mask nor end_mask."""
    if node.op != "StridedSlice" or attribute(node, "shrink_axis_mask", 0) != 1:
        return False
    if attribute(node, "ellipsis_mask", 0) or attribute(node, "new_axis_mask", 0):
        return False
    bounds = source.inputs(node)[1:]
    return len(bounds) == 3 and all(map(_is_constant, bounds, ([0], [1], [1])))


def _is_constant(node: NodeDef, value: int | list[int]) -> bool:
    return node.op == "Const" and weights.array(node.attr["value"].tensor).tolist() == value


def shape(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    return Converted("Shape", source.inputs(node))


def strided_slice(node: NodeDef, source: Source) -> Converted:
    """Seen; the masks that UFF has no field for must be 0."""
    for mask in ("ellipsis_mask", "new_axis_mask"):
        if attribute(node, mask, 0):
            raise UffError(f"{node.name} (StridedSlice) has {mask}, which UFF has no field for")
    masks = ("begin_mask", "end_mask", "shrink_axis_mask")
    fields = {mask: data.integer(attribute(node, mask, 0)) for mask in masks}
    return Converted("StridedSlice", source.inputs(node), fields)


def stack(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    return Converted("Stack", source.inputs(node), {"axis": data.integer(attribute(node, "axis", 0))})


def squeeze(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    return Converted("Squeeze", source.inputs(node), {"axes": data.integers(attribute(node, "squeeze_dims", []))})


def expand_dims(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    axis = int(source.constant(node, 1))
    return Converted("ExpandDims", source.inputs(node)[:1], {"axis": data.integer(axis)})


def transpose(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    permutation = source.constant(node, 1).tolist()
    return Converted("Transpose", source.inputs(node)[:1], {"permutation": data.integers(permutation)})


def mean(node: NodeDef, source: Source) -> Converted:
    """Seen; keepdims documented."""
    fields = {"axes": data.integers(source.constant(node, 1).reshape(-1).tolist()), "func": data.text("mean")}
    if attribute(node, "keep_dims", False):
        fields["keepdims"] = data.boolean(True)
    return Converted("Reduce", source.inputs(node)[:1], fields)


def extreme(operation: str) -> Converter:
    """Documented."""

    def convert_extreme(node: NodeDef, source: Source) -> Converted:
        axis = int(source.constant(node, 1))
        return Converted(operation, source.inputs(node)[:1], {"axis": data.integer(axis)})

    return convert_extreme


def pad(node: NodeDef, source: Source) -> Converted:
    """Documented: the paddings are a constant."""
    source.constant(node, 1)
    return Converted("Pad", source.inputs(node))


def gather(node: NodeDef, source: Source) -> Converted:
    """Documented."""
    return Converted("Gather", source.inputs(node))


def gather_along_axis(node: NodeDef, source: Source) -> Converted:
    """Documented."""
    axis = int(source.constant(node, 2))
    return Converted("GatherV2", source.inputs(node)[:2], {"axis": data.integer(axis)})
