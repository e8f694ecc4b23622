"""Operations that UFF does not have: for the parser to look up among TensorRT's plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uff import data, weights
from uff.converted import Converted
from uff.schema import Data
from uff.source import Source

if TYPE_CHECKING:
    from tensorflow.core.framework.attr_value_pb2 import AttrValue
    from tensorflow.core.framework.node_def_pb2 import NodeDef


def convert(node: NodeDef, source: Source) -> Converted:
    """The operation's name with an underscore before it, all inputs and all attributes. Seen.

    Attributes of kinds that a field cannot hold (tensors, functions, lists of shapes) are left out.
    """
    fields = {name: _field(value) for name, value in sorted(node.attr.items())}
    known = {name: value for name, value in fields.items() if value is not None}
    return Converted(f"_{node.op}", source.inputs(node), known)


def _field(value: AttrValue) -> Data | None:
    kind = value.WhichOneof("value")
    if kind == "i":
        return data.integer(value.i)
    if kind == "f":
        return data.real(value.f)
    if kind == "b":
        return data.boolean(value.b)
    if kind == "s":
        return data.text(value.s.decode(errors="replace"))
    if kind == "type":
        return data.data_type(weights.data_type_or_invalid(value.type))
    if kind == "shape":
        return data.integers(dimension.size for dimension in value.shape.dim)
    if kind == "list":
        return _list_field(value.list)
    return None


def _list_field(values: AttrValue.ListValue) -> Data | None:
    if values.f:
        return data.reals(values.f)
    if values.b:
        return data.booleans(values.b)
    if values.s:
        return data.texts(text.decode(errors="replace") for text in values.s)
    if values.type:
        return data.data_types(map(weights.data_type_or_invalid, values.type))
    if values.shape or values.tensor or values.func:
        return None
    return data.integers(values.i)
