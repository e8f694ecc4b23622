"""The TensorFlow graph as the converter reads it: Identity nodes are not there, control inputs neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uff import weights
from uff.errors import UffError

if TYPE_CHECKING:
    import numpy as np
    from tensorflow.core.framework.node_def_pb2 import NodeDef

_VARIABLES = {"Variable", "VariableV2", "VarHandleOp", "ReadVariableOp", "AutoReloadVariable"}


class Source:
    """Finds nodes and what they read."""

    def __init__(self, nodes: dict[str, NodeDef]) -> None:
        self._nodes = nodes

    def node(self, name: str) -> NodeDef:
        """The node `name`, or what it passes on if it is an Identity.

        Raises:
          UffError: there is none, or it is a variable.
        """
        return self._behind_identities(name, "the conversion")

    def inputs(self, node: NodeDef) -> list[NodeDef]:
        """The nodes that `node` reads, in its order.

        Raises:
          UffError: one is not in the graph, is a variable, or is read at another output than its first.
        """
        return [self._behind_identities(reference, node.name) for reference in _data_references(node)]

    def constant(self, node: NodeDef, position: int) -> np.ndarray:
        """The values of the constant that `node` reads at `position`.

        Raises:
          UffError: that is no constant.
        """
        inputs = self.inputs(node)
        if position >= len(inputs) or inputs[position].op != "Const":
            what = f"input {position}" if position >= len(inputs) else inputs[position].name
            raise UffError(f"{node.name} ({node.op}) can be converted only if {what} is a constant")
        return weights.array(inputs[position].attr["value"].tensor)

    def _behind_identities(self, reference: str, reader: str) -> NodeDef:
        node = self._read(reference, reader)
        passed: set[str] = set()
        while node.op == "Identity":
            references = _data_references(node)
            if not references:
                raise UffError(f"{node.name} is an Identity of nothing")
            if node.name in passed:
                raise UffError(f"{node.name} is an Identity of itself")
            passed.add(node.name)
            node = self._read(references[0], node.name)
        return node

    def _read(self, reference: str, reader: str) -> NodeDef:
        name, _, output = reference.partition(":")
        if output not in ("", "0"):
            raise UffError(f"{reader} reads output {output} of {name}, and nodes of UFF have one output")
        if name not in self._nodes:
            raise UffError(f"{reader} reads {name}, which is not in the graph")
        node = self._nodes[name]
        if node.op in _VARIABLES:
            raise UffError(f"{name} is a variable: the graph is not frozen")
        return node


def _data_references(node: NodeDef) -> list[str]:
    return [reference for reference in node.input if not reference.startswith("^")]


def attribute(node: NodeDef, name: str, default: Any) -> Any:
    """An attribute of a node as a Python value; `default`, which gives the kind, where the node lacks it."""
    if name not in node.attr:
        return default
    value = node.attr[name]
    if isinstance(default, bool):
        return value.b
    if isinstance(default, int):
        return value.i
    if isinstance(default, float):
        return value.f
    if isinstance(default, str):
        return value.s.decode()
    return list(value.list.i)
