"""The MetaGraph of a TensorFlow graph: all that its outputs need, in the order of NVIDIA's converter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uff import custom, operations, orders
from uff.converted import Converted, weights_key
from uff.errors import UffError
from uff.log import Log
from uff.schema import Data, Descriptor, Graph, MetaGraph, Node
from uff.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tensorflow.core.framework.node_def_pb2 import NodeDef


def convert(nodes: dict[str, NodeDef], output_nodes: list[str], log: Log) -> MetaGraph:
    """Args:
      nodes: the graph's nodes by name.
      output_nodes: the names of its outputs.

    Raises:
      UffError: an output is not there, the graph is not frozen, or it uses an operation in a way that UFF lacks.
    """
    if not output_nodes:
        raise UffError("the graph has no output")
    source = Source(nodes)
    outputs = [source.node(name) for name in output_nodes]
    meta = MetaGraph(version=1, descriptor_core_version=1, graphs=[Graph(id="main")])
    for node, converted in _in_order(outputs, source, log):
        _write(meta, node.name, converted)
    for number, output in enumerate(outputs):
        meta.graphs[0].nodes.append(Node(id=f"MarkOutput_{number}", inputs=[output.name], operation="MarkOutput"))
    meta.descriptors.append(Descriptor(id="tensorflow_extension", version=1))
    if any(is_custom(node) for node in meta.graphs[0].nodes):
        meta.descriptors.append(Descriptor(id="custom", version=1))
    return meta


def is_custom(node: Node) -> bool:
    """Whether a node of UFF is one that a plugin has to compute."""
    return node.operation.startswith("_")


def _in_order(outputs: list[NodeDef], source: Source, log: Log) -> Iterator[tuple[NodeDef, Converted]]:
    """Every node that the outputs need, readers first: a stack from which the last input is taken first.

    The one exception of all the files seen: the bias of a BiasAdd comes just before it.
    """
    seen: set[str] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.name in seen:
            continue
        converted = _converted(node, source, log)
        inputs = converted.inputs
        if node.op == "BiasAdd" and inputs[-1].op == "Const":
            bias, inputs = inputs[-1], inputs[:-1]
            if bias.name not in seen:
                seen.add(bias.name)
                yield bias, _converted(bias, source, log)
        seen.add(node.name)
        yield node, converted
        stack.extend(inputs)


def _converted(node: NodeDef, source: Source, log: Log) -> Converted:
    converted = operations.convert(node, source)
    if converted is None:
        log.say(f"Warning: No conversion function registered for layer: {node.op} yet.")
        log.say(f"Converting {node.name} as custom op: {node.op}")
        converted = custom.convert(node, source)
    log.detail(f"Converted {node.name} ({node.op}) to {converted.operation}")
    return converted


def _write(meta: MetaGraph, name: str, converted: Converted) -> None:
    node = meta.graphs[0].nodes.add(id=name, operation=converted.operation)
    node.inputs.extend(source.name for source in converted.inputs)
    for key, value in converted.fields.items():
        node.fields[key].CopyFrom(value)
        if value.WhichOneof("data_oneof") == "ref" and orders.is_order(value.ref):
            meta.referenced_data[value.ref].CopyFrom(orders.referenced(value.ref))
    if converted.blob is not None:
        meta.referenced_data[weights_key(name)].CopyFrom(Data(blob=converted.blob))
