"""Read a binary .uff file.

The wire format is protocol buffers; the tables below are the schema as Netron's reader has it. Nothing of python/uff is
used, so that a mistake in the writer's schema cannot hide itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

DTYPES = {0x10008: np.int8, 0x10010: np.int16, 0x10020: np.int32, 0x10040: np.int64, 0x20010: np.float16}
DTYPES[0x20020] = np.float32

# Message -> field number -> name and type; a star: repeated; `map X`: entries of string and X.
_MESSAGES = {
    "MetaGraph": {
        1: ("version", "int"),
        2: ("descriptor_core_version", "int"),
        3: ("descriptors", "Descriptor*"),
        4: ("graphs", "Graph*"),
        5: ("referenced_data", "Entry*"),
        100: ("extra_fields", "Entry*"),
    },
    "Descriptor": {1: ("id", "string"), 2: ("version", "int"), 3: ("optional", "int")},
    "Graph": {1: ("id", "string"), 2: ("nodes", "Node*"), 100: ("extra_fields", "Entry*")},
    "Node": {
        1: ("id", "string"),
        2: ("inputs", "string*"),
        3: ("operation", "string"),
        4: ("fields", "Entry*"),
        100: ("extra_fields", "Entry*"),
    },
    "Entry": {1: ("key", "string"), 2: ("value", "Data")},
    "Data": {
        1: ("s", "string"),
        2: ("s_list", "Strings"),
        3: ("d", "double"),
        4: ("d_list", "Doubles"),
        5: ("b", "int"),
        6: ("b_list", "Ints"),
        7: ("i", "int"),
        8: ("i_list", "Ints"),
        9: ("blob", "bytes"),
        100: ("ref", "string"),
        101: ("dtype", "int"),
        102: ("dtype_list", "Ints"),
        103: ("dim_orders", "Orders"),
        104: ("dim_orders_list", "OrdersList"),
    },
    "Strings": {1: ("val", "string*")},
    "Doubles": {1: ("val", "double*")},
    "Ints": {1: ("val", "int*")},
    "Orders": {1: ("orders", "OrdersEntry*")},
    "OrdersEntry": {1: ("key", "int"), 2: ("value", "Ints")},
    "OrdersList": {1: ("val", "Orders*")},
}
_VARINT, _DOUBLE, _BYTES = 0, 1, 2


@dataclass
class Data:
    """One value of a file: its kind (the name of the field of Data that is set; empty if none is) and the value.

    Lists are Python lists, a blob is bytes, orders are dicts of lists.
    """

    kind: str
    value: object


@dataclass
class Node:
    id: str
    operation: str
    inputs: list[str] = field(default_factory=list)
    fields: dict[str, Data] = field(default_factory=dict)


@dataclass
class UffFile:
    """descriptors: id and version of each. graphs: nodes by the graph's id. unused: what no known file has."""

    version: int
    core_version: int
    descriptors: list[tuple[str, int]]
    graphs: dict[str, list[Node]]
    referenced: dict[str, Data]
    unused: list[str] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        """The nodes of the one graph."""
        (nodes,) = self.graphs.values()
        return nodes

    def node(self, name: str) -> Node:
        (found,) = (node for node in self.nodes if node.id == name)
        return found

    def one(self, operation: str) -> Node:
        """The only node of an operation."""
        (found,) = (node for node in self.nodes if node.operation == operation)
        return found


def read(path: Path) -> UffFile:
    return parse(path.read_bytes())


def parse(content: bytes) -> UffFile:
    """Raises ValueError if `content` is not a file of this schema."""
    meta = _message("MetaGraph", memoryview(content))
    graphs = meta.get("graphs", [])
    extra = [meta, *graphs, *(node for graph in graphs for node in graph.get("nodes", []))]
    return UffFile(
        version=meta.get("version", 0),
        core_version=meta.get("descriptor_core_version", 0),
        descriptors=[(d.get("id", ""), d.get("version", 0)) for d in meta.get("descriptors", [])],
        graphs={graph.get("id", ""): [_node(node) for node in graph.get("nodes", [])] for graph in graphs},
        referenced=_entries(meta.get("referenced_data", [])),
        unused=["extra_fields" for message in extra if "extra_fields" in message]
        + ["optional" for descriptor in meta.get("descriptors", []) if "optional" in descriptor],
    )


def _node(node: dict) -> Node:
    fields = _entries(node.get("fields", []))
    return Node(node.get("id", ""), node.get("operation", ""), list(node.get("inputs", [])), fields)


def _entries(entries: list[dict]) -> dict[str, Data]:
    found = {entry.get("key", ""): _data(entry.get("value", {})) for entry in entries}
    if len(found) < len(entries):
        raise ValueError("a map has the same key twice")
    return found


def _data(data: dict) -> Data:
    if len(data) > 1:
        raise ValueError(f"a value is several things at once: {', '.join(data)}")
    for kind, value in data.items():
        if kind.startswith("dim_orders"):
            return Data(kind, _orders(value) if kind == "dim_orders" else [_orders(v) for v in value.get("val", [])])
        return Data(kind, list(value.get("val", [])) if kind.endswith("_list") else value)
    return Data("", None)


def _orders(orders: dict) -> dict[int, list[int]]:
    return {entry.get("key", 0): list(entry.get("value", {}).get("val", [])) for entry in orders.get("orders", [])}


def _message(kind: str, content: memoryview) -> dict:
    fields = _MESSAGES[kind]
    message: dict = {}
    for number, wire, value in _wire(content):
        if number not in fields:
            raise ValueError(f"{kind} has a field {number}, which no .uff file has")
        name, wanted = fields[number]
        values = _values(wanted.rstrip("*"), wire, value)
        if wanted.endswith("*"):
            message.setdefault(name, []).extend(values)
        else:
            message[name] = values[-1]
    return message


def _values(kind: str, wire: int, value: int | memoryview) -> list:
    """The values in one field; numbers may be packed."""
    if kind == "int":
        return [_signed(value)] if wire == _VARINT else [_signed(v) for v in _varints(_bytes(wire, value))]
    if kind == "double":
        if wire not in (_DOUBLE, _BYTES):
            raise ValueError("a double is not 8 bytes")
        return list(struct.unpack(f"<{len(value) // 8}d", value))
    content = _bytes(wire, value)
    if kind == "bytes":
        return [bytes(content)]
    return [str(content, "utf-8")] if kind == "string" else [_message(kind, content)]


def _bytes(wire: int, value: int | memoryview) -> memoryview:
    if wire != _BYTES:
        raise ValueError("a number where bytes should be")
    return value


def _wire(content: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Number, wire type and content of each field."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(content, at)
            yield tag >> 3, wire, value
            continue
        if wire not in (_DOUBLE, _BYTES):
            raise ValueError(f"wire type {wire}, which no .uff file has")
        size, at = (8, at) if wire == _DOUBLE else _varint(content, at)
        if at + size > len(content):
            raise ValueError("the file is cut off")
        yield tag >> 3, wire, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(content):
            raise ValueError("the file is cut off")
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _varints(content: memoryview) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = _varint(content, at)
        yield value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
