"""Read a frozen TensorFlow graph and find one's way in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from todus.bridge.graph_mode import tf
from todus.errors import UserError
from todus.progress import shown

_VARIABLES = {"Variable", "VariableV2", "VarHandleOp", "ReadVariableOp", "AutoReloadVariable"}
_IDENTITIES = {"Identity", "StopGradient", "CheckNumerics"}


@dataclass
class FrozenGraph:
    """A GraphDef, its nodes by name, and which nodes take a node's output."""

    definition: tf.GraphDef
    nodes: dict[str, tf.NodeDef] = field(init=False)
    consumers: dict[str, list[tf.NodeDef]] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = {node.name: node for node in self.definition.node}
        self.consumers = {}
        for node in self.definition.node:
            for name in inputs(node):
                self.consumers.setdefault(name, []).append(node)

    def source(self, name: str) -> tf.NodeDef:
        """The node that makes the value of `name`: `name` itself, or what it hands on."""
        node = self.nodes[name]
        while node.op in _IDENTITIES:
            node = self.nodes[inputs(node)[0]]
        return node

    def users(self, name: str) -> Iterator[tf.NodeDef]:
        """The nodes that compute with the value of `name`, seen through those that only hand it on."""
        for node in self.consumers.get(name, ()):
            if node.op in _IDENTITIES:
                yield from self.users(node.name)
            else:
                yield node

    def constant(self, name: str) -> np.ndarray | None:
        """The value of a Const, seen through what hands it on; None where it is computed."""
        node = self.source(name)
        return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None


def inputs(node: tf.NodeDef) -> list[str]:
    """The names of the nodes whose outputs `node` takes; not those that it only waits for."""
    return [name.split(":")[0] for name in node.input if not name.startswith("^")]


def load(path: Path) -> FrozenGraph:
    """Read the frozen graph `path`.

    Raises:
      UserError: the file is not there, is not a graph, is not frozen, or is not whole.
    """
    definition = tf.GraphDef()
    try:
        definition.ParseFromString(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"{shown(path)} is not there; name another GRAPH") from None
    except DecodeError:
        raise UserError(
            f"{shown(path)} is not a TensorFlow graph, or half of one; fetch it anew or name another (.pb)"
        ) from None
    if not definition.node:
        raise UserError(f"{shown(path)} is not a frozen graph (a SavedModel?); name a frozen_inference_graph.pb")
    variable = next((node.name for node in definition.node if node.op in _VARIABLES), None)
    if variable:
        raise UserError(f"{shown(path)} is not frozen, {variable} is still a variable; run: make export")
    graph = FrozenGraph(definition)
    _require_whole(graph, path)
    return graph


def _require_whole(graph: FrozenGraph, path: Path) -> None:
    for name, (user, *_) in graph.consumers.items():
        if name not in graph.nodes:
            raise UserError(f"{shown(path)} is not whole: {user.name} takes {name}, which is not there; export it anew")
