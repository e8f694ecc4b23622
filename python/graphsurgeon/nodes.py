"""Making nodes that stand in for a plugin, an input or a constant."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from graphsurgeon.errors import GraphError
from graphsurgeon.protos import AttrValue, NodeDef, TensorProto, TensorShapeProto


def create_node(name: str, op: str | None = None, trt_plugin: bool = False, **kwargs: Any) -> NodeDef:
    """A node that belongs to no graph yet.

    Args:
      name: its name.
      op: its operation; without one, the name.
      trt_plugin: write the attributes as TensorRT's plugins want them, see `create_plugin_node`.
      dtype: a TensorFlow or NumPy type, or its name.
      shape: its dimensions, None or -1 for one that is not known.
      inputs: nodes or names of nodes, mixed as one likes.
      kwargs: every other attribute: int, float, bool, str, lists of these, or a NumPy array, which becomes the
        attribute `value` (and gives the dtype), so that the node is a constant.

    Raises:
      GraphError: an attribute of another kind.
    """
    return update_node(NodeDef(), name, op or name, trt_plugin, **kwargs)


def create_plugin_node(name: str, op: str | None = None, **kwargs: Any) -> NodeDef:
    """As `create_node`; but every attribute other than dtype and shape ends in its kind, from which TensorRT's parser
    takes the type of the plugin's field: _u_int, _u_float, _u_ilist, _u_flist, _u_str.

    A bool is written as an int 0 or 1: what a parser would make of another suffix is not known.
    """
    return create_node(name, op, trt_plugin=True, **kwargs)


def update_node(
    node: NodeDef, name: str | None = None, op: str | None = None, trt_plugin: bool = False, **kwargs: Any
) -> NodeDef:
    """Change a node in place: what is given replaces what was there, all else stays. Returns the node."""
    node.name = name or node.name
    node.op = op or node.op
    if "inputs" in kwargs:
        inputs = kwargs.pop("inputs")
        node.ClearField("input")
        node.input.extend(_names([inputs] if isinstance(inputs, str | NodeDef) else inputs))
    for attribute, value in kwargs.items():
        _set(node, attribute, value, trt_plugin)
    return node


def _names(inputs: Iterable[NodeDef | str]) -> list[str]:
    return [given if isinstance(given, str) else given.name for given in inputs]


def _set(node: NodeDef, attribute: str, value: Any, trt_plugin: bool) -> None:
    if attribute == "dtype":
        node.attr["dtype"].type = _data_type(value)
    elif attribute == "shape":
        node.attr["shape"].shape.CopyFrom(_shape(value))
    elif isinstance(value, np.ndarray):
        node.attr["value"].tensor.CopyFrom(_tensor(value))
        node.attr["dtype"].type = _data_type(value.dtype)
    else:
        suffix, encoded = _encoded(node.name, attribute, value, trt_plugin)
        node.attr[attribute + suffix if trt_plugin else attribute].CopyFrom(encoded)


def _data_type(value: Any) -> int:
    try:
        return tf.as_dtype(value).as_datatype_enum
    except TypeError as error:
        raise GraphError(f"no data type: {value!r}") from error


def _shape(dimensions: Iterable[int | None]) -> TensorShapeProto:
    sizes = [-1 if size is None else int(size) for size in dimensions]
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def _tensor(array: np.ndarray) -> TensorProto:
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()  # TensorFlow takes the bytes as they are
    return TensorProto(dtype=_data_type(array.dtype), tensor_shape=_shape(array.shape), tensor_content=content)


def _encoded(node_name: str, attribute: str, value: Any, trt_plugin: bool) -> tuple[str, AttrValue]:
    """The suffix of an attribute's name in a plugin, and its value."""
    if isinstance(value, bool | np.bool_):
        return ("_u_int", AttrValue(i=int(value))) if trt_plugin else ("", AttrValue(b=bool(value)))
    if isinstance(value, numbers.Integral):
        return "_u_int", AttrValue(i=int(value))
    if isinstance(value, numbers.Real):
        return "_u_float", AttrValue(f=float(value))
    if isinstance(value, str | bytes):
        return "_u_str", AttrValue(s=value.encode() if isinstance(value, str) else value)
    if isinstance(value, list | tuple):
        encoded = _encoded_list(list(value), trt_plugin)
        if encoded is not None:
            return encoded
    raise GraphError(f"{node_name}: attribute {attribute}={value!r} is neither a number, a text, a list nor an array")


def _encoded_list(values: list, trt_plugin: bool) -> tuple[str, AttrValue] | None:
    """None where a list cannot hold such values; lists of text have no suffix that a plugin is known to read."""
    encoded = AttrValue(list=AttrValue.ListValue())
    if values and all(isinstance(value, bool | np.bool_) for value in values) and not trt_plugin:
        encoded.list.b.extend(map(bool, values))
        return "", encoded
    if all(isinstance(value, numbers.Integral) for value in values):
        encoded.list.i.extend(map(int, values))
        return "_u_ilist", encoded
    if all(isinstance(value, numbers.Real) for value in values):
        encoded.list.f.extend(map(float, values))
        return "_u_flist", encoded
    if all(isinstance(value, str) for value in values) and not trt_plugin:
        encoded.list.s.extend(value.encode() for value in values)
        return "", encoded
    return None
