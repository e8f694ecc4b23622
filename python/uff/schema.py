"""The protocol buffers of a .uff file, without generated code and in a pool of their own.

Field names and numbers are those that Netron (MIT licence) reads; files of NVIDIA's converter, parsed with them, leave
no unknown field and serialise again to the same number of bytes.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "double": _Field.TYPE_DOUBLE,
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
}

DATA_TYPES = {
    "DT_INVALID": 0,
    "DT_INT8": 0x10008,
    "DT_INT16": 0x10010,
    "DT_INT32": 0x10020,
    "DT_INT64": 0x10040,
    "DT_FLOAT16": 0x20010,
    "DT_FLOAT32": 0x20020,
}
SPECIAL = -1  # the key of an order
INCREMENT = 2**31 - 1  # in an order: all the dimensions from the one before it on

_MESSAGES = {
    "MetaGraph": """
        int64 version = 1
        int64 descriptor_core_version = 2
        repeated Descriptor descriptors = 3
        repeated Graph graphs = 4
        map string Data referenced_data = 5
        map string Data extra_fields = 100""",
    "Descriptor": """
        string id = 1
        int64 version = 2
        bool optional = 3""",
    "Graph": """
        string id = 1
        repeated Node nodes = 2
        map string Data extra_fields = 100""",
    "Node": """
        string id = 1
        repeated string inputs = 2
        string operation = 3
        map string Data fields = 4
        map string Data extra_fields = 100""",
    "Data": """
        oneof string s = 1
        oneof ListString s_list = 2
        oneof double d = 3
        oneof ListDouble d_list = 4
        oneof bool b = 5
        oneof ListBool b_list = 6
        oneof int64 i = 7
        oneof ListInt64 i_list = 8
        oneof bytes blob = 9
        oneof string ref = 100
        oneof DataType dtype = 101
        oneof ListDataType dtype_list = 102
        oneof DimensionOrders dim_orders = 103
        oneof ListDimensionOrders dim_orders_list = 104""",
    "DimensionOrders": "map int32 ListInt64 orders = 1",
    "ListString": "repeated string val = 1",
    "ListDouble": "repeated double val = 1",
    "ListBool": "repeated bool val = 1",
    "ListInt64": "repeated int64 val = 1",
    "ListDataType": "repeated DataType val = 1",
    "ListDimensionOrders": "repeated DimensionOrders val = 1",
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="uff.proto", package="uff", syntax="proto3")
    types = file.enum_type.add(name="DataType")
    for name, number in DATA_TYPES.items():
        types.value.add(name=name, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for line in fields.strip().splitlines():
            *label, field_name, _, number = line.split()
            _add_field(message, label, field_name, int(number))
    return file


def _add_field(message: descriptor_pb2.DescriptorProto, label: list[str], name: str, number: int) -> None:
    """Add a field; `label` is all that stands before its name: `int64`, `repeated Node`, `map string Data`, ..."""
    field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if label[0] == "map":
        entry = message.nested_type.add(name=name.title().replace("_", "") + "Entry")
        entry.options.map_entry = True
        _add_field(entry, label[1:2], "key", 1)
        _add_field(entry, label[2:], "value", 2)
        field.label, field.type = _Field.LABEL_REPEATED, _Field.TYPE_MESSAGE
        field.type_name = f".uff.{message.name}.{entry.name}"
        return
    if label[0] == "repeated":
        field.label = _Field.LABEL_REPEATED
    elif label[0] == "oneof":
        if not message.oneof_decl:
            message.oneof_decl.add(name="data_oneof")
        field.oneof_index = 0
    _set_type(field, label[-1])


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_ENUM if kind == "DataType" else _Field.TYPE_MESSAGE
        field.type_name = f".uff.{kind}"


def _message(name: str) -> type:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"uff.{name}"))


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())

MetaGraph = _message("MetaGraph")
Descriptor = _message("Descriptor")
Graph = _message("Graph")
Node = _message("Node")
Data = _message("Data")
DimensionOrders = _message("DimensionOrders")
ListDimensionOrders = _message("ListDimensionOrders")
