"""TensorFlow graphs from .uff files: for asking whether they convert to the files they were made from.

What the text form has left out of the weights is zero here and there.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import text_format

from todus.bridge.graph_mode import tf

from uff.schema import DATA_TYPES, MetaGraph

_SKIPPED = re.compile(rb"\(\.\.\.(\d+) bytes skipped\.\.\.\)")
_TYPES = {
    DATA_TYPES["DT_FLOAT32"]: tf.float32.as_datatype_enum,
    DATA_TYPES["DT_INT32"]: tf.int32.as_datatype_enum,
}
_OPERATIONS = {
    "Input": "Placeholder",
    "Stack": "Pack",
    "Concat": "ConcatV2",
    "BatchNorm": "FusedBatchNorm",
    "relu6": "Relu6",
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "rsqrt": "Rsqrt",
}


def with_zeros(text: str) -> Any:
    """The MetaGraph of a text form, with weights of the right size."""
    meta = text_format.Parse(text, MetaGraph())
    for data in meta.referenced_data.values():
        skipped = _SKIPPED.fullmatch(data.blob)
        if skipped:
            data.blob = bytes(int(skipped[1]))
    return meta


def graph_def(meta: Any) -> Any:
    """A GraphDef whose nodes are in the opposite order, so that none of it can be taken over."""
    graph = tf.GraphDef()
    for node in reversed(meta.graphs[0].nodes):
        if node.operation != "MarkOutput":
            _add(graph, node, meta)
    return graph


def _add(graph: Any, node: Any, meta: Any) -> None:
    new = graph.node.add(name=node.id, op=_operation(node))
    new.input.extend(node.inputs)
    for name, field in node.fields.items():
        _set(new, name, field, node, meta)
    if new.op == "FusedBatchNorm":
        new.attr["is_training"].b = False


def _operation(node: Any) -> str:
    if node.operation.startswith("_"):
        return node.operation[1:]
    if node.id.endswith("BiasAdd"):
        return "BiasAdd"
    if "number_groups" in node.fields:
        return "DepthwiseConv2dNative"
    if node.operation == "Conv":
        return "Conv2D"
    function = node.fields["func"].s if "func" in node.fields else node.operation
    return _OPERATIONS.get(function, function)


def _set(new: Any, name: str, field: Any, node: Any, meta: Any) -> None:
    kind = field.WhichOneof("data_oneof")
    if name == "values":
        tensor = new.attr["value"].tensor
        tensor.dtype = _TYPES[node.fields["dtype"].dtype]
        tensor.tensor_content = meta.referenced_data[field.ref].blob
        for size in node.fields["shape"].i_list.val:
            tensor.tensor_shape.dim.add(size=size)
    elif name in ("strides", "dilation"):
        new.attr[name.replace("dilation", "dilations")].list.i.extend([1, *field.i_list.val, 1])
    elif name == "implicit_padding":
        new.attr["padding"].s = b"SAME"
    elif name == "axes":
        new.attr["squeeze_dims"].list.i.extend(field.i_list.val)
    elif kind == "dtype":
        new.attr[name].type = _TYPES[field.dtype]
    elif name == "shape":
        for size in field.i_list.val:
            new.attr["shape"].shape.dim.add(size=size)
    elif kind == "i_list":
        new.attr[name].list.i.extend(field.i_list.val)
    elif kind == "d_list":
        new.attr[name].list.f.extend(field.d_list.val)
    elif kind == "d":
        new.attr[name].f = field.d
    elif kind == "i":
        new.attr[name].i = field.i
