"""Collapsing namespaces into plugin nodes.

No rule of this is documented; the following one agrees with every output of NVIDIA's converter that was seen:

- A name belongs to the longest key of the map that is the name itself or a folder of it: `concat` owns `concat` and
  `concat/axis`, and neither `concat_1` nor `a/concat`.
- The nodes are walked in the graph's order. What a node reads from outside its plugin is appended to the plugin's
  inputs unless it is there; what belongs to another namespace is read as that one's plugin.
- What a node reads is looked up as it is written, with its output number: `Postprocessor/unstack:1` lies in
  `Postprocessor`, but `image_tensor:0` is not `image_tensor`, and so it stays in the list. Config scripts in public use
  rely on finding it there in order to remove it.

Open, and chosen here: control inputs of collapsed nodes are dropped; the plugins come last in the graph; whoever stays
and reads a collapsed node, any of its outputs, reads the plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphsurgeon.errors import GraphError
from graphsurgeon.protos import NodeDef
from graphsurgeon.references import is_control, node_name


def collapse(
    nodes: list[NodeDef], namespace_map: Mapping[str, NodeDef], excluded: set[str], unique_inputs: bool
) -> list[NodeDef]:
    """The nodes of the collapsed graph; the plugins and the nodes that stay are changed in place."""
    owner = _Owners(namespace_map, excluded)
    staying = [node for node in nodes if owner.of(node.name) is None]
    plugins = _distinct(owner.of(node.name) for node in nodes)
    _check_names(staying, plugins)
    for node in nodes:
        plugin = owner.of(node.name)
        if plugin is None:
            _read_plugins(node, owner)
        else:
            _hand_over_inputs(node, plugin, owner, unique_inputs)
    return [*staying, *plugins]


class _Owners:
    """Which plugin a name, or a reference as it is written, belongs to."""

    def __init__(self, namespace_map: Mapping[str, NodeDef], excluded: set[str]) -> None:
        self._namespace_map = namespace_map
        self._excluded = excluded

    def of(self, reference: str) -> NodeDef | None:
        if node_name(reference) in self._excluded:
            return None
        path = reference
        while path and path not in self._namespace_map:
            path = path.rpartition("/")[0]
        return self._namespace_map[path] if path else None


def _distinct(plugins: Iterable[NodeDef | None]) -> list[NodeDef]:
    return list({plugin.name: plugin for plugin in plugins if plugin is not None}.values())


def _check_names(staying: list[NodeDef], plugins: list[NodeDef]) -> None:
    names = {node.name for node in staying}
    for plugin in plugins:
        if plugin.name in names:
            raise GraphError(f"the plugin {plugin.name} has the name of a node that is not in a collapsed namespace")


def _hand_over_inputs(node: NodeDef, plugin: NodeDef, owner: _Owners, unique_inputs: bool) -> None:
    for reference in node.input:
        if is_control(reference):
            continue
        other = owner.of(reference)
        source = other.name if other is not None else reference
        if source != plugin.name and not (unique_inputs and source in plugin.input):
            plugin.input.append(source)


def _read_plugins(node: NodeDef, owner: _Owners) -> None:
    for position, reference in enumerate(node.input):
        plugin = owner.of(node_name(reference))
        if plugin is not None:
            node.input[position] = f"^{plugin.name}" if is_control(reference) else plugin.name
