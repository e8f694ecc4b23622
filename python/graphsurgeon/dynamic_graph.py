"""A TensorFlow graph that can be changed."""

from __future__ import annotations

from collections.abc import Iterable

from graphsurgeon import namespaces
from graphsurgeon.errors import GraphError
from graphsurgeon.protos import NodeDef
from graphsurgeon.references import as_control, is_control, node_name
from graphsurgeon.static_graph import StaticGraph

Nodes = NodeDef | str | Iterable[NodeDef | str]


class DynamicGraph(StaticGraph):
    """A StaticGraph, and what changes it in place."""

    def append(self, node: NodeDef) -> None:
        """Put a node at the end. It is taken itself, not a copy: what is changed in it later shows in the graph.

        Raises:
          GraphError: the graph has a node of this name.
        """
        if node.name in self.node_map:
            raise GraphError(f"the graph has a node {node.name} already")
        self._nodes.append(node)

    def extend(self, node_list: Iterable[NodeDef]) -> None:
        """Append all these nodes."""
        for node in node_list:
            self.append(node)

    def collapse_namespaces(
        self,
        namespace_map: dict[str, NodeDef],
        exclude_nodes: Nodes = (),
        unique_inputs: bool = True,
    ) -> None:
        """Replace all the nodes of each namespace by one plugin node. See graphsurgeon.namespaces.

        Args:
          namespace_map: the plugin node that stands for a namespace (or for the single node of that name); several
            namespaces may share one. A namespace within another goes into its own plugin.
          exclude_nodes: nodes, or names of nodes, that stay and become inputs or outputs of the plugin.
          unique_inputs: list each input of a plugin once; False may list it for each node that read it.

        Raises:
          GraphError: a plugin has the name of a node that stays.
        """
        excluded = set(_names(exclude_nodes))
        self._nodes = namespaces.collapse(self._nodes, namespace_map, excluded, unique_inputs)

    def forward_inputs(self, nodes: Nodes) -> None:
        """Remove nodes; whoever read one reads its inputs instead. A node with control inputs stays as it is."""
        inputs = {
            node.name: list(node.input)
            for node in self._chosen(nodes)
            if not any(is_control(reference) for reference in node.input)
        }
        self._nodes = [node for node in self._nodes if node.name not in inputs]
        for node in self._nodes:
            _rewrite(node, [source for reference in node.input for source in _forwarded(reference, inputs)])

    def remove(self, nodes: Nodes, remove_exclusive_dependencies: bool = False) -> None:
        """Remove nodes; whoever read one has one input fewer.

        Args:
          remove_exclusive_dependencies: also remove what only removed nodes read, and so on.
        """
        chosen = self._chosen(nodes)
        gone = {node.name for node in chosen}
        if remove_exclusive_dependencies:
            gone |= self._exclusive_dependencies(chosen, gone)
        self._nodes = [node for node in self._nodes if node.name not in gone]
        for node in self._nodes:
            _rewrite(node, [reference for reference in node.input if node_name(reference) not in gone])

    def _chosen(self, nodes: Nodes) -> list[NodeDef]:
        names = set(_names(nodes))
        return [node for node in self._nodes if node.name in names]

    def _exclusive_dependencies(self, removed: list[NodeDef], gone: set[str]) -> set[str]:
        nodes, readers = self.node_map, self.node_outputs
        exclusive: set[str] = set()
        left = list(removed)
        while left:
            for name in map(node_name, left.pop().input):
                known = gone | exclusive
                if name in nodes and name not in known and all(reader.name in known for reader in readers[name]):
                    exclusive.add(name)
                    left.append(nodes[name])
        return exclusive


def _names(nodes: Nodes) -> list[str]:
    several = [nodes] if isinstance(nodes, str | NodeDef) else nodes
    return [node if isinstance(node, str) else node.name for node in several]


def _forwarded(reference: str, inputs: dict[str, list[str]]) -> list[str]:
    """What to read instead of `reference`, where `inputs` has the inputs of all the nodes that went. Those of a loop
    lead to what came into it."""
    sources: list[str] = []
    within: set[str] = set()
    waiting = [(reference, False)]
    while waiting:
        current, is_done = waiting.pop()
        name = node_name(current)
        if is_done:
            within.remove(name)
        elif name not in inputs:
            sources.append(current)
        elif name not in within:
            within.add(name)
            waiting.append((current, True))
            waiting.extend((source, False) for source in reversed(inputs[name]))
    return list(map(as_control, sources)) if is_control(reference) and node_name(reference) in inputs else sources


def _rewrite(node: NodeDef, inputs: list[str]) -> None:
    if inputs != list(node.input):
        node.ClearField("input")
        node.input.extend(inputs)
