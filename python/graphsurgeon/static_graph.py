"""A TensorFlow graph that can be searched."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from graphsurgeon.errors import GraphError
from graphsurgeon.protos import GraphDef, NodeDef
from graphsurgeon.references import node_name

_NEVER_OUTPUTS = {"Const", "NoOp"}  # nobody reads them, and yet nobody wants them


class StaticGraph:
    """The nodes of a graph in their order.

    Iterating gives the nodes; `graph[3]` is one by position, `graph["name"]` one by name. The nodes are the graph's
    own: what is changed in them is changed in the graph.
    """

    def __init__(self, graphdef: Any = None) -> None:
        """Args:
          graphdef: a GraphDef, a tf.Graph, another graph of graphsurgeon (all are copied) or the path of a file; None
            makes an empty graph.

        Raises:
          GraphError: the file holds no graph, or two nodes have the same name.
          OSError: the file cannot be read.
        """
        self._nodes: list[NodeDef] = []
        self._frame = GraphDef()  # all of the graph but its nodes: versions and function library
        if isinstance(graphdef, str | os.PathLike):
            self.read(graphdef)
        elif graphdef is not None:
            self._take(graphdef if isinstance(graphdef, GraphDef) else graphdef.as_graph_def())

    def _take(self, graph_def: GraphDef) -> None:
        own = GraphDef()
        own.CopyFrom(graph_def)
        self._nodes = list(own.node)
        self._frame = GraphDef(versions=own.versions, library=own.library)
        if len(self.node_map) < len(self._nodes):
            raise GraphError("two nodes of the graph have the same name")

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[NodeDef]:
        return iter(self._nodes)

    def __getitem__(self, key: str | int) -> NodeDef:
        if not isinstance(key, str):
            return self._nodes[key]
        for node in self._nodes:
            if node.name == key:
                return node
        raise KeyError(key)

    @property
    def node_map(self) -> dict[str, NodeDef]:
        """The nodes by their names."""
        return {node.name: node for node in self._nodes}

    @property
    def node_outputs(self) -> dict[str, list[NodeDef]]:
        """For the name of every node, the nodes that read it."""
        readers: dict[str, list[NodeDef]] = {node.name: [] for node in self._nodes}
        for node in self._nodes:
            for name in dict.fromkeys(map(node_name, node.input)):
                if name in readers:
                    readers[name].append(node)
        return readers

    @property
    def graph_inputs(self) -> list[NodeDef]:
        """The likely inputs: every Placeholder, also one that (still) has inputs itself."""
        return self.find_nodes_by_op("Placeholder")

    @property
    def graph_outputs(self) -> list[NodeDef]:
        """The likely outputs: what nobody reads, but for constants."""
        readers = self.node_outputs
        return [node for node in self._nodes if not readers[node.name] and node.op not in _NEVER_OUTPUTS]

    def find_nodes_by_name(self, name: str | Iterable[str]) -> list[NodeDef]:
        """The nodes whose whole name is one of those given, or matches it as a regular expression."""
        return _matching(self._nodes, name)

    def find_nodes_by_path(self, path: str | Iterable[str]) -> list[NodeDef]:
        """The nodes at one of the paths given. As a node's name is its path, this is `find_nodes_by_name`."""
        return _matching(self._nodes, path)

    def find_nodes_by_op(self, op: str | Iterable[str]) -> list[NodeDef]:
        """The nodes of one of the operations given."""
        return _of_operation(self._nodes, op)

    def find_node_inputs(self, node: NodeDef) -> list[NodeDef]:
        """The nodes that `node` reads, in its order; those that are not in the graph are left out."""
        nodes = self.node_map
        return [nodes[name] for name in map(node_name, node.input) if name in nodes]

    def find_node_inputs_by_name(self, node: NodeDef, name: str | Iterable[str]) -> list[NodeDef]:
        """Those of `find_node_inputs` that `find_nodes_by_name` would find."""
        return _matching(self.find_node_inputs(node), name)

    def find_node_inputs_by_op(self, node: NodeDef, op: str | Iterable[str]) -> list[NodeDef]:
        """Those of `find_node_inputs` of one of the operations given."""
        return _of_operation(self.find_node_inputs(node), op)

    def find_node_chains_by_op(self, chain: list[str | Iterable[str]]) -> list[list[NodeDef]]:
        """Every row of nodes, each read by the next, whose operations are those of `chain` in order."""
        if not chain:
            return []
        readers = self.node_outputs
        found = [[node] for node in self.find_nodes_by_op(chain[0])]
        for op in chain[1:]:
            found = [[*row, reader] for row in found for reader in _of_operation(readers[row[-1].name], op)]
        return found

    def as_graph_def(self) -> GraphDef:
        """A copy of the graph as TensorFlow's protocol buffer."""
        graph_def = GraphDef()
        graph_def.CopyFrom(self._frame)
        graph_def.node.extend(self._nodes)
        return graph_def

    def read(self, filename: str | os.PathLike) -> None:
        """Take the graph of a file instead, a frozen .pb or its text .pbtxt.

        Raises:
          GraphError: the file holds no graph.
          OSError: the file cannot be read.
        """
        path = Path(filename)
        content = path.read_bytes()
        try:
            if path.suffix == ".pbtxt":
                graph_def = text_format.Parse(content, GraphDef())
            else:
                graph_def = GraphDef.FromString(content)
        except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
            raise GraphError(f"{path} holds no TensorFlow graph") from error
        if not graph_def.node:
            raise GraphError(f"{path} holds no TensorFlow graph")
        self._take(graph_def)

    def write(self, filename: str | os.PathLike) -> None:
        """Write the graph as a .pb file."""
        Path(filename).write_bytes(self.as_graph_def().SerializeToString(deterministic=True))

    def write_tensorboard(self, logdir: str | os.PathLike) -> None:
        """Write an event file for TensorBoard's view of graphs."""
        import tensorflow as tf
        from tensorflow.core.util.event_pb2 import Event

        Path(logdir).mkdir(parents=True, exist_ok=True)
        now = time.time()
        with tf.io.TFRecordWriter(str(Path(logdir) / f"events.out.tfevents.{int(now)}.graph")) as writer:
            writer.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
            graph = self.as_graph_def().SerializeToString(deterministic=True)
            writer.write(Event(wall_time=now, graph_def=graph).SerializeToString())


def _matching(nodes: Iterable[NodeDef], names: str | Iterable[str]) -> list[NodeDef]:
    wanted = [names] if isinstance(names, str) else list(names)
    patterns = [re.compile(pattern) for pattern in wanted if _is_regex(pattern)]
    exact = set(wanted)
    return [node for node in nodes if node.name in exact or any(p.fullmatch(node.name) for p in patterns)]


def _is_regex(text: str) -> bool:
    """Most names are plain; a few, taken for expressions, are none: `unit(1`."""
    try:
        re.compile(text)
    except re.error:
        return False
    return re.escape(text) != text


def _of_operation(nodes: Iterable[NodeDef], op: str | Iterable[str]) -> list[NodeDef]:
    operations = {op} if isinstance(op, str) else set(op)
    return [node for node in nodes if node.op in operations]
