"""Check the structure of a .uff file: what every file has that NVIDIA's converter is known to have written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from uff_interpreter.uff_file import DTYPES, Node, UffFile

INCREMENT = 2**31 - 1
SPECIAL = -1
NHWC = {SPECIAL: [0, 2, INCREMENT, 1]}
HWIO = {SPECIAL: [2, INCREMENT, 1, 0]}
ORDERS = {
    "orders_N+C": [NHWC],
    "orders_N+C_+CK": [NHWC, HWIO],
    "orders_NC_CK": [{SPECIAL: [0, 1]}, {SPECIAL: [1, 0]}],
}
DESCRIPTORS = [("tensorflow_extension", 1)]
CUSTOM = ("custom", 1)

ANY = -1


@dataclass(frozen=True)
class Signature:
    """How an operation is written: the number of its inputs (ANY: one or more) and the kind of each field."""

    inputs: int
    fields: dict[str, str]
    optional: dict[str, str]


def _signature(inputs: int, optional: dict[str, str] | None = None, **fields: str) -> Signature:
    return Signature(inputs, fields, optional or {})


_WINDOW = {"inputs_orders": "ref", "strides": "i_list"}
_SAME = {"implicit_padding": "s"}
SIGNATURES = {
    "Input": _signature(0, dtype="dtype", shape="i_list"),
    "Const": _signature(0, dtype="dtype", shape="i_list", values="ref"),
    "Conv": _signature(2, {**_SAME, "number_groups": "i"}, dilation="i_list", **_WINDOW),
    "Pool": _signature(1, _SAME, func="s", kernel="i_list", **_WINDOW),
    "BatchNorm": _signature(5, epsilon="d", inputs_orders="ref"),
    "FullyConnected": _signature(2, inputs_orders="ref"),
    "Softmax": _signature(1, axis="i", inputs_orders="ref"),
    "Binary": _signature(2, func="s"),
    "Unary": _signature(1, func="s"),
    "Activation": _signature(1, func="s"),
    "LeakyRelu": _signature(1, alpha="d"),
    "Concat": _signature(ANY, axis="i"),
    "Stack": _signature(ANY, axis="i"),
    "Reshape": _signature(2),
    "Flatten": _signature(1),
    "Shape": _signature(1),
    "StridedSlice": _signature(4, begin_mask="i", end_mask="i", shrink_axis_mask="i"),
    "Squeeze": _signature(1, axes="i_list"),
    "ExpandDims": _signature(1, axis="i"),
    "Transpose": _signature(1, permutation="i_list"),
    "Reduce": _signature(1, {"keepdims": "b"}, axes="i_list", func="s"),
    "MarkOutput": _signature(1),
}

# How a plugin's attribute is named by its type, and the field of Data that it is in.
SUFFIXES = {"_u_int": "i", "_u_float": "d", "_u_ilist": "i_list", "_u_flist": "d_list", "_u_str": "s"}


def problems(file: UffFile) -> list[str]:
    """What is wrong with a file, one line each; none if nothing is."""
    return [
        *_head(file),
        *(problem for nodes in file.graphs.values() for problem in _graph(nodes)),
        *_references(file),
        *_constants(file),
        *_orders(file),
    ]


def require(file: UffFile) -> None:
    """Raises AssertionError that names all that is wrong."""
    found = problems(file)
    assert not found, "\n".join(found)


def _head(file: UffFile) -> Iterator[str]:
    if (file.version, file.core_version) != (1, 1):
        yield f"version {file.version}, descriptor_core_version {file.core_version}; both should be 1"
    custom = any(node.operation.startswith("_") for nodes in file.graphs.values() for node in nodes)
    wanted = [*DESCRIPTORS, CUSTOM] if custom else DESCRIPTORS
    if file.descriptors != wanted:
        yield f"descriptors {file.descriptors}; should be {wanted}"
    if list(file.graphs) != ["main"]:
        yield f"graphs {list(file.graphs)}; should be one, main"
    for name in file.unused:
        yield f"{name} is there, which no known file has"


def _graph(nodes: list[Node]) -> Iterator[str]:
    operations = Counter(node.operation for node in nodes)
    for name, count in Counter(node.id for node in nodes).items():
        if count > 1:
            yield f"{name}: {count} nodes have this id"
    known = {node.id for node in nodes}
    for node in nodes:
        for name in node.inputs:
            if name not in known:
                yield f"{node.id}: its input {name} is not there"
        yield from _signature_problems(node)
    for operation in ("Input", "MarkOutput"):
        if not operations[operation]:
            yield f"no node is a {operation}"
    yield from _unreachable(nodes)
    yield from _marks(nodes)


def _unreachable(nodes: list[Node]) -> Iterator[str]:
    by_id = {node.id: node for node in nodes}
    waiting = [node.id for node in nodes if node.operation == "MarkOutput"]
    reached = set()
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in reached:
            reached.add(name)
            waiting.extend(by_id[name].inputs)
    for name in by_id:
        if name not in reached:
            yield f"{name}: no output needs it"


def _marks(nodes: list[Node]) -> Iterator[str]:
    """Outputs are marked at the end, by nodes called MarkOutput_0, MarkOutput_1, ..."""
    marks = [node.id for node in nodes if node.operation == "MarkOutput"]
    if marks != [f"MarkOutput_{k}" for k in range(len(marks))] or [n.id for n in nodes[-len(marks) :]] != marks:
        yield f"outputs are marked by {marks}; should be MarkOutput_0 and so on, after all other nodes"


def _signature_problems(node: Node) -> Iterator[str]:
    if node.operation.startswith("_"):
        yield from _plugin_problems(node)
        return
    signature = SIGNATURES.get(node.operation)
    if not signature:
        yield f"{node.id}: operation {node.operation}, which UFF does not have"
        return
    if len(node.inputs) != signature.inputs and not (signature.inputs == ANY and node.inputs):
        yield f"{node.id}: {node.operation} with {len(node.inputs)} inputs"
    kinds = {**signature.fields, **signature.optional}
    for name, data in node.fields.items():
        if kinds.get(name) != data.kind:
            yield f"{node.id}: field {name} is a {data.kind}; {node.operation} has {kinds.get(name, 'none')}"
    for name in signature.fields:
        if name not in node.fields:
            yield f"{node.id}: {node.operation} without {name}"


def _plugin_problems(node: Node) -> Iterator[str]:
    for name, data in node.fields.items():
        if name in ("dtype", "shape"):
            continue
        suffix = name[name.find("_u_") :] if "_u_" in name else ""
        if SUFFIXES.get(suffix) != data.kind:
            yield f"{node.id}: attribute {name} is a {data.kind}"


def _references(file: UffFile) -> Iterator[str]:
    used = {
        data.value
        for nodes in file.graphs.values()
        for node in nodes
        for data in node.fields.values()
        if data.kind == "ref"
    }
    for name in sorted(used - file.referenced.keys()):
        yield f"{name}: referred to and not there"
    for name in sorted(file.referenced.keys() - used):
        yield f"{name}: there and not referred to"


def _constants(file: UffFile) -> Iterator[str]:
    for node in (node for nodes in file.graphs.values() for node in nodes if node.operation == "Const"):
        if any(name not in node.fields for name in ("dtype", "shape", "values")):
            continue  # told already
        blob = file.referenced.get(node.fields["values"].value)
        dtype = DTYPES.get(node.fields["dtype"].value)
        shape = node.fields["shape"].value
        if node.fields["values"].value != f"weights_{node.id}":
            yield f"{node.id}: its values are called {node.fields['values'].value}"
        if dtype is None:
            yield f"{node.id}: data type {node.fields['dtype'].value}"
        elif blob is not None and blob.kind != "blob":
            yield f"{node.id}: its values are a {blob.kind}"
        elif blob is not None and len(blob.value) != np.dtype(dtype).itemsize * np.prod(shape, dtype=int):
            yield f"{node.id}: {len(blob.value)} bytes for {np.dtype(dtype).name}{shape}"


def _orders(file: UffFile) -> Iterator[str]:
    for node in (node for nodes in file.graphs.values() for node in nodes):
        data = node.fields.get("inputs_orders")
        if data is None or data.value not in file.referenced:
            continue
        if data.value not in ORDERS:
            yield f"{node.id}: orders {data.value}"
        elif file.referenced[data.value].value != ORDERS[data.value]:
            yield f"{node.id}: {data.value} are {file.referenced[data.value].value}"
